"""The specification curve: the mean change of sentiment under every combination of choices that could have been made otherwise."""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared.change import (
    EXCESS,
    KNOWN,
    all_lengths_shown,
    as_table,
    change_rows,
    changes,
    hidden_too,
    is_among,
    less,
    messages_of,
)
from shared.job import logged
from shared.levels import at_ends
from shared.sentiment import SCORERS, TEXTS, LinearSentiment
from shared.statistics import bootstrap_ratio, named, summarise
from shared.tables import counted, has_users, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SCALES = {"level": "level_", "score": ""}  # and the beginning of the column's name
CHOICES = ["instrument", "text", "scale", "min_human_messages", "window"]


def vary_sentiment(
    messages: pl.DataFrame,
    *,
    dataset: str,
    declared: dict[str, int],
    min_human_messages: list[int],
    windows: list[int],
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """The change in affective conversations under every specification (Simonsohn, Simmons & Nelson 2020).

    Args:
        messages: shared.change.messages_of.
        dataset: its name.
        declared: min_human_messages and window of the declared estimate, which is on levels of VADER, masked, and stands first.
        min_human_messages, windows: choices; only where two windows fit into the shortest conversation.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.

    Returns:
        dataset, CHOICES (instrument, text that is scored, scale, fewest human messages, messages at each end), declared, and as change_rows:
        group (affective), n_conversations, n_users, mean_start, mean_end, estimate with interval, excess with interval.
    """
    usual = ("vader", "masked", "level", declared["min_human_messages"], declared["window"])
    every = product(SCORERS, TEXTS, SCALES, min_human_messages, windows)
    fitting = [choice for choice in every if choice[3] >= 2 * choice[4]]
    choices = list(dict.fromkeys([usual, *fitting]))
    starts, ends = ends_of(messages, choices)
    conversations = messages.select(KNOWN).unique("conversation_id", maintain_order=True)
    users, change = has_users(conversations), ends - starts
    draws, means = {}, {}
    for number, group in enumerate(["affective", "not affective"]):
        inside = conversations.select(in_group(group)).to_series().to_numpy()
        used = inside[:, None] & np.isfinite(change)
        means[group] = [change[rows, number].mean() if rows.any() else None for number, rows in enumerate(used.T)]
        # The same draws in every specification, so that these differ by their choices alone.
        draws[group] = bootstrap_ratio(
            np.nan_to_num(change[inside]),
            np.isfinite(change[inside]),
            conversations.filter(inside)["cluster"].rank("dense").to_numpy(),
            replicates=bootstrap,
            rng=np.random.default_rng([seed, number]),
        )
    affective = conversations.select(in_group("affective")).to_series().to_numpy()
    rows = []
    for number, choice in enumerate(choices):
        used = affective & np.isfinite(change[:, number])
        own, reference = (drawn[:, number] for drawn in draws.values())
        mean, others = (values[number] for values in means.values())
        sides = (float(side[used, number].mean()) if used.any() else None for side in (starts, ends))
        rows.append(
            {"dataset": dataset}
            | dict(zip(CHOICES, choice, strict=True))
            | {"declared": choice == usual, "group": "affective"}
            | counted(conversations.filter(used), users=users)
            | dict(zip(["mean_start", "mean_end"], sides, strict=True))
            | summarise(own, confidence=confidence, value=mean)
            | named(summarise(own - reference, confidence=confidence, value=less(mean, others)), "excess")
        )
    # The declared one is published in other tables too: there and here with the same draws.
    every = changes(messages, "level_compound", **declared)
    same, *_ = change_rows(every, bootstrap=bootstrap, confidence=confidence, seed=seed)
    rows[0] |= {name: value for name, value in same.items() if name in rows[0]}
    return as_table(rows)


def ends_of(messages: pl.DataFrame, choices: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Mean score at the start and at the end of each conversation under each choice: (conversations, choices); nan where it has too few messages."""
    n_human = messages.unique("conversation_id", maintain_order=True)["n_human"].to_numpy()
    columns = [f"{SCALES[scale]}{SCORERS[instrument]}{TEXTS[text]}" for instrument, text, scale, *_ in choices]
    found = {
        window: at_ends(messages, list(dict.fromkeys(columns)), window=window)
        for window in {each[4] for each in choices}
    }
    sides = np.full((2, len(n_human), len(choices)), np.nan)
    for number, (column, (*_, at_least, window)) in enumerate(zip(columns, choices, strict=True)):
        both = np.stack([found[window][f"{column}_{end}"].to_numpy() for end in ("start", "end")])
        used = n_human >= at_least
        sides[:, used, number] = both[:, used]
    return tuple(sides)


def publishable(curve: pl.DataFrame, shown: dict[tuple[str, str], set[int]], **floors: int) -> pl.DataFrame:
    """The curve without what would tell of a few.

    Args:
        curve: vary_sentiment, of several data sets.
        shown: shared.change.all_lengths_shown.
        floors: min_conversations, min_users.
    """
    hide = ["mean_start", "mean_end", "estimate", "ci_low", "ci_high", *EXCESS]
    key = ["dataset", "min_human_messages"]

    def told(group):
        return is_among(key, [own for own in curve.select(key).unique().rows() if own[1] not in shown[own[0], group]])

    table = hidden_too(published(curve, **floors, hide=hide), told("affective"), hide=hide)
    # One less the other would tell the change of conversations that are not affective.
    return table.with_columns(pl.when(~told("not affective")).then(pl.col(EXCESS)))


def main():
    params = snakemake.params
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        cues = yaml.safe_load(file)["sentiment"]
    cuts = {"compound": params.cut_points, "linear": LinearSentiment.load(snakemake.input.model, cues).cut_points}
    tables, shown = [], {}
    for dataset, path in zip(params.datasets, snakemake.input.measures, strict=True):
        shards = [shard for shard in snakemake.input.sentiment if shard.startswith(f"data/interim/{dataset}/")]
        scored, measures = pl.concat([pl.read_parquet(shard) for shard in shards]), pl.read_parquet(path)
        shown |= all_lengths_shown(measures, dataset=dataset, **params.lengths, **params.privacy)
        tables.append(
            vary_sentiment(
                messages_of(measures, scored, cut_points=cuts),
                dataset=dataset,
                declared={name: params.lengths[name] for name in ("min_human_messages", "window")},
                min_human_messages=params.lengths["specifications"],
                windows=params.windows,
                **params.settings,
                seed=params.seed,
            )
        )
    publishable(pl.concat(tables), shown, **params.privacy).write_csv(snakemake.output.curve)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
