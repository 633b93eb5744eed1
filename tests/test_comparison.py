"""The sample of conversations that are not affective: who is drawn, and that the drawing stays as it is."""

import polars as pl
import pytest

from shared.comparison import compared, read_compared


def drawn(n_affective, n_other, *, others, seed=7):
    """Ids of the conversations compared of a shard of so many affective and other ones."""
    ids = [f"a{number}" for number in range(n_affective)] + [f"o{number}" for number in range(n_other)]
    table = pl.DataFrame(
        {"conversation_id": ids, "affective": [True] * n_affective + [False] * n_other},
        schema={"conversation_id": pl.String, "affective": pl.Boolean},
    )
    return set(table.filter(compared(others=others, seed=seed))["conversation_id"])


@pytest.mark.parametrize(("others", "n_drawn"), [(0, 0), (30, 30), (500, 200)])
def test_every_affective_conversation_is_compared_and_so_many_others_as_asked_or_as_there_are(others, n_drawn):
    found = drawn(40, 200, others=others)
    assert {name for name in found if name.startswith("a")} == {f"a{number}" for number in range(40)}
    assert len(found) == 40 + n_drawn


def test_a_shard_without_conversations_compares_none():
    assert drawn(0, 0, others=5) == set()


def test_one_conversation_more_in_a_shard_leaves_the_others_drawn_as_they_were():
    before, after = drawn(0, 200, others=50), drawn(0, 201, others=50)
    assert len(before - after) <= 1


def test_another_seed_draws_others():
    assert drawn(0, 200, others=50) != drawn(0, 200, others=50, seed=8)


def test_those_compared_are_read_whole_and_in_their_order(tmp_path):
    ids = ["d", "b", "a", "c"]
    pl.DataFrame({"conversation_id": ids, "messages": [["x"], ["y", "z"], [], ["w"]]}).write_parquet(tmp_path / "s")
    pl.DataFrame({"conversation_id": ids[::-1], "compared": [True, True, False, True]}).write_parquet(tmp_path / "a")
    rows = read_compared(tmp_path / "s", tmp_path / "a")
    assert rows.rows() == [("d", ["x"]), ("a", []), ("c", ["w"])]
