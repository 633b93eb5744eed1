"""Why the assistant pushes back where it does: shares of reasons among the conversations with pushback of a type."""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.labels import labels_of_pushback, read_held_out, read_whole, share_of_labels
from shared.statistics import bootstrap_share, summarise
from shared.tables import has_users, in_group, small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

GROUPS = ["affective", *CATEGORIES, "not affective"]
# Reasons that the study names together. Dangerous weight loss is one of self-harm or of other safety; therapy and diagnoses are medical.
REASONS = {
    "safety or policy": [
        "safety_self_harm",
        "safety_other",
        "medical_legal",
        "illegal_harm",
        "sexual",
        "hate_abuse",
        "privacy",
    ],
    "self-harm or medical advice": ["safety_self_harm", "medical_legal"],
    "self-harm or other safety": ["safety_self_harm", "safety_other"],
}
SCHEMA = {
    "dataset": pl.String,
    "group": pl.String,
    "reasons": pl.String,
    "n_conversations": pl.Int64,
    "n_users": pl.Int64,
    "n_of": pl.Int64,
    **dict.fromkeys(["share_naive", "naive_ci_low", "naive_ci_high", "estimate", "ci_low", "ci_high"], pl.Float64),
    "from_labels": pl.Boolean,
    "correction": pl.String,
    "suppressed": pl.Boolean,
}


def told(known: list[np.ndarray]) -> set[tuple[bool, ...]]:
    """Which sets follow from known sums of sets by adding and subtracting them.

    Args:
        known: (elements,) 0 or 1 of each: the sets whose sums are known.
    """
    sums = (np.dot(signs, known) for signs in product((-1, 0, 1), repeat=len(known)))
    return {tuple(sum_ == 1) for sum_ in sums if sum_.any() and np.isin(sum_, (0, 1)).all()}


def shown_sets(pushed: pl.DataFrame, listed: set[str], **floors: int) -> set[str]:
    """Which of REASONS may be counted without telling of a few conversations.

    Neither a set nor the rest may be a few; nor what follows for the reasons that are not listed from the sets, from all pushback, and from the
    reasons that are.

    Args:
        pushed: the conversations with pushback of a group, whose number is published.
        listed: reasons whose number is published.
    """
    hidden = sorted(set(pushed["reason"].unique()) - listed)
    known, shown = [np.ones(len(hidden), int)], set()
    for name, reasons in REASONS.items():
        member = pl.col("reason").is_in(reasons)
        parts = [pushed, pushed.filter(member), pushed.filter(~member)]
        trial = [*known, np.array([reason in reasons for reason in hidden], int)]
        parts += [
            pushed.filter(pl.col("reason").is_in([reason for reason, one in zip(hidden, chosen, strict=True) if one]))
            for chosen in told(trial)
        ]
        if not any(small(part, **floors) for part in parts):
            known, shown = trial, shown | {name}
    return shown


def estimate_reasons(
    measures: pl.DataFrame,
    held_out: pl.DataFrame,
    classes: pl.DataFrame,
    labels: pl.DataFrame,
    published: tuple[pl.DataFrame, pl.DataFrame],
    *,
    dataset: str,
    floors: dict[str, int],
    bootstrap: int,
    confidence: float,
    seed: int,
    min_positive: int = 1,
) -> pl.DataFrame:
    """Shares of reasons among conversations with pushback, as they may be published.

    Args:
        measures: contracts.Measures; the reason is that of the first pushback.
        held_out, classes, dataset, bootstrap, confidence, seed, min_positive: see estimate_pushback.
        labels: of import_labels, with the main reason of each.
        published: tables pushback and pushback_reasons, whose counts these must not complete.
        floors: min_conversations, min_users.

    Returns:
        dataset, group, reasons (of REASONS), n_conversations (with pushback for one of them), n_users, n_of (with pushback), share_naive with naive_ci_low and
        naive_ci_high, estimate with ci_low and ci_high (of the data set's labelled probability sample, where it has enough labels with pushback; else
        the naive share), from_labels (the first), correction (where it comes from), suppressed.
    """
    users, rows = has_users(measures), []
    totals, reasons = (table.filter(dataset=dataset) for table in published)
    main_reason = labels.select("conversation_id", true_reason=pl.col("label_pushback_reason").replace("", None))
    for group in GROUPS:
        pushed = measures.filter(in_group(group), "pushback")
        total = totals.filter(group=group)["n_with_pushback"].to_list()[0]
        listed = set(reasons.filter(pl.col("group") == group, ~pl.col("suppressed"))["reason"])
        shown = set() if total is None else shown_sets(pushed, listed, **floors)
        sample, inside, true = labels_of_pushback(held_out, classes, measures, group, dataset=dataset)
        said = sample.join(main_reason, on="conversation_id", how="left", maintain_order="left")["true_reason"]
        for number, (name, members) in enumerate(REASONS.items()):
            part = pushed.filter(pl.col("reason").is_in(members))
            member = pushed["reason"].is_in(members).to_numpy().astype(float)
            draws = bootstrap_share(
                member,
                np.ones(pushed.height),
                pushed["cluster"].to_numpy(),
                replicates=bootstrap,
                rng=np.random.default_rng([seed, GROUPS.index(group), number]),
            )
            naive = dict.fromkeys(["estimate", "ci_low", "ci_high"])
            if name in shown and pushed.height:
                naive = summarise(draws, confidence=confidence, value=member.mean())
            # A generator of its own: how far the first one has run depends on counts that may have to stay hidden.
            by_labels = share_of_labels(
                sample,
                inside & (true != 0),
                np.where(true == 1, said.is_in(members).cast(pl.Float64).to_numpy(), np.nan),
                bootstrap=bootstrap,
                confidence=confidence,
                min_positive=min_positive,
                rng=np.random.default_rng([seed, GROUPS.index(group), number, 1]),
            )
            rows.append(
                {
                    "dataset": dataset,
                    "group": group,
                    "reasons": name,
                    "n_conversations": part.height if name in shown else None,
                    "n_users": part["author"].n_unique() if users and name in shown else None,
                    "n_of": total,
                    "share_naive": naive["estimate"],
                    "naive_ci_low": naive["ci_low"],
                    "naive_ci_high": naive["ci_high"],
                    **(by_labels or naive),
                    "from_labels": by_labels is not None,
                    "correction": f"labelled probability sample of {dataset}" if by_labels else "none",
                    "suppressed": name not in shown,
                }
            )
    return pl.DataFrame(rows, schema=SCHEMA)


def main():
    params, paths = snakemake.params, snakemake.input
    held_out, classes = read_whole(paths.held_out), read_held_out(paths.classes)
    # Of columns without a value nothing says what they hold.
    kinds = {"n_with_pushback": pl.Int64, "suppressed": pl.Boolean}
    counted = tuple(
        pl.read_csv(path, schema_overrides=kinds, infer_schema_length=None) for path in (paths.pushback, paths.reasons)
    )
    tables = [
        estimate_reasons(
            pl.read_parquet(measures),
            held_out,
            classes,
            pl.read_parquet(labels),
            counted,
            dataset=dataset,
            floors=params.floors,
            **params.settings,
            seed=params.seed,
            min_positive=params.floors["min_conversations"] if dataset in params.own_labelled else 1,
        )
        for dataset, measures, labels in zip(params.datasets, paths.measures, paths.labels, strict=True)
    ]
    pl.concat(tables).write_csv(snakemake.output.reasons)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
