"""Features of the human text, the classifier's weights and decisions, and the table of a classified shard."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from classify_shard import classify_shard, cross_fitted
from hypothesis import given, settings
from hypothesis import strategies as st
from normalise_shard import normalise_shard
from sklearn.feature_extraction.text import TfidfVectorizer
from train_classifier import learn_features

from shared import contracts
from shared.affect import LENGTH_DISCOUNT, AffectModel, apply_study_filters, decide, over_readings, sigmoid
from shared.contracts import CATEGORIES, CLASSES
from shared.features import (
    MESSAGE_CHARACTERS,
    SHAPE,
    TEXT_CHARACTERS,
    WORD_WEIGHT,
    Features,
    human_text,
    in_words,
    occurrences,
    readings,
    sieve,
)
from shared.job import InputError
from shared.text import spaced_words

ROOT = Path(__file__).parents[1]
CUES = {
    "kin": {"phrases": ["my uncle", "my aunt"]},
    "gesture": {"phrases": ["waves", r"#\*[a-z ]+\*"]},
    "inability": {"phrases": ["can't cope", "i'm lost"]},
}
TEXTS = [
    "My uncle sold the boat and I can't cope with his silence",
    "Sold the boat, sold the house, sold the boat trailer",
    "Which knots hold a boat in high wind?",
    "Which knots would my aunt tie? My aunt sails alone.",
]


def table(*conversations):
    """Conversations, each given as one human text or as the messages human, assistant, human, ..."""
    roles = ["user", "assistant"]
    records = [
        {
            "id": f"c{number}",
            "messages": [
                {"role": roles[i % 2], "content": text}
                for i, text in enumerate([texts] if isinstance(texts, str) else texts)
            ],
        }
        for number, texts in enumerate(conversations)
    ]
    return normalise_shard(records)[0].with_columns(language=pl.lit("en"))


# --- what is read of a conversation


def test_human_text_leaves_the_replies_out():
    assert table(["First.", "A reply.", "Second."]).select(human_text()).item() == "First.\nSecond."


def test_human_text_cuts_each_message():
    text = table(["x" * (MESSAGE_CHARACTERS + 5), "A reply.", "end"]).select(human_text()).item()
    assert text == "x" * MESSAGE_CHARACTERS + "\nend"


def test_human_text_of_many_messages_is_cut_as_a_whole():
    text = table(["x" * MESSAGE_CHARACTERS, "y"] * 20).select(human_text()).item()
    assert len(text) == TEXT_CHARACTERS


@pytest.mark.parametrize(
    "text, expected",
    [
        ("I am late", True),
        ("lost my umbrella", True),
        ("MY umbrella", True),
        ("I'm late", True),
        ("I’m late", True),
        ("it is mine.", True),
        ("Where am I", True),
        ("tell (me) more", True),
        ("Iceland in winter", False),
        ("the mystery of time", False),
        ("", False),
    ],
)
def test_sieve_lets_whole_words_through_only(text, expected):
    words = ["i", "im", "me", "my", "mine"]
    assert pl.select(sieve(pl.lit(text), words)).item() is expected


def cue_counts(*texts, cues=CUES):
    """(n texts, n groups): what the classifier's columns of cues hold, turned back into counts."""
    features = Features([], np.zeros(0), cues)
    columns = [features.names.index(f"cue:{name}") for name in cues]
    return np.expm1(features.matrix(readings(table(*texts))).toarray()[:, columns] * 2).round(6).tolist()


@pytest.mark.parametrize(
    "text, counts",
    [
        ("My uncle and MY AUNT met my uncle.", [3, 0, 0]),
        ("My uncles met.", [0, 0, 0]),
        ("She waves.", [0, 1, 0]),
        ("*bows low* and *Nods*", [0, 2, 0]),
        ("I can't cope, I'm lost", [0, 0, 2]),
        ("I can not cope", [0, 0, 0]),
        ("", [0, 0, 0]),
    ],
)
def test_cues_are_counted_by_group(text, counts):
    assert cue_counts(text) == [counts]


@pytest.mark.parametrize("text", ["I'm lost", "im lost", "I\u2019m lost", "i\u2019m lost", "So i'm Lost!"])
def test_cue_with_an_apostrophe_is_found_in_both_cases_and_both_spellings(text):
    assert cue_counts(text) == [[0, 0, 1]]


I_AM = sorted(
    {
        phrase
        for group in yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))["cues"].values()
        for phrase in group["phrases"]
        if phrase.startswith("i'm")
    }
)


@pytest.mark.parametrize("cue", I_AM)
def test_every_cue_of_the_codebook_that_begins_with_i_m_is_found_in_both_cases(cue):
    texts = f"{cue} today", f"I{cue[1:]} today"
    assert cue_counts(*texts, cues={"cue": {"phrases": [cue]}}) == [[1], [1]]


def test_cue_counts_stand_in_the_order_of_the_texts():
    assert cue_counts("my aunt", "nothing", "waves") == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_phrase_of_several_groups_counts_in_each():
    assert cue_counts("So lonely.", cues={"a": {"phrases": ["lonely"]}, "b": {"phrases": ["so lonely", "lonely"]}}) == [
        [1, 2]
    ]


words = st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=12)


@given(st.lists(words, min_size=1, max_size=4))
def test_occurrences_are_those_of_a_search_word_by_word(texts):
    phrases = ["a", "a b", "b a b", "ab"]
    found = occurrences(pl.Series([f" {' '.join(text)} " for text in texts]), phrases).toarray()
    for text, row in zip(texts, found, strict=True):
        runs = [" ".join(text[i : i + n]) for n in (1, 2, 3) for i in range(len(text) - n + 1)]
        assert row.tolist() == [runs.count(phrase) for phrase in phrases]


def test_phrases_are_spelt_like_the_texts_that_are_searched():
    assert in_words(["I can't", "self-harm", "x"]) == ["i cant", "self harm", "x"]


def shape(conversation):
    """(n, len(SHAPE)): the classifier's columns of shape."""
    return (
        Features([], np.zeros(0), CUES).matrix(readings(conversation)).toarray()[: conversation.height, -len(SHAPE) :]
    )


@pytest.mark.parametrize(
    "name, expected",
    [
        ("first_person", 2 / 9 * 10),
        ("second_person", 1 / 9 * 10),
        ("question_marks", 1 / 9 * 10),
        ("code_marks", 2 / 9 * 3),
        ("log_words", np.log(1 + 9) / 3),
        ("log_words_per_message", np.log(1 + 9 / 2) / 3),
        ("log_human_messages", np.log(1 + 2) / 3),
    ],
)
def test_shape_is_person_punctuation_and_size_per_word(name, expected):
    conversation = table(["Could you mend my [old] lamp?", "I shall try, you and I.", "I am glad"])
    assert shape(conversation)[0, SHAPE.index(name)] == pytest.approx(expected)


def test_shape_counts_at_most_ten_human_messages():
    lengths = [table(["a word", "a reply"] * n) for n in (10, 40)]
    short, long = (shape(conversation)[0, SHAPE.index("log_human_messages")] for conversation in lengths)
    assert short == long


def test_shape_of_a_text_without_words_is_finite():
    assert np.isfinite(shape(table("12 + 30 = ?", "", "😀"))).all()


# --- the matrix


def test_words_are_learnt_from_min_documents_on():
    texts = ["lamp oil", "lamp wick", "oil wick", "storm"]
    assert learn_features(table(*texts), CUES, min_documents=2).words == ["lamp", "oil", "wick"]


def test_word_of_more_than_half_of_the_texts_is_not_learnt():
    texts = ["boat rope", "boat rope", "boat sail", "sail"]
    assert learn_features(table(*texts), CUES, min_documents=2).words == ["boat rope", "rope", "sail"]


def test_no_more_than_max_words_are_learnt_and_the_frequent_ones_first():
    texts = ["rope rope rope", "rope rope", "sail", "sail", "tar"]
    assert learn_features(table(*texts), CUES, min_documents=1, max_words=2).words == ["rope", "rope rope"]


def test_words_without_letters_at_the_start_are_not_learnt():
    assert learn_features(table("7 seas", "7 seas", "x", "y"), CUES, min_documents=2).words == ["seas"]


def test_matrix_of_words_is_the_sublinear_tfidf_of_scikit_learn_times_the_word_weight():
    conversations = table(*TEXTS)
    features = learn_features(conversations, CUES, min_documents=2)
    reference = TfidfVectorizer(vocabulary=features.words, ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    texts = pl.select(spaced_words(pl.lit(pl.Series(TEXTS)))).to_series().to_list()
    expected = reference.fit_transform(texts).toarray() * WORD_WEIGHT
    np.testing.assert_allclose(features.matrix(readings(conversations)).toarray()[:, : len(features.words)], expected)


def test_matrix_has_one_named_column_for_each_word_cue_rate_and_shape():
    features = Features(["boat"], np.ones(1), CUES)
    assert (
        features.matrix(readings(table(*TEXTS))).shape
        == (len(TEXTS), len(features.names))
        == (4, 1 + 2 * 3 + len(SHAPE))
    )


@pytest.mark.parametrize("name, expected", [("cue:kin", np.log(3) / 2), ("cue_rate:kin", 2.0), ("cue:gesture", 0.0)])
def test_matrix_holds_cues_as_log_counts_and_bounded_rates(name, expected):
    features = Features(["boat"], np.ones(1), CUES)
    row = features.matrix(readings(table(TEXTS[3]))).toarray()[0]
    assert row[features.names.index(name)] == pytest.approx(expected)


def test_matrix_holds_the_rate_of_cues_per_twenty_words():
    features = Features(["boat"], np.ones(1), CUES)
    row = features.matrix(readings(table("my aunt " + "sails " * 38))).toarray()[0]
    assert row[features.names.index("cue_rate:kin")] == pytest.approx(20 / 40)


def test_matrix_does_not_depend_on_the_replies():
    features = Features(["boat", "rope"], np.ones(2), CUES)
    rows = features.matrix(readings(table(["A boat", "my aunt waves a rope"], ["A boat", "No."]))).toarray()
    np.testing.assert_array_equal(rows[0], rows[1])


# --- the model


def model(n_words=2, threshold=0.5, cues=CUES, seed=5):
    features = Features([f"rope{n}" for n in range(n_words)], np.linspace(1, 3, n_words), cues)
    generator = np.random.default_rng(seed)
    n = len(CLASSES)
    return AffectModel(
        features,
        generator.normal(size=(len(features.names), n)),
        intercept=generator.normal(size=n),
        slope=generator.uniform(0.5, 2, n),
        offset=generator.normal(size=n),
        threshold=np.full(n, threshold),
    )


def test_probability_is_the_calibrated_sigmoid_of_the_weighted_features():
    fitted, conversations = model(), table(TEXTS[0])
    logit = fitted.features.matrix(readings(conversations)).toarray()[0] @ fitted.coefficients + fitted.intercept
    expected = 1 / (1 + np.exp(-fitted.slope * logit - fitted.offset))
    np.testing.assert_allclose(fitted.probabilities(conversations)[0], expected)


def test_short_conversations_are_read_as_a_whole():
    found = readings(table(["One.", "A.", "Two."], "Three."))
    assert found.rows() == [(0, "One.\nTwo.", 2), (1, "Three.", 1)]


def test_long_conversations_are_read_in_windows_of_ten_human_messages_too():
    messages = [text for number in range(23) for text in (f"h{number}", "A reply.")]
    found = readings(table("Short.", messages))
    assert found["row"].to_list() == [0, 1, 1, 1, 1]
    assert found["text"].to_list()[2:] == [
        "\n".join(f"h{number}" for number in range(start, end)) for start, end in ((0, 10), (10, 20), (20, 23))
    ]
    assert found["n_human"].to_list() == [1, 23, 10, 10, 3]


def test_window_reaches_what_the_whole_is_cut_off_from():
    messages = [text for number in range(12) for text in (f"h{number} " + "x" * 700, "A reply.")]
    whole, *windows = readings(table(messages))["text"]
    assert "h11" not in whole and "h11" in windows[-1]


def test_conversation_is_as_affective_as_its_most_affective_reading_less_a_discount_for_their_number():
    scores = np.zeros((4, len(CLASSES)))
    affective, content, coaching = (CLASSES.index(name) for name in ("affective", "content_creation", "coaching"))
    scores[:, affective] = [1.0, -2.0, 0.5, 3.0]
    scores[:, content] = [9.0, 8.0, 7.0, 6.0]
    scores[:, coaching] = [0.1, 0.2, 0.3, 0.4]
    combined = over_readings(scores, np.array([0, 1, 1, 1]), 2)
    assert combined[:, affective] == pytest.approx([1.0, 3.0 - LENGTH_DISCOUNT * np.log(3)])
    assert combined[:, coaching].tolist() == [0.1, 0.4]
    assert combined[:, content].tolist() == [9.0, 8.0]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
def test_probabilities_lie_between_zero_and_one_for_any_text(texts):
    fitted = model()
    probabilities = fitted.probabilities(table(*texts))
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


@settings(deadline=None)
@given(st.floats(-30, 30))
def test_sigmoid_of_opposite_values_adds_up_to_one(x):
    assert sigmoid(np.array(x)) + sigmoid(np.array(-x)) == pytest.approx(1)


def test_model_gives_the_same_probabilities_after_saving_and_loading(tmp_path):
    fitted = model()
    fitted.save(tmp_path / "affect.csv")
    loaded = AffectModel.load(tmp_path / "affect.csv", CUES)
    conversations = table(*TEXTS, "rope0 rope1 rope1")
    before, after = (m.probabilities(conversations) for m in (fitted, loaded))
    np.testing.assert_allclose(after, before, rtol=1e-4)


@pytest.mark.parametrize("name", ["coefficients", "intercept", "slope", "offset", "threshold"])
def test_weights_keep_six_digits_over_saving_and_loading(tmp_path, name):
    fitted = model()
    fitted.save(tmp_path / "affect.csv")
    loaded = AffectModel.load(tmp_path / "affect.csv", CUES)
    np.testing.assert_allclose(getattr(loaded, name), getattr(fitted, name), rtol=1e-5)


def test_vocabulary_that_looks_like_missing_values_survives_saving_and_loading(tmp_path):
    fitted = model(3)
    fitted.features.words = ["null", "nan", "don't care"]
    fitted.save(tmp_path / "affect.csv")
    assert AffectModel.load(tmp_path / "affect.csv", CUES).features.words == ["null", "nan", "don't care"]


def test_saving_a_loaded_model_writes_the_same_file(tmp_path):
    model().save(tmp_path / "first.csv")
    AffectModel.load(tmp_path / "first.csv", CUES).save(tmp_path / "second.csv")
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()


@pytest.mark.parametrize(
    "cues, differing",
    [
        ({**CUES, "weather": {"phrases": ["rain"]}}, "cue:weather"),
        ({name: CUES[name] for name in ("kin", "gesture")}, "cue:inability"),
    ],
)
def test_model_of_other_cue_groups_is_an_input_error_that_names_them(tmp_path, cues, differing):
    model().save(tmp_path / "affect.csv")
    with pytest.raises(InputError, match=differing):
        AffectModel.load(tmp_path / "affect.csv", cues)


def test_model_of_other_classes_is_an_input_error(tmp_path):
    path = tmp_path / "affect.csv"
    model().save(path)
    path.write_text(path.read_text().replace("coaching", "teaching", 1))
    with pytest.raises(InputError, match="teaching"):
        AffectModel.load(path, CUES)


# --- decisions


def decisions(n_human=6, *, candidate=True, threshold=0.5, minimum=4, **probability):
    """Names of what is decided for one conversation of these probabilities; .1 where none is given."""
    row = np.array([[probability.get(name, 0.1) for name in CLASSES]])
    decided = decide(
        row,
        np.full(len(CLASSES), threshold),
        candidate=np.array([candidate]),
        n_human=np.array([n_human]),
        min_human_messages_roleplay=minimum,
    )
    return {name for name, values in decided.items() if values[0]}


@pytest.mark.parametrize(
    "probability, expected",
    [
        ({"affective": 0.9, "coaching": 0.8}, {"affective", "coaching", "included"}),
        (
            {"affective": 0.9, "coaching": 0.8, "counselling": 0.6},
            {"affective", "coaching", "counselling", "included"},
        ),
        ({"affective": 0.9, "romantic": 0.3}, {"affective", "romantic", "included"}),
        ({"affective": 0.5, "interpersonal": 0.5}, {"affective", "interpersonal", "included"}),
        ({"affective": 0.4, "coaching": 0.8}, set()),
        ({"content_creation": 0.9}, {"content_creation"}),
        (
            {"content_creation": 0.9, "affective": 0.9, "coaching": 0.8},
            {"content_creation", "affective", "coaching"},
        ),
        (
            {"affective": 0.9, "counselling": 0.9, "professional": 0.7},
            {"affective", "counselling", "professional", "included"},
        ),
        ({"professional": 0.9}, set()),
    ],
    ids=[
        "one category",
        "two categories",
        "likeliest where none is over",
        "at the threshold",
        "category without affect",
        "content creation",
        "affective content creation is not included",
        "professional",
        "professional without affect",
    ],
)
def test_decisions_from_probabilities(probability, expected):
    assert decisions(**probability) == expected


def test_likeliest_category_is_judged_relative_to_its_threshold():
    row = np.array([[0.1, 0.9, 0.4, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1]])
    threshold = np.array([0.5, 0.5, 0.9, 0.35, 0.9, 0.9, 0.9, 0.9, 0.9])
    decided = decide(row, threshold, candidate=np.array([True]), n_human=np.array([3]), min_human_messages_roleplay=4)
    assert [name for name in CATEGORIES if decided[name][0]] == ["coaching"]


def test_conversation_that_the_sieve_screened_out_is_not_affective():
    assert decisions(candidate=False, affective=0.99, coaching=0.99, professional=0.99) == set()


def test_content_creation_is_decided_without_the_sieve():
    assert decisions(candidate=False, content_creation=0.9) == {"content_creation"}


@pytest.mark.parametrize(
    "n_human, expected",
    [(3, {"affective"}), (4, {"affective", "roleplay", "included"}), (5, {"affective", "roleplay", "included"})],
)
def test_roleplay_counts_from_four_human_messages_on(n_human, expected):
    assert decisions(n_human, affective=0.9, roleplay=0.9) == expected


PROBABILITIES = st.lists(
    st.lists(st.floats(0, 1), min_size=len(CLASSES), max_size=len(CLASSES)), min_size=1, max_size=5
)


@settings(deadline=None)
@given(rows=PROBABILITIES, candidate=st.booleans(), n_human=st.integers(1, 8))
def test_what_is_included_is_affective_not_content_creation_and_in_a_category(rows, candidate, n_human):
    n = len(rows)
    decided = decide(
        np.array(rows),
        np.full(len(CLASSES), 0.5),
        candidate=np.full(n, candidate),
        n_human=np.full(n, n_human),
        min_human_messages_roleplay=4,
    )
    in_category = np.any([decided[name] for name in CATEGORIES], axis=0)
    expected = decided["affective"] & ~decided["content_creation"] & in_category
    np.testing.assert_array_equal(decided["included"], expected)


@settings(deadline=None)
@given(rows=PROBABILITIES)
def test_long_affective_conversation_always_has_a_category_and_another_never(rows):
    n = len(rows)
    decided = decide(
        np.array(rows),
        np.full(len(CLASSES), 0.5),
        candidate=np.full(n, True),
        n_human=np.full(n, 9),
        min_human_messages_roleplay=4,
    )
    np.testing.assert_array_equal(np.any([decided[name] for name in CATEGORIES], axis=0), decided["affective"])


def filtered(*names, n_human=6, minimum=4):
    labels = {name: np.array([name in names]) for name in CLASSES}
    result = apply_study_filters(labels, n_human=np.array([n_human]), min_human_messages_roleplay=minimum)
    return {name for name, values in result.items() if values[0]}


@pytest.mark.parametrize("category", CATEGORIES)
def test_long_affective_conversation_of_any_category_is_included(category):
    assert filtered("affective", category) == {"affective", category, "included"}


@pytest.mark.parametrize("category", ["roleplay", "romantic"])
def test_short_roleplay_loses_its_category_and_is_not_included(category):
    assert filtered("affective", category, n_human=3) == {"affective"}


@pytest.mark.parametrize("category", ["interpersonal", "coaching", "counselling", "companionship"])
def test_short_conversation_of_another_category_is_included(category):
    assert filtered("affective", category, n_human=1) == {"affective", category, "included"}


def test_short_roleplay_with_another_category_is_included_for_the_other_one():
    assert filtered("affective", "roleplay", "companionship", n_human=2) == {"affective", "companionship", "included"}


def test_affective_content_creation_is_not_included():
    assert filtered("affective", "content_creation", "coaching") == {"affective", "content_creation", "coaching"}


@pytest.mark.parametrize("minimum, included", [(1, True), (2, True), (3, False)])
def test_least_number_of_messages_for_roleplay_can_be_set(minimum, included):
    assert ("included" in filtered("affective", "roleplay", n_human=2, minimum=minimum)) is included


def test_filters_leave_the_labels_they_were_given_as_they_were():
    labels = {name: np.array([True]) for name in CLASSES}
    apply_study_filters(labels, n_human=np.array([1]), min_human_messages_roleplay=4)
    assert labels["roleplay"][0] and "included" not in labels


# --- a classified shard


HELD_OUT = pl.DataFrame(schema={"conversation_id": pl.String, **{f"p_{name}": pl.Float64 for name in CLASSES}})


def classify(conversations, held_out=HELD_OUT, **options):
    return classify_shard(
        conversations,
        model=model(**options),
        held_out=held_out,
        sieve_words=["i", "my"],
        min_human_messages_roleplay=4,
        others_compared=10,
        seed=7,
    )


def test_classified_shard_keeps_its_contract_and_the_order_of_its_conversations():
    affect = contracts.Affect.checked(classify(table(*TEXTS)))
    assert affect["conversation_id"].to_list() == ["c0", "c1", "c2", "c3"]


def test_probabilities_of_the_table_are_those_of_the_model():
    conversations = table(TEXTS[0])
    fitted = model()
    expected = fitted.probabilities(conversations)[0]
    found = classify(conversations).select([f"p_{name}" for name in CLASSES]).row(0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_conversation_screened_out_keeps_its_content_creation_probability_alone():
    row = classify(table(TEXTS[2])).row(0, named=True)
    assert [name for name in CLASSES if row[f"p_{name}"] is not None] == ["content_creation"]


def test_conversation_screened_out_is_in_no_category():
    row = classify(table(TEXTS[2]), threshold=0.001).row(0, named=True)
    assert (row["candidate"], row["affective"], row["included"], row["categories"]) == (False, False, False, [])


def test_categories_stand_in_the_order_of_the_codebook():
    row = classify(table([TEXTS[0], "Oh."] * 4), threshold=1e-6).row(0, named=True)
    assert row["categories"] == CATEGORIES


def test_conversation_that_the_classifier_learnt_from_gets_its_held_out_probabilities():
    held_out = pl.DataFrame({"conversation_id": ["c1"]} | {f"p_{name}": [0.25] for name in CLASSES})
    conversations = table(TEXTS[0], TEXTS[3])
    found = classify(conversations, held_out).select([f"p_{name}" for name in CLASSES])
    alone = classify(conversations).select([f"p_{name}" for name in CLASSES])
    assert (found.row(0), found.row(1)) == (alone.row(0), (0.25,) * len(CLASSES))


def held_out_of(**values):
    """Held-out probabilities by conversation, the same for each class."""
    return pl.DataFrame(
        {"conversation_id": list(values)} | {f"p_{name}": list(values.values()) for name in CLASSES},
        schema_overrides={"conversation_id": pl.String},
    )


OWN = np.linspace(0.01, 0.99, 3 * len(CLASSES)).reshape(3, -1)
NAMES = pl.Series(["c0", "c1", "c2"])


def test_cross_fitting_replaces_the_rows_of_labelled_conversations_alone():
    found = cross_fitted(OWN, NAMES, held_out_of(c2=0.5, c0=0.25))
    np.testing.assert_array_equal(found, np.array([[0.25] * len(CLASSES), OWN[1], [0.5] * len(CLASSES)]))


def test_cross_fitting_gives_each_class_its_own_probability():
    held_out = pl.DataFrame({"conversation_id": ["c1"]} | {f"p_{name}": [i / 10] for i, name in enumerate(CLASSES)})
    found = cross_fitted(OWN, NAMES, held_out.select(reversed(held_out.columns)))
    assert found[1].tolist() == [i / 10 for i in range(len(CLASSES))]


def test_cross_fitting_takes_a_held_out_probability_of_zero_for_what_it_is():
    assert cross_fitted(OWN, NAMES, held_out_of(c1=0.0))[1].tolist() == [0.0] * len(CLASSES)


@pytest.mark.parametrize("held_out", [HELD_OUT, held_out_of(c7=0.5)], ids=["no labels", "labels of another shard"])
def test_cross_fitting_leaves_conversations_without_labels_as_they_are(held_out):
    np.testing.assert_array_equal(cross_fitted(OWN, NAMES, held_out), OWN)


def test_cross_fitting_of_an_empty_shard_is_empty():
    empty = np.zeros((0, len(CLASSES)))
    assert cross_fitted(empty, NAMES.head(0), held_out_of(c1=0.5)).shape == empty.shape


def test_held_out_probabilities_decide_what_a_labelled_conversation_is():
    conversations = table(TEXTS[0], TEXTS[3])
    found = classify(conversations, held_out_of(c0=0.999, c1=0.001), threshold=0.5)
    assert found["affective"].to_list() == [True, False]


def test_empty_shard_gives_an_empty_table():
    assert contracts.Affect.checked(classify(table())).height == 0
