"""How often the assistant pushes back, by type of conversation: any instance, per assistant message, kinds and reasons."""

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.job import logged
from shared.labels import labels_of_pushback, read_held_out, read_whole, share_of_labels
from shared.statistics import (
    bootstrap_ratio,
    bootstrap_share,
    rogan_gladen_draws,
    summarise,
)
from shared.tables import counted, has_users, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

GROUPS = ["affective", *CATEGORIES, "not affective"]


NAIVE = ["share_naive", "ci_low", "ci_high"]  # of kinds and reasons
MIN_LABELS = 30  # conversations from which error rates are taken at all, and those of a data set from its own alone


def error_rates_for(
    held_out: pl.DataFrame, group: str, *, dataset: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """(predicted, true, weight) of labelled conversations like those of `group`: affective or not, weighted where not affective; and whose they are.

    Of the data set itself where it has enough labels, otherwise of all sources; none where these are too few.
    """
    affective = group != "not affective"
    known = held_out.filter(pl.col("true_affective") == int(affective))
    if not affective:
        known = known.filter(pl.col("weight").is_not_null())
    own = known.filter(source=dataset)
    known, whose = (own, "of this data set") if own.height >= MIN_LABELS else (known, "carried over from other sources")
    said = f"error rates {whose}" if known.height >= MIN_LABELS else "none: too few labels"
    weight = np.ones(known.height) if affective else known["weight"].to_numpy()
    return known["predicted_any"].to_numpy().astype(bool), known["true_any"].to_numpy().astype(bool), weight, said


def estimate_pushback(
    measures: pl.DataFrame,
    held_out: pl.DataFrame,
    classes: pl.DataFrame,
    *,
    dataset: str,
    bootstrap: int,
    confidence: float,
    seed: int,
    min_positive: int = 1,
) -> pl.DataFrame:
    """Share of conversations with any pushback, by group.

    Args:
        measures: contracts.Measures.
        held_out: the instrument's decisions beside the labels, see train_pushback.
        classes: the classifier's decisions beside the labels.
        dataset: its name.
        bootstrap, confidence, seed: of the intervals; clusters are users where there are users.
        min_positive: labels with pushback that a share of labels needs: the floor, where the labels are not public.

    Returns:
        dataset, group, n_conversations, n_users, n_with_pushback, share_naive with interval, estimate with interval (share_of_labels, where there is none
        the naive share corrected by error_rates_for), n_labels and from_labels (see estimate_prevalence), correction (which of the two), share_of_assistant_messages
        with interval.
    """
    rows = []
    users = has_users(measures)
    for number, group in enumerate(GROUPS):
        base = measures.filter(in_group(group))
        rng, cluster = np.random.default_rng([seed, number]), base["cluster"].to_numpy()
        any_pushback, ones = base["pushback"].to_numpy().astype(float), np.ones(base.height)
        naive = bootstrap_share(any_pushback, ones, cluster, replicates=bootstrap, rng=rng)
        per_message = bootstrap_ratio(
            base["n_pushback"].to_numpy(), base["n_assistant"].to_numpy(), cluster, replicates=bootstrap, rng=rng
        )
        n_pushback, n_messages = base["n_pushback"].sum(), base["n_assistant"].sum()
        *rates, correction = error_rates_for(held_out, group, dataset=dataset)
        by_rates = rogan_gladen_draws(naive, *rates, rng=rng)
        corrected = summarise(by_rates, confidence=confidence)
        # Only where an LLM judges: the shipped model has labels of several sources.
        if correction.startswith("none"):
            corrected = dict.fromkeys(corrected, math.nan)
        # A generator of its own: how far the first one has run depends on counts that may have to stay hidden.
        sample, inside, pushed = labels_of_pushback(held_out, classes, measures, group, dataset=dataset)
        n_read = int((inside & np.isfinite(pushed)).sum())
        by_labels = share_of_labels(
            sample,
            inside,
            pushed,
            bootstrap=bootstrap,
            confidence=confidence,
            min_positive=min_positive,
            rng=np.random.default_rng([seed, number, 1]),
        )
        naive_interval, message_interval = (
            summarise(naive, confidence=confidence, value=any_pushback.mean() if base.height else None),
            summarise(per_message, confidence=confidence, value=n_pushback / n_messages if n_messages else None),
        )
        rows.append(
            {
                "dataset": dataset,
                "group": group,
                **counted(base, users=users),
                "n_with_pushback": int(any_pushback.sum()),
                "share_naive": naive_interval["estimate"],
                "naive_ci_low": naive_interval["ci_low"],
                "naive_ci_high": naive_interval["ci_high"],
                **(by_labels or corrected),
                "n_labels": n_read if by_labels and n_read >= min_positive else None,
                "from_labels": by_labels is not None,
                "correction": f"labelled probability sample of {dataset}" if by_labels else correction,
                "share_of_assistant_messages": message_interval["estimate"],
                "message_ci_low": message_interval["ci_low"],
                "message_ci_high": message_interval["ci_high"],
            }
        )
    return pl.DataFrame(
        rows,
        infer_schema_length=None,
        schema_overrides={"n_users": pl.Int64, "n_labels": pl.Int64, "share_naive": pl.Float64},
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def count_by(
    measures: pl.DataFrame,
    names: list[str],
    column: str,
    *,
    dataset: str,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Conversations of each group with each of `names`, bool columns of the measures; shares are of the group's conversations, not corrected.

    Returns:
        dataset, group, `column` (a name), n_conversations, n_users, n_authors, n_of, n_authors_of, and NAIVE: the share and its interval.
    """
    rows = []
    users = has_users(measures)
    for group in GROUPS:
        base, rng = measures.filter(in_group(group)), np.random.default_rng([seed, len(rows)])
        cluster = base["cluster"].rank("dense").to_numpy()
        for name in names:
            members = base.filter(pl.col(name))
            said = base[name].to_numpy().astype(float)
            draws = bootstrap_share(said, np.ones(base.height), cluster, replicates=bootstrap, rng=rng)
            rows.append(
                (
                    dataset,
                    group,
                    name,
                    *counted(members, users=users).values(),
                    base.height,
                    base["author"].n_unique(),
                    *summarise(draws, confidence=confidence, value=said.mean() if base.height else None).values(),
                )
            )
    schema = {
        "dataset": pl.String,
        "group": pl.String,
        column: pl.String,
        "n_conversations": pl.Int64,
        "n_users": pl.Int64,
        "n_authors": pl.Int64,
        "n_of": pl.Int64,
        "n_authors_of": pl.Int64,
        **dict.fromkeys(NAIVE, pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col(NAIVE).fill_nan(None))


def residual_hidden(reasons: pl.DataFrame, totals: pl.DataFrame, *, min_conversations: int, **_: int) -> pl.DataFrame:
    """Hide a group's smallest shown reason too, where one hidden reason alone is left of its total, or what is left is under the floor.

    Args:
        reasons: published rows of reasons, of which every conversation with pushback has exactly one.
        totals: dataset, group, total (conversations with pushback; null where hidden).
    """
    out = []
    for (dataset, group), rows in reasons.group_by("dataset", "group", maintain_order=True):
        total = totals.filter(dataset=dataset, group=group)["total"].to_list()[0]
        shown = rows.filter(pl.col("n_conversations") > 0)
        residual = (total or 0) - shown["n_conversations"].sum()
        if total is None:
            doomed = shown["reason"].to_list()
        elif shown.height and (0 < residual < min_conversations or rows["suppressed"].sum() == 1):
            doomed = shown.sort("n_conversations", "reason")["reason"].to_list()[:1]
        else:
            doomed = []
        keep = ~pl.col("reason").is_in(doomed)
        columns = ["n_conversations", "n_users", *NAIVE]
        out.append(rows.with_columns(pl.when(keep).then(pl.col(columns)), suppressed=pl.col("suppressed") | ~keep))
    return pl.concat(out) if out else reasons


def main():
    held_out = read_whole(snakemake.input.held_out)
    classes, privacy = read_held_out(snakemake.input.classes), snakemake.params.privacy
    tables, kinds, reasons = [], [], []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True):
        measures = pl.read_parquet(path)
        own = {"dataset": dataset, **snakemake.params.settings, "seed": snakemake.params.seed}
        min_positive = privacy["min_conversations"] if dataset in snakemake.params.own_labelled else 1
        tables.append(estimate_pushback(measures, held_out, classes, **own, min_positive=min_positive))
        kinds.append(count_by(measures, PUSHBACK_KINDS, "kind", **own))
        names = measures["reason"].drop_nulls().unique().sort().to_list()
        flagged = measures.with_columns(**{name: (pl.col("reason") == name).fill_null(False) for name in names})
        reasons.append(count_by(flagged, names, "reason", **own))
    hide = [
        "n_with_pushback",
        "share_naive",
        "naive_ci_low",
        "naive_ci_high",
        "share_of_assistant_messages",
        "message_ci_low",
        "message_ci_high",
    ]
    table = published(pl.concat(tables), **privacy, hide=hide)
    # A numerator under the floor, or the rest, must not be told from a share that rests on it.
    counts = pl.col("n_with_pushback"), pl.col("n_conversations") - pl.col("n_with_pushback")
    few = pl.any_horizontal([n.is_between(1, privacy["min_conversations"] - 1) for n in counts]).fill_null(False)
    # Where labels are public, what rests on them alone tells no count; where they are not, it has had its own floor.
    told = (pl.col("suppressed") | few) & ~pl.col("from_labels")
    table.with_columns(
        pl.when(~few).then(pl.col(hide)),
        pl.when(~told).then(pl.col("estimate", "ci_low", "ci_high")),
        numerator_suppressed=few,
    ).write_csv(snakemake.output.pushback)
    totals = table.select("dataset", "group", total="n_with_pushback")
    published(pl.concat(kinds), **privacy, hide=NAIVE).write_csv(snakemake.output.kinds)
    listed = published(pl.concat(reasons), **privacy, hide=NAIVE)
    residual_hidden(listed, totals, **privacy).write_csv(snakemake.output.reasons)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
