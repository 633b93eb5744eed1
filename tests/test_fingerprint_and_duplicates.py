"""Fingerprints of human text, and the duplicates found by them."""

import random

import numpy as np
import polars as pl
import pytest
from find_duplicates import find_duplicates, followed, near_originals
from hypothesis import given, settings
from hypothesis import strategies as st
from normalise_shard import normalise_shard

from shared import contracts
from shared.fingerprints import N_PERMUTATIONS, fingerprints_of, minhash

GARDEN = (
    "the pear tree by the wall has lost most of its leaves since monday and the soil around it smells of salt which "
    "makes me wonder whether the neighbour cleared his drive with something that has run through the hedge into the bed"
)
KITCHEN = (
    "our oven heats only from below so each loaf comes out pale on top while its base is nearly black and turning the "
    "tin halfway does nothing except let the warmth escape what else could one try before buying a new one"
)


def table(*conversations):
    """A shard of conversations, each given as its messages: human, assistant, human, ..."""
    roles = ["user", "assistant"]
    records = [
        {"id": f"c{number}", "messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]}
        for number, texts in enumerate(conversations)
    ]
    return normalise_shard(records)[0]


def duplicates(*conversations, similarity=0.85):
    answered = [texts if len(texts) % 2 == 0 else [*texts, "Noted."] for texts in conversations]
    fingerprints = fingerprints_of(table(*answered)).with_columns(shard=pl.lit("one"))
    return find_duplicates(fingerprints, similarity=similarity)


# --- fingerprints


@pytest.mark.parametrize(
    "first, second",
    [
        (["Water the ferns."], ["water   the FERNS"]),
        (["Water the ferns."], ["Water the ferns!\n"]),
        (["Water the ferns.", "I will."], ["Water the ferns.", "Certainly not today."]),
        (["Water the ferns.", "Done.", "Thanks"], ["Water the ferns.", "Later.", "thanks!"]),
    ],
    ids=["case and space", "punctuation", "reply", "reply between"],
)
def test_exact_key_depends_on_the_words_of_the_human_alone(first, second):
    keys = fingerprints_of(table(first, second))["exact"]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    "first, second",
    [
        (["Water the ferns."], ["Water the fern."]),
        (["Water the ferns."], ["the water ferns"]),
        (["Room 12"], ["Room 21"]),
        (["水をください"], ["水をどうぞ"]),
        (["Water the ferns.", "Done."], ["Water the ferns.", "Done.", "And the moss."]),
    ],
    ids=["word", "order", "digits", "script", "later message"],
)
def test_exact_key_differs_where_the_human_words_differ(first, second):
    keys = fingerprints_of(table(first, second))["exact"]
    assert keys[0] != keys[1]


def test_first_prompt_key_does_not_depend_on_later_messages():
    keys = fingerprints_of(table(["Water the ferns.", "Done.", "And the moss."], ["Water the ferns.", "No."]))
    assert keys["first_prompt"][0] == keys["first_prompt"][1]


def test_first_prompt_key_differs_where_the_first_message_differs():
    keys = fingerprints_of(table(["Water the ferns.", "Done.", "Bye"], ["Water the moss.", "Done.", "Bye"]))
    assert keys["first_prompt"][0] != keys["first_prompt"][1]


def test_fingerprints_keep_their_contract_and_hold_no_text():
    fingerprints = contracts.Fingerprints.checked(fingerprints_of(table([GARDEN, "Test the soil."], [KITCHEN])))
    assert [name for name, dtype in fingerprints.schema.items() if dtype == pl.String] == ["conversation_id"]


def test_empty_shard_has_no_fingerprints():
    assert contracts.Fingerprints.checked(fingerprints_of(table())).height == 0


LONG = " ".join(f"word{number}" for number in range(4_000))


@pytest.mark.parametrize("length, same", [(20_000, True), (10_000, False), (2_000, False)])
def test_minhash_reads_twenty_thousand_characters_of_a_text(length, same):
    keys = fingerprints_of(table([LONG], [LONG[:length] + " and a wholly different ending"]))
    assert (keys["minhash"][0].to_list() == keys["minhash"][1].to_list()) is same


def test_minhash_reads_twenty_thousand_characters_of_all_messages_together():
    first, second = LONG[:12_000], LONG[12_001:]
    keys = fingerprints_of(table([first, "Go on.", second], [first, "Go on.", second[:8_000], "And?", "the end"]))
    assert keys["minhash"][0].to_list() == keys["minhash"][1].to_list()


@pytest.mark.parametrize(
    "texts, valid",
    [
        (["Water the ferns.", "Done."], True),
        (["12", "Done."], True),
        (["水をください", "Done."], True),
        (["Water the ferns."], False),
        (["", "Done."], False),
        ([" \n", "Done."], False),
        (["\U0001f642\U0001f642", "Done."], False),
        (["?!", "Done."], False),
        (["\U0001f642", "Hello.", "Water the ferns."], True),
        ([], False),
    ],
    ids=[
        "answered",
        "digits",
        "script",
        "unanswered",
        "empty",
        "white space",
        "emoji",
        "punctuation",
        "emoji first",
        "nothing",
    ],
)
def test_conversation_is_valid_where_both_sides_wrote_and_the_human_wrote_words(texts, valid):
    roles = ["human", "assistant"]
    row = {
        "conversation_id": "c0",
        "n_human": (len(texts) + 1) // 2,
        "n_assistant": len(texts) // 2,
        "messages": [{"role": roles[i % 2], "text": text} for i, text in enumerate(texts)],
    }
    shard = pl.DataFrame([row], schema_overrides={"messages": contracts.MESSAGES})
    assert fingerprints_of(shard)["valid"].to_list() == [valid]


def test_conversation_without_a_human_message_is_not_valid():
    records = [{"messages": [{"role": "assistant", "content": "Is anybody there?"}]}]
    assert fingerprints_of(normalise_shard(records)[0])["valid"].to_list() == [False]


@settings(deadline=None)
@given(st.text(alphabet="abcd ", max_size=60))
def test_minhash_is_the_same_each_time_and_has_its_length(text):
    once, twice = minhash(pl.Series([text, text, "and another"]))[:2]
    assert once.tolist() == twice.tolist() and len(once) == N_PERMUTATIONS


@given(st.lists(st.text(alphabet="ab ", max_size=20), min_size=1, max_size=6))
def test_minhash_of_a_text_does_not_depend_on_its_neighbours(texts):
    together = minhash(pl.Series(texts))
    assert together.tolist() == [minhash(pl.Series([text]))[0].tolist() for text in texts]


@pytest.mark.parametrize("one, other", [("a b c", "c b a"), ("a b", "a"), ("a b c", "a b"), ("", "a")])
def test_minhash_differs_where_words_or_their_order_do(one, other):
    first, second = minhash(pl.Series([one, other])).tolist()
    assert first != second


def test_agreement_of_minhashes_estimates_the_jaccard_similarity_of_word_triples():
    generator = random.Random(7)
    errors = []
    for _ in range(150):
        words = [f"w{generator.randrange(10**9)}" for _ in range(120)]
        other = words[: generator.randrange(20, 120)] + [f"v{generator.randrange(10**9)}" for _ in range(20)]
        triples, others = (set(zip(text, text[1:], text[2:], strict=False)) for text in (words, other))
        agreement = np.mean(np.equal(*minhash(pl.Series([" ".join(words), " ".join(other)]))))
        errors.append(agreement - len(triples & others) / len(triples | others))
    # One estimate has a standard error of at most sqrt(.25 / 64) = .0625, so their mean of about .005.
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.08


# --- near duplicates


def signature(seed, n=N_PERMUTATIONS):
    return np.random.default_rng(seed).integers(0, 2**32, n, dtype=np.uint32)


def near(rows, *, similarity=0.85):
    return (near_originals(np.array(rows), similarity=similarity) != np.arange(len(rows))).tolist()


def changed(row, positions):
    row = row.copy()
    row[positions] += 1
    return row


@pytest.mark.parametrize("n_changed, expected", [(0, True), (9, True), (10, False), (32, False)])
def test_row_is_a_near_duplicate_from_the_similarity_on(n_changed, expected):
    base = signature(1)
    # 55 of 64 are .859, 54 of 64 are .844
    rows = [base, changed(base, slice(0, n_changed))]
    assert near(rows) == [False, expected]


def test_only_the_later_of_two_rows_is_a_near_duplicate():
    rows = [signature(1), signature(2), changed(signature(2), [0]), signature(1)]
    assert near(rows) == [False, False, True, True]


def test_similarity_of_one_asks_for_equal_signatures():
    base = signature(1)
    assert near([base, changed(base, [63]), base], similarity=1) == [False, False, True]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=12))
def test_row_is_a_near_duplicate_only_of_an_earlier_row_as_similar_as_asked(rows):
    signatures = np.array([changed(signature(seed), slice(0, n)) for seed, n in rows])
    originals = near_originals(signatures, similarity=0.85)
    for number, original in enumerate(originals):
        assert original <= number
        assert (signatures[number] == signatures[original]).mean() >= 0.85


@given(st.data())
def test_chains_of_originals_are_followed_to_their_first_row(data):
    n = data.draw(st.integers(0, 40))
    original = np.array([data.draw(st.integers(0, number)) for number in range(n)], dtype=int)
    ends = followed(original)
    assert all(original[end] == end for end in ends)
    for number in range(n):
        step = number
        while original[step] != step:
            step = original[step]
        assert ends[number] == step


# --- flags


def test_second_copy_is_an_exact_duplicate_and_not_also_a_near_one():
    flags = duplicates([GARDEN, "Test the soil."], [KITCHEN], [GARDEN.upper() + "?", "Ask him."])
    assert flags.select("exact_duplicate", "near_duplicate").rows() == [(False, False), (False, False), (True, False)]


def test_text_with_another_last_word_is_a_near_duplicate_and_not_an_exact_one():
    flags = duplicates([GARDEN], [KITCHEN], [GARDEN.rsplit(" ", 1)[0] + " border"])
    assert flags.select("exact_duplicate", "near_duplicate").rows() == [(False, False), (False, False), (False, True)]


def test_different_texts_are_no_duplicates():
    flags = duplicates([GARDEN], [KITCHEN], ["Water the ferns."], ["ok"])
    assert not flags.select(pl.any_horizontal("exact_duplicate", "near_duplicate")).to_series().any()


def test_repeated_first_prompt_alone_makes_no_duplicate():
    flags = duplicates(["Water the ferns.", "Done.", GARDEN], ["Water the ferns.", "Done.", KITCHEN])
    assert flags.select("repeated_first_prompt", "exact_duplicate", "near_duplicate").row(1) == (True, False, False)


def shards(*names):
    answered = table([GARDEN, "Test the soil."], [KITCHEN, "Try the top shelf."])
    return pl.concat([fingerprints_of(answered).with_columns(shard=pl.lit(name)) for name in names])


def test_duplicates_are_found_over_shards_in_the_order_given():
    flags = find_duplicates(shards("march", "april"), similarity=0.85)
    assert flags.filter("exact_duplicate")["shard"].unique().to_list() == ["april"]


def test_id_that_stands_in_two_shards_is_made_unique_by_the_shard():
    flags = find_duplicates(shards("march", "april"), similarity=0.85)
    assert flags["unique_id"].to_list() == ["march/c0", "march/c1", "april/c0", "april/c1"]


def test_id_that_stands_once_is_kept():
    flags = find_duplicates(shards("march"), similarity=0.85)
    assert flags["unique_id"].to_list() == ["c0", "c1"]


@pytest.mark.parametrize("names", [["march"], ["march", "april"]])
def test_duplicate_flags_keep_their_contract(names):
    contracts.Duplicates.checked(find_duplicates(shards(*names), similarity=0.85))


def test_no_fingerprints_give_no_flags():
    empty = shards("march").head(0)
    assert contracts.Duplicates.checked(find_duplicates(empty, similarity=0.85)).height == 0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([GARDEN, KITCHEN, "Water the ferns.", "water the FERNS", "ok"]), min_size=1, max_size=8)
)
def test_each_distinct_text_is_left_exactly_once(texts):
    flags = duplicates(*[[text] for text in texts])
    kept = flags.filter(~pl.col("exact_duplicate") & ~pl.col("near_duplicate")).height
    assert kept == len({text.lower().rstrip(".") for text in texts})


def test_an_unanswered_conversation_does_not_make_its_answered_twin_a_duplicate():
    fingerprints = fingerprints_of(table([GARDEN], [GARDEN, "Salt, most likely."])).with_columns(shard=pl.lit("one"))
    flags = find_duplicates(fingerprints, similarity=0.85)
    assert flags["exact_duplicate"].to_list() == [False, False]
    assert flags["near_duplicate"].to_list() == [False, False]


HISTORY = [GARDEN, "Test the soil.", "With what?", "A kit.", KITCHEN, "Turn the tin."]


def kept(*shards):
    """Ids of the conversations of logs that are no duplicates, from {id: its (role, text)} of each shard."""
    keys = []
    for number, shard in enumerate(shards):
        records = [
            {"id": name, "messages": [{"role": role, "content": text} for role, text in said]}
            for name, said in shard.items()
        ]
        fingerprints = contracts.Fingerprints.checked(fingerprints_of(normalise_shard(records)[0], logs=True))
        keys.append(fingerprints.with_columns(shard=pl.lit(f"{number:05d}")))
    flags = contracts.Duplicates.checked(find_duplicates(pl.concat(keys), similarity=0.85))
    stay = flags.filter(~pl.col("exact_duplicate") & ~pl.col("near_duplicate"))["unique_id"].to_list()
    assert {*flags["copy_of"]} == {*stay}
    return stay


def turns(texts, system=None):
    said = [(role, text) for role, text in zip(["user", "assistant"] * len(texts), texts, strict=False)]
    return [("system", system), *said] if system else said


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("apart", [True, False], ids=["in shards of their own", "in one shard"])
def test_of_records_that_repeat_the_history_so_far_the_longest_stays(upwards, apart):
    calls = {f"call-{n}": turns(HISTORY[:n], system=f"It is {n} o'clock.") for n in range(2, 7)}
    calls = dict(sorted(calls.items(), reverse=not upwards))
    assert kept(*([{name: call} for name, call in calls.items()] if apart else [calls])) == ["call-6"]


def test_a_conversation_that_begins_alike_but_goes_on_otherwise_stays():
    other = [*HISTORY[:3], "A strip.", "Where from?", "Any garden shop."]
    assert kept({"a": turns(HISTORY), "b": turns(other), "c": turns(["Where from?", "Any garden shop."])}) == list(
        "abc"
    )


def test_of_one_conversation_in_two_exports_the_longer_stays_though_its_end_was_rewritten():
    rewritten = [*HISTORY[:2], "Thank you for that.", "Welcome."]
    assert kept({"a": turns(rewritten)}, {"a": turns(HISTORY), "b": turns([KITCHEN, "Turn it."])}) == ["00001/a", "b"]


def test_an_id_alone_makes_no_two_conversations_the_same():
    assert kept({"1": turns(HISTORY[:2])}, {"1": turns(["Water the ferns.", "Done.", "And moss?", "Too."])}) == [
        "00000/1",
        "00001/1",
    ]


def test_published_data_keep_conversations_that_others_go_on_from():
    flags = duplicates(HISTORY[:2], [*HISTORY[:2], KITCHEN, "Turn the tin."])
    assert (
        flagged(flags.select(pl.all().exclude("repeated_first_prompt"), repeated_first_prompt=False))
        == [(False,) * 3] * 2
    )


def flagged(table):
    columns = ["exact_duplicate", "near_duplicate", "repeated_first_prompt"]
    return table.select(columns).rows()


@pytest.mark.parametrize("second", ["\U0001f642", "\U0001f389\U0001f389", "?!", ""])
def test_texts_without_words_never_make_duplicates(second):
    flags = duplicates(["\U0001f642"], [second], ["\U0001f642"])
    assert flagged(flags) == [(False, False, False)] * 3


@pytest.mark.parametrize("invalid", [[GARDEN], ["\U0001f642", "Noted."]], ids=["unanswered", "emoji"])
def test_conversations_that_are_not_valid_change_no_flag_of_the_others(invalid):
    valid = [[GARDEN, "Noted."], [KITCHEN, "Noted."], [GARDEN, "Test the soil."]]
    flags = [
        find_duplicates(fingerprints_of(table(*talks)).with_columns(shard=pl.lit("one")), similarity=0.85)
        for talks in (valid, [invalid, *valid, invalid])
    ]
    assert flagged(flags[1])[1:-1] == flagged(flags[0])
    assert flagged(flags[1])[0] == flagged(flags[1])[-1] == (False, False, False)


def words(*numbers):
    return " ".join(f"word{number}" for number in numbers)


def test_a_copy_of_a_near_duplicate_is_a_copy_of_the_one_that_stays():
    first, second = words(*range(60)), words(*range(57), 97, 98, 99)
    flags = duplicates([first], [second], [second])
    assert flags["near_duplicate"].to_list() == [False, True, False]
    assert flags["exact_duplicate"].to_list() == [False, False, True]
    assert flags["copy_of"].to_list() == ["c0", "c0", "c0"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.booleans()), min_size=1, max_size=15))
def test_every_valid_conversation_is_counted_once_with_the_one_that_stays_for_it(talks):
    texts = [[words(*(100 * seed + n + cut for n in range(60)))] for seed, cut, _ in talks]
    answered = [[*text, "Noted."] if valid else text for text, (*_, valid) in zip(texts, talks, strict=True)]
    fingerprints = fingerprints_of(table(*answered)).with_columns(shard=pl.lit("one"))
    flags = find_duplicates(fingerprints, similarity=0.85).with_columns(valid=fingerprints["valid"])
    stays = ~pl.col("exact_duplicate") & ~pl.col("near_duplicate")
    assert flags.filter(stays)["unique_id"].to_list() == flags.filter(stays)["copy_of"].to_list()
    kept = flags.filter(stays & pl.col("valid"))
    n_copies = flags.filter("valid").group_by("copy_of").len()
    assert set(n_copies["copy_of"]) == set(kept["unique_id"])
    assert n_copies["len"].sum() == sum(valid for *_, valid in talks)
