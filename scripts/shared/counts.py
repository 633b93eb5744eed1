"""Counts in published tables, and which of them are under a floor."""

import csv
import io
import re

import polars as pl

# Parts that a table counts beside their whole.
PARTS = [
    ("n_conversations", "n_of"),
    ("n_users", "n_users_of"),
    ("n_with_pushback", "n_conversations"),
    ("n_affective", "n_conversations"),
]
USERS = {"n_users", "n_users_of"}
# The study's steps of the funnel, and what each keeps; the steps before them are technical and have no floor.
STUDY_FILTERS = {
    "not content creation": ~pl.col("content_creation"),
    "affective": pl.col("affective"),
    "roleplay only if long enough": pl.col("included"),
}
PUBLIC, SIMULATED, PLANTED = (
    "labels are there for all to see",
    "counts of simulations or tests",
    "the control corpus is written for it",
)
# Columns of counts that no person stands behind, by table; None for all of them.
NOT_OF_PERSONS = {
    **dict.fromkeys(
        [("agreement", None), ("judge", None), ("pushback_evaluation", None), ("sentiment_evaluation", None)], PUBLIC
    ),
    **dict.fromkeys([(f"classifier_{part}", None) for part in ("evaluation", "calibration", "confusions")], PUBLIC),
    **dict.fromkeys([("coverage", None), ("power", "n_tests"), ("power", "n_needed")], SIMULATED),
    ("instrument_check", None): PLANTED,
}


def number_in(cell: str | None) -> float | None:
    """The number in a cell of a table; None in an empty one and in words."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def cells_under_floor(
    table: str, text: str, *, min_conversations: int, min_users: int, exempt: dict = NOT_OF_PERSONS
) -> int:
    """Counts from 1 to under their floor in a published table (CSV): those of every column `n` or `n_...`, the rest of a whole that a part leaves,
    and parts that stay blank while a share of the whole beside them tells them.

    Args:
        table: its name, by which columns (or None: all of them) are exempt.
    """
    cells = 0
    for row in csv.DictReader(io.StringIO(text)):
        counts = {
            name: number_in(cell)
            for name, cell in row.items()
            if re.fullmatch("n(_.*)?", name or "") and not {(table, name), (table, None)} & exempt.keys()
        }
        if table == "funnel" and row.get("step") not in STUDY_FILTERS:
            continue
        found = [(name, number) for name, number in counts.items() if number is not None]
        for part, whole in PARTS:
            if None not in (counts.get(part), counts.get(whole)):
                found.append((part, counts[whole] - counts[part]))
            shares = (number_in(cell) for name, cell in row.items() if (name or "").startswith("share"))
            told = counts.get(whole) and part in counts and counts[part] is None and part not in USERS
            cells += bool(told) and any(share is not None for share in shares)
        floor = {name: min_users if name in USERS else min_conversations for name, _ in found}
        cells += sum(1 <= number < floor[name] for name, number in found)
    return cells
