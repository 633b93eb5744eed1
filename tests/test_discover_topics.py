"""Topics within categories: sizes, names, floors and repeatability."""

import numpy as np
import polars as pl
import pytest
from discover_topics import cluster, discover_topics, distinctive_terms
from plot_topics import plot_topics

from shared import contracts
from shared.contracts import CATEGORIES
from shared.figures import MUTED, OURS
from shared.tables import MERGED, UNNAMED

SISTER = ["sister argues about wedding guests", "wedding with sister and guests", "guests at wedding argue with sister"]
SALARY = ["salary raise from manager", "manager refuses salary raise", "raise and salary talk with manager"]
TEXTS = [f"{text} {number}" for number in range(4) for text in SISTER + SALARY]
OPTIONS = {
    "conversations_per_topic": 12,
    "max_topics": 8,
    "terms": 3,
    "min_conversations_per_term": 5,
    "floor": 10,
    "seed": 7,
}


def conversations(texts, categories=("coaching",), *, n_users=None):
    """A table of these texts, by so many users in turn; without users each has an author of its own."""
    rows = [
        {
            "conversation_id": f"c{number:03}",
            "author": f"u{number % n_users}" if n_users else f"c{number:03}",
            "categories": list(categories),
            "text": text,
        }
        for number, text in enumerate(texts)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "conversation_id": pl.String,
            "author": pl.String,
            "categories": pl.List(pl.Enum(CATEGORIES)),
            "text": pl.String,
        },
    )


def one_each(texts):
    """Every text by a user of its own."""
    return [f"u{number}" for number in range(len(texts))]


def test_two_plain_themes_become_two_topics():
    topics, stability = cluster(TEXTS, k=2, seed=7)
    wedding = np.array(["wedding" in text for text in TEXTS])
    assert len(set(topics[wedding])) == len(set(topics[~wedding])) == 1
    assert topics[wedding][0] != topics[~wedding][0]
    assert stability == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_topics_are_numbered_from_the_largest_down(seed):
    salary, wedding = ([text for text in TEXTS if word in text] for word in ("salary", "wedding"))
    harbour = ["harbour boats sail wind", "boats wind harbour", "sail boats harbour"] * 2
    topics, _ = cluster(salary[:3] + harbour + wedding, k=3, seed=seed)
    assert topics.tolist() == [2] * 3 + [1] * 6 + [0] * 12


def test_the_same_seed_gives_the_same_topics():
    assert np.array_equal(cluster(TEXTS, k=3, seed=7)[0], cluster(TEXTS, k=3, seed=7)[0])


def test_a_single_topic_has_no_stability():
    topics, stability = cluster(TEXTS, k=1, seed=7)
    assert (set(topics), stability) == ({0}, None)


def test_a_topic_is_named_by_words_that_stand_inside_it_and_not_outside():
    topics = np.array([0 if "wedding" in text else 1 for text in TEXTS])
    named = distinctive_terms(TEXTS, topics, one_each(TEXTS), floor=5, n_terms=3)
    assert {term for topic, _, term, _ in named if topic == 0} == {"sister", "wedding", "guests"}
    assert {term for topic, _, term, _ in named if topic == 1} == {"salary", "raise", "manager"}


def test_ranks_run_from_one_and_counts_are_conversations():
    texts = ["apple apple pear", "apple", "plum", "plum"]
    named = distinctive_terms(texts, np.array([0, 0, 1, 1]), one_each(texts), floor=1, n_terms=2)
    assert named == [(0, 1, "apple", 2), (0, 2, "pear", 1), (1, 1, "plum", 2)]


def test_a_word_that_too_few_conversations_use_names_no_topic():
    texts = ["apple zanzibar", "apple", "plum", "plum"]
    terms = {row[2] for row in distinctive_terms(texts, np.array([0, 0, 1, 1]), one_each(texts), floor=2, n_terms=5)}
    assert terms == {"apple", "plum"}


@pytest.mark.parametrize(
    ("users", "named"),
    [("aaaa", set()), ("aabb", {"zanzibar"}), ("abcd", {"zanzibar"}), ("aaab", {"zanzibar"})],
)
def test_a_word_that_too_few_users_use_names_no_topic_however_often_they_do(users, named):
    terms = distinctive_terms(["zanzibar"] * 4, np.zeros(4, int), list(users), floor=2, n_terms=5)
    assert {row[2] for row in terms} == named


def test_users_of_a_word_outside_the_topic_do_not_count_for_it():
    texts = ["zanzibar apple", "zanzibar apple", "apple", "zanzibar plum", "plum", "plum", "plum", "plum"]
    named = distinctive_terms(texts, np.array([0] * 3 + [1] * 5), list("aabcdefg"), floor=2, n_terms=5)
    assert {(topic, term) for topic, _, term, _ in named} == {(0, "apple"), (1, "plum")}


def test_counts_of_a_word_are_conversations_and_not_users():
    named = distinctive_terms(["apple"] * 5, np.zeros(5, int), list("aaaab"), floor=2, n_terms=1)
    assert named == [(0, 1, "apple", 5)]


def test_a_word_as_frequent_outside_as_inside_names_no_topic():
    texts = ["river apple", "river apple", "river plum", "river plum"]
    named = distinctive_terms(texts, np.array([0, 0, 1, 1]), one_each(texts), floor=1, n_terms=5)
    assert "river" not in {row[2] for row in named}


def test_a_single_topic_is_named_by_its_most_frequent_words():
    texts = ["apple plum", "apple pear", "apple plum"]
    named = distinctive_terms(texts, np.zeros(3, int), one_each(texts), floor=1, n_terms=2)
    assert [row[2] for row in named] == ["apple", "plum"]


def test_stop_words_never_name_a_topic():
    texts = ["i'm really feeling the harbour", "i'm really at the harbour"]
    named = distinctive_terms(texts, np.zeros(2, int), one_each(texts), floor=2, n_terms=9)
    assert [row[2] for row in named] == ["harbour"]


def test_contractions_never_name_a_topic_and_a_possessive_is_its_word():
    texts = [
        "what's the harbour's depth? it doesn't say, they've said they won't",
        "she's at a harbour that isn't deep",
    ]
    texts = [f"{text}, i'd say you'll see what's wrong, we haven't, he wouldn't" for text in texts]
    named = distinctive_terms(texts, np.zeros(2, int), one_each(texts), floor=2, n_terms=9)
    assert [row[2] for row in named] == ["harbour", "wrong"]


def test_every_conversation_of_a_large_enough_category_has_one_topic():
    topics, _ = discover_topics(conversations(TEXTS), **OPTIONS)
    assert contracts.Topics.checked(topics)["conversation_id"].to_list() == [f"c{n:03}" for n in range(len(TEXTS))]


def test_a_conversation_of_two_categories_has_a_topic_in_each():
    topics, _ = discover_topics(conversations(TEXTS, categories=["interpersonal", "coaching"]), **OPTIONS)
    assert topics.group_by("category").len().sort("category").rows() == [("interpersonal", 24), ("coaching", 24)]


def test_a_category_under_the_floor_has_no_topic():
    topics, terms = discover_topics(conversations(TEXTS[:9]), **OPTIONS)
    assert (topics.height, terms.height) == (0, 0)


@pytest.mark.parametrize(("n", "k"), [(19, 1), (20, 2), (24, 2)])
def test_two_topics_are_sought_only_where_both_could_reach_the_floor(n, k):
    topics, _ = discover_topics(conversations(TEXTS[:n]), **OPTIONS)
    assert topics["topic"].n_unique() == k


def test_the_number_of_topics_is_capped():
    options = OPTIONS | {"conversations_per_topic": 2, "max_topics": 3, "floor": 4}
    assert discover_topics(conversations(TEXTS), **options)[0]["topic"].n_unique() == 3


def test_the_assistants_words_do_not_name_a_topic():
    _, terms = discover_topics(conversations(TEXTS), **OPTIONS)
    assert set(terms["term"]) == {"sister", "wedding", "guests", "salary", "raise", "manager"}


def test_the_words_of_too_few_users_name_no_topic_but_leave_the_topics():
    topics, terms = discover_topics(conversations(TEXTS, n_users=4), **OPTIONS)
    assert (topics.height, topics["topic"].n_unique(), terms.height) == (24, 2, 0)


def test_the_words_of_enough_users_name_topics_as_without_users():
    by_users, alone = (discover_topics(conversations(TEXTS, n_users=n), **OPTIONS)[1] for n in (12, None))
    assert set(by_users["term"]) == {"sister", "wedding", "guests", "salary", "raise", "manager"}
    assert by_users.equals(alone)


def test_conversations_must_say_whose_they_are():
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="author"):
        discover_topics(conversations(TEXTS).drop("author"), **OPTIONS)


def test_texts_of_nothing_but_stop_words_are_left_without_topics():
    assert discover_topics(conversations(["i really do"] * 12), **OPTIONS)[0].height == 0


def test_the_order_of_conversations_does_not_matter():
    table = conversations(TEXTS)
    assert discover_topics(table.reverse(), **OPTIONS)[0].equals(discover_topics(table, **OPTIONS)[0])


def test_topics_that_hang_on_a_few_conversations_are_not_stable():
    draw = np.random.default_rng(4)
    words = [
        "anchor",
        "bridge",
        "candle",
        "dune",
        "ember",
        "fjord",
        "glacier",
        "heron",
        "island",
        "jetty",
        "kelp",
        "lagoon",
    ]
    noise = [" ".join(draw.choice(words, 4, replace=False)) for _ in range(60)]
    assert cluster(noise, k=6, seed=7)[1] < 0.6


def published_topics(*rows):
    """(topic, conversations, stability) of coaching, as estimate_topics gives them."""
    return pl.DataFrame(
        [
            {
                "dataset": "own",
                "category": "coaching",
                "topic": topic,
                "name": None,
                "n_conversations": n,
                "share_of_category": n / 100,
                "stability": stability,
            }
            for topic, n, stability in rows
        ]
    )


def test_figure_gives_each_topic_its_stability(tmp_path):
    path = tmp_path / "figure.svg"
    plot_topics(published_topics(("salary, raise", 60, 0.83), ("other topics", 40, None)), str(path))
    drawn = path.read_text(encoding="utf-8")
    assert "salary, raise" in drawn and drawn.count("stability 0.83") == 1 == drawn.count("stability")


def test_figure_shows_in_grey_what_is_unstable_or_alone_or_without_words(tmp_path):
    path = tmp_path / "figure.svg"
    rows = [
        ("salary, raise", 40, 0.83),
        ("harbour, boat", 30, 0.12),
        ("wedding, dress", 15, None),
        (UNNAMED, 10, 0.83),
        (MERGED, 5, None),
    ]
    plot_topics(published_topics(*rows), str(path))
    drawn = path.read_text(encoding="utf-8").lower()
    assert (drawn.count(f"fill: {OURS.lower()}"), drawn.count(f"fill: {MUTED.lower()}")) == (1, 4)


def test_figure_in_which_nothing_is_named_says_so_and_draws_no_bar(tmp_path):
    path = tmp_path / "figure.svg"
    plot_topics(published_topics(("other topics", 100, None)), str(path))
    text = path.read_text(encoding="utf-8")
    assert "No topic can be named" in text and "Share of the category" not in text
