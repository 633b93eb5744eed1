"""Controls on the change of sentiment: what it is among like conversations, in permuted order, without openings and courtesy, by opening and length; its path."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared.change import (
    EXCESS,
    GROUPS,
    LENGTHS,
    all_lengths_shown,
    as_table,
    change_rows,
    changes,
    hidden_together,
    hidden_too,
    is_among,
    mean_draws,
    messages_of,
    without_hidden_reference,
)
from shared.job import logged
from shared.levels import at_ends
from shared.sentiment import LinearSentiment
from shared.statistics import bootstrap_ratio, quantile_interval, summarise
from shared.tables import beside, counted, has_users, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

OPENINGS = {-1: "negative", 0: "neutral", 1: "positive"}
NEUTRAL = 0.17  # mean level of three messages, up to which an opening is neutral: one message of half a level does not make a feeling
ALIKE = 5  # clusters, from which a stratum tells how much conversations that are not affective vary
MESSAGES_AT_ONCE = 2_000_000  # of all permutations at a time: bounds memory
PATH = 12  # messages shown from either end, at most


def band_of(n_human: pl.Expr) -> pl.Expr:
    """str: the band of LENGTHS."""
    band = pl.lit(None, pl.String)
    for least, name in LENGTHS.items():
        band = pl.when(n_human >= least).then(pl.lit(name)).otherwise(band)
    return band


def opening_of(mean_level: pl.Expr) -> pl.Expr:
    """str: the feeling of OPENINGS that a window begins with."""
    return (
        pl.when(mean_level.abs() <= NEUTRAL)
        .then(0)
        .otherwise(mean_level.sign())
        .cast(pl.Int64)
        .replace_strict(OPENINGS)
    )


def matched(rows: pl.DataFrame, *, bootstrap: int, confidence: float, rng: np.random.Generator) -> list[dict]:
    """Of every group the mean change less that of non-affective conversations of the same length and opening: difference in differences.

    Strata are bands of LENGTHS by OPENINGS; one with fewer than ALIKE clusters to compare with is left out. A draw of a group has its own mix of
    strata, and what is expected of it follows that mix: how a draw happens to open is no uncertainty of what is left beyond it.
    """
    rows = rows.with_columns(stratum=pl.concat_str(band_of(pl.col("n_human")), opening_of(pl.col("start"))))
    reference = (
        rows.filter(in_group("not affective"))
        .group_by("stratum")
        .agg(expected=pl.col("change").mean(), n=pl.col("cluster").n_unique())
        .filter(pl.col("n") >= ALIKE)
        .sort("stratum")
    )
    rows = rows.join(reference, on="stratum", how="left", maintain_order="left")
    alike = pl.col("expected").is_not_null()
    options = {"replicates": bootstrap, "rng": rng}
    change, within, cluster = _by_stratum(rows.filter(in_group("not affective"), alike), reference["stratum"])
    expected = bootstrap_ratio(change * within, within, cluster, **options)  # (draws, strata)
    found = []
    for group in GROUPS[:-1]:
        base, unlike = rows.filter(in_group(group), alike), rows.filter(in_group(group), ~alike)
        change, within, cluster = _by_stratum(base, reference["stratum"])
        sums = np.column_stack([change, within])
        own = bootstrap_ratio(sums, np.ones(sums.shape), cluster, **options)  # mean change, and each stratum's share
        found.append(
            {
                "group": group,
                **counted(base, users=has_users(rows), rests=[unlike, beside(rows.filter(alike), group)]),
                "mean_start": base["start"].mean(),
                "mean_end": base["end"].mean(),
                **summarise(
                    own[:, 0] - (own[:, 1:] * expected).sum(axis=1),
                    confidence=confidence,
                    value=(base["change"] - base["expected"]).mean(),
                ),
            }
        )
    return found


def _by_stratum(rows, strata):
    """Change (n, 1), whether a conversation is of each stratum (n, strata), and its cluster (n,)."""
    within = rows["stratum"].to_numpy()[:, None] == strata.to_numpy()
    return rows["change"].to_numpy()[:, None], within.astype(float), rows["cluster"].to_numpy()


def permuted(
    messages: pl.DataFrame,
    rows: pl.DataFrame,
    *,
    window: int,
    bootstrap: int,
    confidence: float,
    rng: np.random.Generator,
) -> list[dict]:
    """Of every group the mean change if the messages of each conversation had come in any order: the null in which order says nothing.

    The interval is that of the permutations; `p_value` is the share of them whose mean change is at least as far from their mean as the observed
    one (counting the observed one itself).
    """
    messages = messages.join(rows.select("conversation_id"), on="conversation_id", how="semi")
    first = np.flatnonzero(messages["conversation_id"].rle_id().diff().fill_null(1).to_numpy())
    level = messages["level_compound"].to_numpy()
    n = np.diff(np.append(first, len(level)))
    member = np.column_stack([rows.select(in_group(group)).to_series().to_numpy() for group in GROUPS]).astype(float)
    drawn, step = [], max(1, MESSAGES_AT_ONCE // max(1, len(level)))
    for done in range(0, bootstrap, step):
        size = min(step, bootstrap - done)
        ends = drawn_without_replacement(level, first, n, count=2 * window, size=size, rng=rng)
        # Both windows have as many messages in any order; one that is not scorable keeps its place, as it does in the windows themselves.
        change = _mean_of(ends[window:]) - _mean_of(ends[:window])
        total = np.broadcast_to(member.sum(axis=0), (size, len(GROUPS)))
        drawn.append(np.divide(change @ member, total, out=np.full(total.shape, np.nan), where=total > 0))
    drawn = np.concatenate(drawn)
    found = []
    for number, group in enumerate(GROUPS):
        base = rows.filter(in_group(group))
        null, observed = drawn[:, number], base["change"].mean()
        low, high = quantile_interval(null, confidence=confidence)
        centre = null.mean()
        extreme = (
            None
            if observed is None
            else ((np.abs(null - centre) >= abs(observed - centre)).sum() + 1) / (bootstrap + 1)
        )
        found.append(
            {
                "group": group,
                **counted(base, users=has_users(rows), rests=[beside(rows, group)]),
                "mean_start": None,
                "mean_end": None,
                "estimate": centre,
                "ci_low": low,
                "ci_high": high,
                "p_value": extreme,
            }
        )
    return found


def drawn_without_replacement(
    values: np.ndarray, first: np.ndarray, n: np.ndarray, *, count: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """The first `count` values of each conversation in a random order, `size` times: as many steps of a shuffle as are needed (Durstenfeld 1964).

    Args:
        values: (messages,) those of a conversation stand together.
        first, n: (conversations,) where each begins, and how many it has: at least `count`.

    Returns:
        (count, size, conversations)
    """
    left = np.tile(values, (size, 1))
    begin = first + len(values) * np.arange(size)[:, None]
    flat, drawn = left.reshape(-1), np.empty((count, *begin.shape))
    for step in range(count):
        place = begin + step
        other = place + (rng.random(begin.shape) * (n - step)).astype(int)
        drawn[step] = flat[other]
        flat[other] = flat[place]
    return drawn


def _mean_of(drawn):
    """(size, conversations) mean of what is scored of (count, size, conversations); neutral where nothing is."""
    used = np.isfinite(drawn)
    count = used.sum(axis=0)
    return np.divide(np.where(used, drawn, 0).sum(axis=0), count, out=np.zeros(count.shape), where=count > 0)


def control_sentiment(
    messages: pl.DataFrame,
    *,
    dataset: str,
    min_human_messages: int,
    window: int,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """The change of sentiment under each control, by group.

    Args:
        messages: shared.change.messages_of.
        dataset: its name.
        min_human_messages, window: as declared.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users. As many permutations as replicates.

    Returns:
        dataset, control, part (of a control that divides the conversations), and of change_rows: group, n_conversations, n_users, mean_start,
        mean_end, estimate with interval, excess with interval; p_value (permutations). Controls:
        declared: as in tables/sentiment.csv. matched: difference in differences, see matched. permuted: the null of any order. without the first
        message; without courtesy; nothing masked; linear score: the declared change with that one choice changed (without its
        first message the shortest conversation has one that counts at both ends). by opening: of the conversations
        with a third window, by the feeling of the first one. by opening, later baseline: the same, but counted from the second window, which did
        not select them: what is left is no regression to the mean. by length: bands of human messages, with the start of those that stayed.
    """
    options = {"bootstrap": bootstrap, "confidence": confidence}
    same, rng = options | {"seed": seed}, np.random.default_rng([seed, len(GROUPS)])
    rule = {"window": window, "min_human_messages": min_human_messages}
    declared = changes(messages, "level_compound", **rule)
    later = messages.filter(pl.col("place") > 0).with_columns(n_human=pl.col("n_human") - 1)
    variants = {
        "without the first message": changes(
            later, "level_compound", window=window, min_human_messages=min_human_messages - 1
        ),
        "without courtesy": changes(messages, "level_compound_plain", **rule),
        "nothing masked": changes(messages, "level_compound_unmasked", **rule),
        "linear score": changes(messages, "level_linear", **rule),
    }
    third = changes(messages, "level_compound", window=window, min_human_messages=max(min_human_messages, 3 * window))
    second = at_ends(
        messages.filter(pl.col("place").is_between(window, 2 * window - 1)), ["level_compound"], window=window
    )
    third = third.join(
        second.select("conversation_id", baseline="level_compound_start"),
        on="conversation_id",
        maintain_order="left",
    ).with_columns(part=opening_of(pl.col("start")))
    again = third.with_columns(start="baseline", change=pl.col("end") - pl.col("baseline"))
    divided = {
        "by opening": (third, OPENINGS),
        "by opening, later baseline": (again, OPENINGS),
        "by length": (declared.with_columns(part=band_of(pl.col("n_human"))), LENGTHS),
    }
    found = {("declared", "all"): change_rows(declared, **same)}
    found |= {("matched", "all"): matched(declared, **options, rng=rng)}
    found |= {("permuted", "all"): permuted(messages, declared, window=window, **options, rng=rng)}
    found |= {(control, "all"): change_rows(rows, **same) for control, rows in variants.items()}
    for control, (rows, parts) in divided.items():
        found |= {(control, part): change_rows(rows.filter(part=part), **same) for part in parts.values()}
    return as_table(
        [
            {"dataset": dataset, "control": control, "part": part} | {name: row.get(name) for name in COLUMNS}
            for (control, part), rows in found.items()
            for row in rows
        ]
    )


COLUMNS = [
    "group",
    "n_conversations",
    "n_users",
    "n_authors",
    "n_rest",
    "n_authors_rest",
    "mean_start",
    "mean_end",
    "estimate",
    "ci_low",
    "ci_high",
]
COLUMNS += [*EXCESS, "p_value"]


def path_of_sentiment(
    messages: pl.DataFrame, *, dataset: str, min_human_messages: int, bootstrap: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Mean level message by message, counted from the start and from the end: as many as each of the conversations has, so that all are of the same.

    Args:
        messages, dataset, min_human_messages, bootstrap, confidence, seed: see control_sentiment.

    Returns:
        dataset, group, counted_from (start or end), message (1, 2, ... the human's own), n_conversations, n_users, estimate (mean level; neutral
        where there is nothing to score) with interval.
    """
    long = messages.filter(pl.col("n_human") >= min_human_messages).with_columns(pl.col("level_compound").fill_null(0))
    users, rows = has_users(long), []
    numbers = range(1, min(PATH, min_human_messages) + 1)
    places = {("start", number): pl.col("place") == number - 1 for number in numbers}
    places |= {("end", number): pl.col("place") == pl.col("n_human") - number for number in reversed(numbers)}
    for group in GROUPS:
        base = long.filter(in_group(group))
        for number, ((side, message), where) in enumerate(places.items()):
            rng = np.random.default_rng([seed, number])
            here = base.filter(where)
            draws = mean_draws(here, "level_compound", replicates=bootstrap, rng=rng)
            rows.append(
                {
                    "dataset": dataset,
                    "group": group,
                    "counted_from": side,
                    "message": message,
                    **counted(here, users=users, rests=[beside(long.filter(where), group)]),
                    **summarise(draws, confidence=confidence, value=here["level_compound"].mean()),
                }
            )
    return as_table(rows)


def publishable(
    controls: pl.DataFrame,
    shown: dict[tuple[str, str], set[int]],
    *,
    min_human_messages: int,
    window: int,
    **floors: int,
) -> pl.DataFrame:
    """The table of controls without what would tell of a few.

    Args:
        controls: control_sentiment, of several data sets.
        shown: shared.change.all_lengths_shown.
        min_human_messages, window: as declared.
        floors: min_conversations, min_users.
    """
    third = {max(min_human_messages, 3 * window)}
    lengths = dict.fromkeys(controls["control"].unique(), {min_human_messages})
    lengths |= {"by opening": third, "by opening, later baseline": third}
    lengths["by length"] = {min_human_messages} | {least for least in LENGTHS if least > min_human_messages}
    told = [(*key, control) for key, kept in shown.items() for control, own in lengths.items() if not own <= kept]
    hide = [name for name in COLUMNS if name != "group" and not name.startswith("n_")]
    table = published(controls, **floors, hide=hide)
    table = hidden_together(table, by=["dataset", "control", "group"], hide=hide)
    table = hidden_too(table, is_among(["dataset", "group", "control"], told), hide=hide)
    return without_hidden_reference(table, by=["dataset", "control", "part"])


def publishable_path(
    path: pl.DataFrame, shown: dict[tuple[str, str], set[int]], *, min_human_messages: int, **floors: int
) -> pl.DataFrame:
    """The table of path_of_sentiment without what would tell of a few; arguments as in publishable."""
    told = [key for key, kept in shown.items() if min_human_messages not in kept]
    hide = ["estimate", "ci_low", "ci_high"]
    return hidden_too(published(path, **floors, hide=hide), is_among(["dataset", "group"], told), hide=hide)


def main():
    params = snakemake.params
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        cues = yaml.safe_load(file)["sentiment"]
    cuts = {"compound": params.cut_points, "linear": LinearSentiment.load(snakemake.input.model, cues).cut_points}
    least, window = (params.lengths[name] for name in ("min_human_messages", "window"))
    rule = {"min_human_messages": least, **params.settings, "seed": params.seed}
    controls, paths, shown = [], [], {}
    for dataset, path in zip(params.datasets, snakemake.input.measures, strict=True):
        shards = [shard for shard in snakemake.input.sentiment if shard.startswith(f"data/interim/{dataset}/")]
        sentiment, measures = pl.concat([pl.read_parquet(shard) for shard in shards]), pl.read_parquet(path)
        messages = messages_of(measures, sentiment, cut_points=cuts)
        controls.append(control_sentiment(messages, dataset=dataset, window=window, **rule))
        paths.append(path_of_sentiment(messages, dataset=dataset, **rule))
        shown |= all_lengths_shown(measures, dataset=dataset, **params.lengths, **params.privacy)
    declared = {"min_human_messages": least, **params.privacy}
    publishable(pl.concat(controls), shown, window=window, **declared).write_csv(snakemake.output.controls)
    publishable_path(pl.concat(paths), shown, **declared).write_csv(snakemake.output.path)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
