"""The figure of topics: bars only where there is something to tell apart."""

import polars as pl
import pytest
from plot_topics import plot_topics

from shared.tables import MERGED, UNNAMED


def drawn(tmp_path, *topics):
    rows = [
        {
            "dataset": "own",
            "category": "coaching",
            "topic": topic,
            "name": None,
            "n_conversations": 20,
            "share_of_category": 1 / len(topics),
            "stability": 0.8,
        }
        for topic in topics
    ]
    plot_topics(pl.DataFrame(rows), tmp_path / "topics.svg")
    return (tmp_path / "topics.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("topics", [[MERGED], [UNNAMED], [MERGED, UNNAMED]])
def test_groups_without_words_give_a_sentence_and_no_bar(tmp_path, topics):
    svg = drawn(tmp_path, *topics)
    assert "No topic can be named" in svg and "Coaching" not in svg


def test_a_topic_with_words_is_drawn_beside_those_without(tmp_path):
    svg = drawn(tmp_path, "owls, barns", MERGED)
    assert "owls, barns" in svg and MERGED in svg
