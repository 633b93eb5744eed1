"""From which type of conversation to which the talk moves between its first and its last window, beside what shuffled windows would show."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.statistics import bootstrap_share, quantile_interval, summarise
from shared.tables import has_users, hidden_parts, small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

STATES = [*CATEGORIES, "not affective"]  # of a window
ALL, ANOTHER = "all", "another"
STUDY = ("coaching or counselling", "companionship")  # what the study says happens occasionally
GROUPS = {name: [name] for name in STATES} | {STUDY[0]: ["coaching", "counselling"], ALL: STATES}
MOVES = [STUDY, (ALL, ANOTHER), *((start, end) for start in STATES for end in STATES)]
SCHEMA = {
    "dataset": pl.String,
    "from_group": pl.String,
    "to_group": pl.String,
    **dict.fromkeys(["n_conversations", "n_users", "n_of"], pl.Int64),
    **dict.fromkeys(["share", "ci_low", "ci_high", "null_share", "null_ci_low", "null_ci_high"], pl.Float64),
    "suppressed": pl.Boolean,
}


def ends(windows: pl.DataFrame) -> pl.DataFrame:
    """conversation_id, first, last: the states of each conversation's first and last window, and all of them in `states`."""
    ordered = windows.sort("conversation_id", "window").with_columns(
        state=pl.col("category").cast(pl.String).fill_null("not affective")
    )
    by_conversation = ordered.group_by("conversation_id", maintain_order=True)
    return by_conversation.agg(
        first=pl.col("state").first(), last=pl.col("state").last(), states=pl.col("state").cast(pl.Enum(STATES))
    )


def shuffled_flows(states: pl.Series, *, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """(replicates, first, last): conversations by the states of their first and last window once their windows are shuffled.

    Args:
        states: (n,) the states of each conversation's windows, at least two.
    """
    flat, length = states.explode().to_physical().to_numpy(), states.list.len().to_numpy().astype(int)
    start, k = np.cumsum(length) - length, len(STATES)
    flows = np.zeros((replicates, k, k))
    for replicate in range(replicates):
        first = rng.integers(length)
        last = (first + 1 + rng.integers(length - 1)) % length
        pair = flat[start + first].astype(int) * k + flat[start + last]
        flows[replicate] = np.bincount(pair, minlength=k * k).reshape(k, k)
    return flows


def hidden_moves(table: pl.DataFrame, **floors: int) -> set[tuple[str, str]]:
    """The moves that must not be counted: those under the floor, and those that would let one of them be told.

    Args:
        table: conversation_id, author, first, last.
        floors: min_conversations, min_users.
    """
    beginning = {state: table.filter(first=state) for state in STATES}
    bases = hidden_parts(beginning, **floors)
    hidden = set()
    for start, base in beginning.items():
        parts = {end: base.filter(last=end) for end in STATES}
        ended = set(STATES) if start in bases else hidden_parts(parts, **floors)
        hidden |= {(start, end) for end in ended}
    members = [(start, STUDY[1]) for start in GROUPS[STUDY[0]]]
    moved = table.filter(pl.col("first").is_in(GROUPS[STUDY[0]]), pl.col("last") == STUDY[1])
    if bases & set(GROUPS[STUDY[0]]) or hidden & set(members) or small(moved, **floors):
        hidden.add(STUDY)
    moves = pl.col("first") != pl.col("last")
    untold = pl.concat_str("first", "last", separator=" > ").is_in([f"{start} > {end}" for start, end in hidden])
    # How many stay is told with how many change, and the shown moves of either, taken away from these, tell the hidden ones.
    tests = [pl.lit(True), moves, ~moves, moves & untold, ~moves & untold]
    if any(small(table.filter(test), **floors) for test in tests):
        hidden.add((ALL, ANOTHER))
    return hidden


def estimate_drift(
    measures: pl.DataFrame,
    windows: pl.DataFrame,
    *,
    dataset: str,
    floors: dict[str, int],
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Moves of one data set, as they may be published.

    Args:
        measures: contracts.Measures.
        windows: contracts.Windows.
        dataset: its name.
        floors: min_conversations, min_users.
        bootstrap, confidence, seed: of the intervals, and of the shuffles; clusters are users where there are users.

    Returns:
        dataset, from_group (state of the first window: a category, "not affective", "coaching or counselling", or all), to_group (state of the
        last; "another": any but the first), n_conversations that move so, n_users, n_of (conversations that begin so), share with ci_low
        and ci_high, null_share with null_ci_low and null_ci_high (mean and interval over shuffles of each conversation's windows: what the
        classifier's wavering alone would show), suppressed. Windows are as the classifier reads them, not corrected.
    """
    users = has_users(measures)
    table = (
        ends(windows)
        .join(measures.select("conversation_id", "cluster", "author"), on="conversation_id")
        .sort("conversation_id")
    )
    hidden = hidden_moves(table, **floors)
    flows = shuffled_flows(table["states"], replicates=bootstrap, rng=np.random.default_rng([seed, 0]))
    rows = []
    for number, (start, end) in enumerate(MOVES):
        base = table.filter(pl.col("first").is_in(GROUPS[start]))
        moves = pl.col("first") != pl.col("last") if end == ANOTHER else pl.col("last") == end
        moved, suppressed = base.filter(moves), (start, end) in hidden
        values = {}
        if base.height and not suppressed:
            member = base.select(moves).to_series().to_numpy().astype(float)
            rng = np.random.default_rng([seed, 1, number])
            clusters, ones = base["cluster"].to_numpy(), np.ones(base.height)
            draws = bootstrap_share(member, ones, clusters, replicates=bootstrap, rng=rng)
            begun = flows[:, [STATES.index(state) for state in GROUPS[start]]]
            ended = (
                begun.sum(axis=(1, 2)) - np.trace(begun, axis1=1, axis2=2)
                if end == ANOTHER
                else begun[:, :, STATES.index(end)].sum(axis=1)
            )
            null = np.divide(
                ended, begun.sum(axis=(1, 2)), out=np.full(bootstrap, np.nan), where=begun.sum(axis=(1, 2)) > 0
            )
            low, high = quantile_interval(null, confidence=confidence)
            values = summarise(draws, confidence=confidence, value=member.mean())
            values |= {
                "share": values["estimate"],
                "null_share": round(float(np.nanmean(null)), 6),
                "null_ci_low": round(low, 6),
                "null_ci_high": round(high, 6),
            }
        rows.append(
            {
                "dataset": dataset,
                "from_group": start,
                "to_group": end,
                "n_conversations": None if suppressed else moved.height,
                "n_users": moved["author"].n_unique() if users and not suppressed else None,
                "n_of": base.height if not small(base, **floors) and (start, end) not in hidden else None,
                **{name: values.get(name) for name in SCHEMA if name.endswith(("share", "low", "high"))},
                "suppressed": suppressed,
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def main():
    tables = [
        estimate_drift(
            pl.read_parquet(measures),
            pl.read_parquet(windows),
            dataset=dataset,
            floors=snakemake.params.floors,
            **snakemake.params.settings,
            seed=snakemake.params.seed,
        )
        for dataset, measures, windows in zip(
            snakemake.params.datasets, snakemake.input.measures, snakemake.input.windows, strict=True
        )
    ]
    pl.concat(tables).write_csv(snakemake.output.drift)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
