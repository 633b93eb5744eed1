"""Selecting: languages, the order of the filters, and a funnel that adds up."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from normalise_shard import normalise_shard
from select_shard import detect_language, language_sample, opening, select_shard

from shared import contracts
from shared.job import InputError

ENGLISH = "Could you tell me how long the ferry takes to the other side of the bay?"
GERMAN = "Kannst du mir sagen, wie lange die Fähre bis zur anderen Seite der Bucht braucht?"
FLAGS = ["exact_duplicate", "near_duplicate", "repeated_first_prompt"]


def table(*conversations):
    """Conversations given as lists of (role, text)."""
    records = [
        {"id": f"c{number}", "messages": [{"role": role, "content": text} for role, text in messages]}
        for number, messages in enumerate(conversations)
    ]
    return normalise_shard(records)[0]


def talk(human=ENGLISH, reply="About forty minutes."):
    return [("user", human), ("assistant", reply)]


def flags(conversations, **flagged):
    """No duplicates but those named: exact_duplicate=["c1"]."""
    return conversations.select(
        "conversation_id",
        unique_id=pl.col("conversation_id"),
        copy_of=pl.col("conversation_id"),
        first_prompt=pl.col("conversation_id").hash(),
        **{name: pl.col("conversation_id").is_in(flagged.get(name, [])) for name in FLAGS},
    )


def select(conversations, *, rejects=None, languages=("en",), **flagged):
    rejects = normalise_shard([])[1] if rejects is None else rejects
    return selected_from(conversations, rejects, flags(conversations, **flagged), languages=list(languages))[:2]


def selected_from(*tables, languages):
    return select_shard(*tables, languages=languages, opening_words=8)


def removed(funnel):
    return dict(funnel.filter(pl.col("n_removed") > 0).select("step", "n_removed").rows())


@pytest.mark.parametrize(
    "text, language",
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("¿Cuánto tarda el barco hasta el otro lado de la bahía?", "es"),
        ("Combien de temps le bateau met-il pour traverser la baie ?", "fr"),
        ("Сколько времени паром идёт до другого берега залива?", "ru"),
        ("対岸まで船でどのくらいかかりますか。", "ja"),
        (ENGLISH.replace(" ", "\n"), "en"),
    ],
)
def test_language_of_a_sentence_is_found(text, language):
    assert detect_language(text) == language


@pytest.mark.parametrize("text", ["", "  \n", "12 + 30 = ?", "…!?"])
def test_text_without_letters_has_no_language(text):
    assert detect_language(text) == "und"


def test_short_prompt_is_read_with_its_reply():
    sample = table(talk("ok", "Dann bis morgen.")).select(language_sample()).item()
    assert sample == "ok\nDann bis morgen."


def test_prompt_of_forty_characters_is_read_alone():
    sample = table(talk("x" * 40, "Dann bis morgen.")).select(language_sample()).item()
    assert sample == "x" * 40


def test_language_is_judged_by_the_human_and_not_by_a_long_reply():
    selected, _ = select(table(talk(ENGLISH, GERMAN * 5), talk(GERMAN, ENGLISH * 5)))
    assert selected["conversation_id"].to_list() == ["c0"]


@pytest.mark.parametrize("languages, kept", [(["en"], ["c0"]), (["de"], ["c1"]), (["en", "de"], ["c0", "c1"])])
def test_only_the_languages_asked_for_are_kept(languages, kept):
    selected, _ = select(table(talk(ENGLISH), talk(GERMAN)), languages=languages)
    assert selected["conversation_id"].to_list() == kept


@pytest.mark.parametrize(
    "messages, step",
    [
        ([("user", ENGLISH)], "messages by human and assistant"),
        ([("assistant", ENGLISH)], "messages by human and assistant"),
        ([("system", ENGLISH), ("assistant", ENGLISH)], "messages by human and assistant"),
        (talk(" \n\t", ENGLISH), "text in a human message"),
        (talk("", ENGLISH), "text in a human message"),
        (talk(GERMAN), "language: en"),
        (talk("12 + 30 = ?" * 5), "language: en"),
    ],
)
def test_conversation_that_cannot_be_analysed_is_counted_at_its_step(messages, step):
    selected, funnel = select(table(talk(), messages))
    assert (selected["conversation_id"].to_list(), removed(funnel)) == (["c0"], {step: 1})


@pytest.mark.parametrize(
    "flag, step", [("exact_duplicate", "not an exact duplicate"), ("near_duplicate", "not a near duplicate")]
)
def test_duplicate_is_removed_at_its_step(flag, step):
    selected, funnel = select(table(talk(), talk()), **{flag: ["c1"]})
    assert (selected["conversation_id"].to_list(), removed(funnel)) == (["c0"], {step: 1})


def test_repeated_first_prompt_alone_removes_nothing():
    selected, _ = select(table(talk(), talk()), repeated_first_prompt=["c1"])
    assert selected.height == 2


def test_conversation_that_fails_two_filters_is_counted_at_the_first():
    _, funnel = select(table(talk(), talk(GERMAN)), exact_duplicate=["c1"])
    assert removed(funnel) == {"not an exact duplicate": 1}


def test_funnel_counts_records_first_and_then_conversations():
    records = [
        {"id": "ferry_0", "messages": [{"role": "user", "content": ENGLISH}]},
        {"id": "ferry_1", "messages": [{"role": "assistant", "content": "About forty minutes."}]},
        "the line is not JSON",
    ]
    conversations, rejects = normalise_shard(records, parts=True)
    _, funnel = select(conversations, rejects=rejects)
    assert funnel.head(3).rows() == [
        ("records read", "record", 0, 3),
        ("readable", "record", 1, 2),
        ("parts joined", "conversation", 1, 1),
    ]


def test_selected_conversations_carry_the_id_that_is_unique_in_the_data_set():
    conversations = table(talk())
    unique = flags(conversations).with_columns(unique_id=pl.lit("march-c0"))
    selected, *_ = selected_from(conversations, normalise_shard([])[1], unique, languages=["en"])
    assert selected["conversation_id"].to_list() == ["march-c0"]


def origins_of(*conversations, **flagged):
    shard = table(*conversations)
    origins = selected_from(shard, normalise_shard([])[1], flags(shard, **flagged), languages=["en"])[2]
    return contracts.ShardOrigins.checked(origins)


def test_origins_tell_of_every_conversation_with_the_language_that_we_detect():
    origins = origins_of(talk(), talk(GERMAN), [("user", ENGLISH)], talk(), near_duplicate=["c3"])
    assert origins["conversation_id"].to_list() == ["c0", "c1", "c2", "c3"]
    assert origins["language"].to_list() == ["en", "de", "en", "en"]


def test_only_selected_conversations_have_an_opening():
    origins = origins_of(talk(), talk(GERMAN), [("user", ENGLISH)], talk(), near_duplicate=["c3"])
    assert origins["opening"].is_not_null().to_list() == [True, False, False, False]


def test_origins_of_no_conversation_keep_their_contract():
    assert origins_of().height == 0


LONG = "Draw a wide view of the harbour at dusk"


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("draw A  wide view, of the harbour -- at dawn!", True),
        ("Draw a wide view of the harbour at", True),
        ("Draw a wide view of the old harbour at dusk", False),
        ("Draw a wide view of the harbour", False),
        ("", False),
    ],
)
def test_openings_are_alike_by_their_first_eight_folded_words(text, alike):
    keys = table(talk(LONG), talk(text)).select(opening(words=8)).to_series()
    assert (keys[0] == keys[1]) is alike or (keys[1] is None and not alike)


def test_a_prompt_of_fewer_words_has_no_opening():
    assert table(talk("Good morning to you")).select(opening(words=8)).item() is None


@pytest.mark.parametrize("conversations", [[], [talk()], [talk(GERMAN)]], ids=["none", "kept", "removed"])
def test_selected_table_keeps_its_contract(conversations):
    selected, _ = select(table(*conversations))
    contracts.Selected.checked(selected)


@pytest.mark.parametrize("known", [["c0"], ["c0", "c1", "c2"]], ids=["one is missing", "one too many"])
def test_duplicates_of_other_conversations_than_the_shard_s_are_refused(known):
    conversations = table(talk(), talk(GERMAN))
    other = flags(table(*[talk()] * 3)).filter(pl.col("conversation_id").is_in(known))
    with pytest.raises(InputError, match="select_shard, .* came in"):
        selected_from(conversations, normalise_shard([])[1], other, languages=["en"])


KINDS = {"good": talk(), "german": talk(GERMAN), "unanswered": [("user", ENGLISH)], "blank": talk(" ", ENGLISH)}


@settings(deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), max_size=8),
    flagged=st.dictionaries(st.sampled_from(FLAGS), st.lists(st.sampled_from([f"c{n}" for n in range(8)]))),
)
def test_funnel_adds_up_to_the_selected_conversations(kinds, flagged):
    selected, funnel = select(table(*[KINDS[kind] for kind in kinds]), **flagged)
    left = funnel["n_left"].to_list()
    assert left[0] - funnel["n_removed"].sum() == left[-1] == selected.height
    assert all(
        before - gone == after for before, gone, after in zip(left, funnel["n_removed"][1:], left[1:], strict=False)
    )
