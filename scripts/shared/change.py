"""Change of sentiment within conversations: every score's levels, changes from first to last messages, their means, and numbers that tell of nobody."""

import numpy as np
import polars as pl

from shared.levels import at_ends, levels
from shared.statistics import bootstrap_ratio, summarise
from shared.tables import TYPES, counted, has_users, in_group

GROUPS = ["affective", *TYPES, "not affective"]
KNOWN = [
    "conversation_id",
    "cluster",
    "author",
    "user_id",
    "n_human",
    "affective",
    "included",
    "compared",
    "categories",
]


def messages_of(measures: pl.DataFrame, sentiment: pl.DataFrame, *, cut_points: dict[str, list[float]]) -> pl.DataFrame:
    """The scored messages in order, with what is known of their conversation.

    Args:
        measures: contracts.Measures.
        sentiment: contracts.Sentiment.
        cut_points: of the levels, by the beginning of the scores' columns (compound, linear).

    Returns:
        KNOWN, turn, place (0, 1, ... among the human messages), and of each score its column and its level (level_{column}).
    """
    messages = sentiment.join(measures.select(KNOWN), on="conversation_id").sort("conversation_id", "turn")
    scores = [name for name in sentiment.columns if name.split("_")[0] in cut_points]
    return messages.select(
        *KNOWN,
        "turn",
        *scores,
        *(
            pl.Series(f"level_{name}", levels(messages[name].to_numpy(), cut_points[name.split("_")[0]])).fill_nan(None)
            for name in scores
        ),
        place=pl.int_range(pl.len()).over("conversation_id"),
    )


def changes(messages: pl.DataFrame, column: str, *, window: int, min_human_messages: int) -> pl.DataFrame:
    """The conversations with enough messages and something to score at both ends: KNOWN, start, end (means of the windows), change."""
    long = messages.filter(pl.col("n_human") >= min_human_messages)
    ends = at_ends(long, [column], window=window).drop_nulls()
    return (
        long.select(KNOWN)
        .unique("conversation_id", maintain_order=True)
        .join(ends, on="conversation_id", maintain_order="left")
        .rename({f"{column}_start": "start", f"{column}_end": "end"})
        .with_columns(change=pl.col("end") - pl.col("start"))
    )


def mean_draws(rows: pl.DataFrame, value: str, *, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the mean of a column, clustered; nan without rows."""
    return bootstrap_ratio(
        rows[value].to_numpy(), np.ones(rows.height), rows["cluster"].to_numpy(), replicates=replicates, rng=rng
    )


def less(one: float | None, other: float | None) -> float | None:
    """The difference of two means; none where one of them has no rows."""
    return None if one is None or other is None else one - other


def change_rows(
    rows: pl.DataFrame,
    *,
    bootstrap: int,
    confidence: float,
    rng: np.random.Generator,
) -> list[dict]:
    """Of every group the mean change, and what it is beyond that of conversations that are not affective.

    Args:
        rows: changes().
        bootstrap, confidence, rng: of the intervals.

    Returns:
        group, n_conversations, n_users, n_authors, mean_start, mean_end, estimate with interval, excess with interval.
    """
    users = has_users(rows)
    others = rows.filter(in_group("not affective"))
    reference = mean_draws(others, "change", replicates=bootstrap, rng=rng)
    found = []
    for group in GROUPS:
        base = rows.filter(in_group(group))
        own = mean_draws(base, "change", replicates=bootstrap, rng=rng)
        mean = base["change"].mean()
        beyond = summarise(own - reference, confidence=confidence, value=less(mean, others["change"].mean()))
        if group == "not affective":
            beyond = dict.fromkeys(beyond)
        found.append(
            {
                "group": group,
                **counted(base, users=users),
                "mean_start": base["start"].mean(),
                "mean_end": base["end"].mean(),
                **summarise(own, confidence=confidence, value=mean),
                "excess": beyond["estimate"],
                "excess_ci_low": beyond["ci_low"],
                "excess_ci_high": beyond["ci_high"],
            }
        )
    return found


def as_table(rows: list[dict]) -> pl.DataFrame:
    """Rows as a table: numbers are Float64 and rounded, counts Int64."""
    counts = {"n_conversations", "n_users", "n_authors", "part", "message", "min_human_messages", "window"}
    kinds = {
        name: pl.Int64 if name in counts else pl.Float64
        for name, value in rows[0].items()
        if not isinstance(value, str | bool)
    }
    table = pl.DataFrame(rows, schema_overrides=kinds)
    return table.with_columns(pl.col(pl.Float64).fill_nan(None).round(6))


def without_small_differences(
    table: pl.DataFrame, *, by: list[str], rows: list[str], floor: int, hide: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Blank the numbers of conversations and users wherever those above them are nearly as many, but not as many.

    Rows that rest on nearly the same conversations would say of how few they differ: of 1 to floor - 1.

    Args:
        table: a published table.
        by: columns within which rows rest on the same conversations.
        rows: columns that tell such rows apart; rows with the same of both divide the conversations, and their sum counts.
        floor: fewest conversations, or users, that numbers may differ by.
        hide: columns to blank too, as suppressed: where the same scores are averaged, the few follow from two means.
    """
    numbers = ["n_conversations", "n_users"]
    totals = table.group_by([*by, *rows], maintain_order=True).agg(pl.col(name).sum() for name in numbers)
    judged = []
    for part in totals.partition_by(by, maintain_order=True):
        shown = {name: [] for name in numbers}
        near = []
        for row in part.iter_rows(named=True):
            near.append(
                any(0 < abs(row[name] - other) < floor for name in numbers for other in shown[name] if row[name])
            )
            for name in numbers:
                shown[name] += [] if near[-1] or not row[name] else [row[name]]
        judged.append(part.select(*by, *rows, near=pl.Series(near)))
    joined = table.join(pl.concat(judged), on=[*by, *rows], maintain_order="left")
    blanked = joined.with_columns(pl.when(~pl.col("near")).then(pl.col(*numbers, *hide)))
    return blanked.with_columns(suppressed=pl.col("suppressed") | (pl.col("near") & bool(hide))).drop("near")


def hidden_together(table: pl.DataFrame, *, by: list[str], hide: list[str]) -> pl.DataFrame:
    """Where one row of `by` is suppressed all of them are: their sum is known, and what is left of it would be the hidden one."""
    together = table.with_columns(suppressed=pl.col("suppressed").any().over(by))
    return together.with_columns(pl.when(~pl.col("suppressed")).then(pl.col("n_conversations", "n_users", *hide)))
