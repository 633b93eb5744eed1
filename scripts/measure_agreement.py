"""How far instruments agree with the labels, and readers with one another: agreement, what of it is not chance, with bootstrap intervals."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared.agreement import coefficients, crossed
from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.evaluation import figures, resampled
from shared.job import logged
from shared.labels import LIST_COLUMNS, as_lists, read_held_out, read_labels
from shared.readings import fields_of, read_readings
from shared.statistics import beta_draws, quantile_interval
from shared.tables import small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

FLAGS = ["content_creation", "affective", "professional"]
ENDS = ["sentiment_start", "sentiment_end"]
LEVELS = 5  # of sentiment
OF_CLASSES = ["precision", "recall", "f1", "negative_agreement"]
FIGURES = [*OF_CLASSES, "agreement", "kappa", "alpha", "ac1"]


def agreement_row(
    true, predicted, weight, *, bootstrap: int, confidence: float, rng: np.random.Generator
) -> dict[str, float]:
    """FIGURES and their bootstrap intervals over labelled conversations, in columns figure, figure_ci_low, figure_ci_high.

    Shares of 0 or 1 have the interval of Jeffreys' posterior, for F1 by its parts; coefficients of perfect agreement have none, since the
    bootstrap knows no uncertainty there.

    Args:
        true, predicted: (n,) bool, or levels of sentiment from 0 (int): OF_CLASSES are then left out.
        weight: (n,).
    """
    true, predicted, weight = np.asarray(true), np.asarray(predicted), np.asarray(weight, float)
    ordinal = true.dtype != bool
    drawn = resampled(weight, bootstrap, rng).T

    def measured(weight):
        table = crossed(true.astype(int), predicted.astype(int), weight, n_kinds=LEVELS if ordinal else 2)
        of_classes = {} if ordinal else figures(true, predicted, weight.T)
        return of_classes | coefficients(table, n=len(true), ordinal=ordinal)

    point, draws = measured(weight), measured(drawn)
    shares = {"agreement": (np.full(len(true), True), true == predicted)}
    shares |= {} if ordinal else {"precision": (predicted, true), "recall": (true, predicted)}
    for name, (among, outcome) in shares.items():
        if len({*outcome[among]}) == 1:  # a share that is a sum of weights may miss 1 by its last digit
            draws[name] = beta_draws(outcome[among], weight[among], replicates=bootstrap, rng=rng)
    if not ordinal and point["f1"] in (0, 1):
        draws["f1"] = 2 * draws["precision"] * draws["recall"] / (draws["precision"] + draws["recall"])
    if (true == predicted).all():
        draws |= dict.fromkeys(["negative_agreement", "kappa", "alpha", "ac1"], np.full(bootstrap, np.nan))
    counts = {} if ordinal else {"n_positive": int(true.sum()), "n_predicted": int(predicted.sum())}
    row = {"n_labelled": len(true)} | counts
    for name in FIGURES:
        if name in point:
            low, high = quantile_interval(draws[name], confidence=confidence)
            row |= {name: float(point[name]), f"{name}_ci_low": low, f"{name}_ci_high": high}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def answers(table: pl.DataFrame, *, prefix: str = "") -> dict[str, np.ndarray]:
    """Each label field as an array: classes and kinds as bool, sentiment as levels from 0 (nan: none); the columns are those of read_labels."""
    categories, pushback = (pl.col(f"{prefix}{name}") for name in LIST_COLUMNS)
    columns = {name: pl.col(f"{prefix}{name}") for name in FLAGS}
    columns |= {name: categories.list.contains(pl.lit(name)) for name in CATEGORIES}
    columns |= {"pushback": pushback.list.len() > 0} | {
        kind: pushback.list.contains(pl.lit(kind)) for kind in PUSHBACK_KINDS
    }
    columns |= {name: (pl.col(f"{prefix}{name}") + LEVELS // 2).round() for name in ENDS}
    return {name: table.select(column).to_series().to_numpy() for name, column in columns.items()}


def as_labels(readings: pl.DataFrame) -> pl.DataFrame:
    """read_readings' text in the types of read_labels."""
    return readings.with_columns(
        pl.col(FLAGS) == "1", *map(as_lists, LIST_COLUMNS), pl.col(ENDS).replace("", None).cast(pl.Float64)
    )


def measure_agreement(
    held_out: pl.DataFrame,
    labels: dict[str, pl.DataFrame],
    readings: dict[str, pl.DataFrame],
    others: pl.DataFrame,
    *,
    min_conversations: int,
    min_users: int,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Agreement of classifier (cross-validated) and pushback model with the labels, and of readers with one another.

    Args:
        held_out: the classifier's cross-validated decisions, by source.
        labels: import_labels' tables by data set.
        readings: read_readings' tables of the data sets that have labels of their own.
        others: label files that own labels took the place of, compared with them where both label a conversation.
        min_conversations, min_users: privacy floors, for data sets with labels of their own: those that come with the workflow are public.
        bootstrap, confidence, seed: of the intervals.

    Returns:
        instrument (classifier, pushback model, other labels, reader n beside reader m), class, labels (source; "all" pools the sources
        unweighted), n_*, suppressed, FIGURES and their intervals. F1 is also the positive agreement. Rows of one source are weighted to its
        population by the inclusion weights, where recorded. alpha is ordinal for sentiment, nominal for all else. Readers are numbered by
        name; who is right is not known of them, so that precision and recall are left out.
    """
    rng, rows = np.random.default_rng(seed), []
    options, floors = {"bootstrap": bootstrap, "confidence": confidence}, {"min_users": min_users}
    floors["min_conversations"] = min_conversations

    def add(instrument, name, source, true, predicted, weight, people=None):
        """A row, if anything is there to agree on; `people` (author) of a data set whose small counts have to stay hidden."""
        true, predicted = np.asarray(true), np.asarray(predicted)
        if not len(true) or not (name in ENDS or true.any()):
            return
        row = agreement_row(true, predicted, weight, rng=rng, **options) | {"suppressed": False}
        if people is not None:
            groups = [true == kind for kind in np.unique(true)]
            groups += [predicted == kind for kind in np.unique(predicted)]
            if any(small(people.filter(group), **floors) for group in groups):
                row = {"suppressed": True}
            # Two digits: more would tell how many conversations stand behind.
            row = {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}
        rows.append({"instrument": instrument, "class": name, "labels": source} | row)

    def people_of(table, dataset):
        return table.select("author") if dataset in readings else None

    real = held_out.filter(pl.col("source") != "control")
    for name in [*FLAGS, "included", *CATEGORIES]:
        true, predicted = (real[f"{kind}_{name}"] == 1 for kind in ("true", "predicted"))
        add("classifier", name, "all", true, predicted, np.ones(real.height))
        for dataset, table in labels.items():
            own = held_out.filter(pl.col("source") == dataset, pl.col("weight").is_not_null())
            people = table.select("conversation_id", "author")
            own = own.join(people, on="conversation_id", how="left", maintain_order="left")
            true, predicted = (own[f"{kind}_{name}"] == 1 for kind in ("true", "predicted"))
            add("classifier", name, dataset, true, predicted, own["weight"], people_of(own, dataset))
    for dataset, table in labels.items():
        compared = table.drop_nulls("weight_compared")
        true, people = answers(compared, prefix="label_"), people_of(compared, dataset)
        found = {"pushback": compared["pushback"], **{kind: compared[kind] for kind in PUSHBACK_KINDS}}
        for name, predicted in found.items():
            title = "any" if name == "pushback" else name
            add("pushback model", title, dataset, true[name], predicted, compared["weight_compared"], people)
    for dataset, read in readings.items():
        first = as_labels(read.filter(~pl.col("third_reading")))
        names = sorted(first["reader"].unique())
        by_reader = [first.filter(reader=name) for name in names]
        pairs = [
            (f"reader {j + 1} beside reader {i + 1}", by_reader[i], by_reader[j])
            for i, j in itertools.combinations(range(len(names)), 2)
        ]
        own = labels[dataset].select(
            "conversation_id", **{name: f"label_{name}" for name in [*FLAGS, *LIST_COLUMNS, *ENDS]}
        )
        pairs.append(("other labels", own, others.filter(source=dataset)))
        for instrument, one, two in pairs:
            both = one.join(two, on="conversation_id", suffix="_two", maintain_order="left").join(
                labels[dataset].select("conversation_id", "weight", "author"),
                on="conversation_id",
                suffix="_of",
            )
            weight = both["weight_of" if "weight_of" in both.columns else "weight"]
            both = both.with_columns(w=weight if weight.count() else pl.lit(1.0)).drop_nulls("w")
            says = (
                answers(both),
                answers(both.select(pl.col("^.*_two$").name.map(lambda name: name.removesuffix("_two")))),
            )
            for name, true in says[0].items():
                predicted, known = says[1][name], np.full(both.height, True)
                if name in ENDS:
                    known = np.isfinite(true) & np.isfinite(predicted)
                    true, predicted = (side[known].astype(int) for side in (true, predicted))
                people = people_of(both.filter(known), dataset)
                add(instrument, name, dataset, true, predicted, both["w"].to_numpy()[known], people)
    schema = dict.fromkeys(["instrument", "class", "labels"], pl.String)
    schema |= dict.fromkeys(["n_labelled", "n_positive", "n_predicted"], pl.Int64) | {"suppressed": pl.Boolean}
    schema |= {f"{name}{end}": pl.Float64 for name in FIGURES for end in ("", "_ci_low", "_ci_high")}
    unknown = pl.col("instrument").str.starts_with("reader")
    sides = [f"{name}{end}" for name in ("precision", "recall") for end in ("", "_ci_low", "_ci_high")]
    known = [pl.when(~unknown).then(name).alias(name) for name in sides]
    return pl.DataFrame(rows, schema=schema).with_columns(known).with_columns(pl.col(pl.Float64).fill_nan(None))


def main():
    paths, params = snakemake.input, snakemake.params
    labels = {dataset: pl.read_parquet(path) for dataset, path in zip(params.datasets, paths.labels, strict=True)}
    with open(paths.codebook, encoding="utf-8") as file:
        fields = fields_of(yaml.safe_load(file))
    readings = {
        dataset: read_readings(
            [path for path in paths.readings if Path(path).parts[-3] == dataset], fields, dataset=dataset
        )
        for dataset in params.own
    }
    table = measure_agreement(
        read_held_out(paths.held_out),
        labels,
        readings,
        read_labels(paths.others),
        **params.floors,
        **params.settings,
        seed=params.seed,
    )
    table.write_csv(snakemake.output.agreement)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
