"""Decisions beside labels: precision, recall, F1, average precision, false-positive rate and calibration, with bootstrap intervals."""

import numpy as np
import polars as pl

from shared.affect import apply_study_filters
from shared.contracts import CATEGORIES, CLASSES, PUSHBACK_KINDS
from shared.statistics import beta_draws, bootstrap_share, quantile_interval

FLAGS = ["content_creation", "affective", "professional"]
BANDS = {"all": (1, None), "1": (1, 1), "2-5": (2, 5), "6-10": (6, 10), "11-49": (11, 49), "50+": (50, None)}
# Edges of predicted probability; most conversations lie near zero, so the bins widen.
BINS = [0, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 1]
MIN_POSITIVE = 10  # positives under which a figure says next to nothing and is not shown
FIGURES = ["precision", "recall", "f1", "average_precision", "false_positive_rate"]


def beside_labels(labels: pl.DataFrame, measures: pl.DataFrame, *, min_human_messages_roleplay: int) -> pl.DataFrame:
    """Decisions beside labels on the labelled conversations of one data set.

    For an instrument that learnt nothing from these labels. It is the sieve with what is behind it: what the sieve dropped, and a judge did not
    sample of it, is predicted not affective here as in every count.

    Args:
        labels: shared.labels.read_labels, of this data set alone.
        measures: contracts.Measures of the same data set.
        min_human_messages_roleplay: the study's rule.

    Returns:
        source, conversation_id, weight, stratum, predicted_<class> and true_<class> (0 or 1; also `included`), for shared.labels.read_held_out.
    """
    joined = measures.join(labels, on="conversation_id", suffix="_label").sort("conversation_id")
    true = {name: joined[f"{name}_label"].to_numpy() for name in FLAGS}
    true |= {name: joined["categories_label"].list.contains(pl.lit(name)).to_numpy() for name in CATEGORIES}
    true = apply_study_filters(
        true, n_human=joined["n_human"].to_numpy(), min_human_messages_roleplay=min_human_messages_roleplay
    )
    predicted = {name: joined[name] for name in [*FLAGS, "included"]}
    predicted |= {name: joined["categories"].list.contains(pl.lit(name)) for name in CATEGORIES}
    return joined.select(
        "source",
        "conversation_id",
        "weight",
        "stratum",
        **{f"predicted_{name}": pl.Series(values).cast(pl.Int8) for name, values in predicted.items()},
        **{f"true_{name}": pl.Series(values).cast(pl.Int8) for name, values in true.items()},
    )


def pushback_beside_labels(labelled: pl.DataFrame, *, dataset: str) -> pl.DataFrame:
    """Decisions on pushback beside labels that the instrument did not learn from, in the columns of train_pushback.

    Args:
        labelled: shared.labels.import_labels; conversations that were not compared have no decision and are left out.
    """
    table, true = labelled.filter("compared"), pl.col("label_pushback")
    return table.select(
        "conversation_id",
        "stratum",
        source=pl.lit(dataset),
        weight="weight_compared",
        shortened=pl.col("label_shortened").cast(pl.Int8),
        true_affective=pl.col("label_affective").cast(pl.Int8),
        predicted_any=pl.col("pushback").cast(pl.Int8),
        true_any=(true.list.len() > 0).cast(pl.Int8),
        **{f"predicted_{kind}": pl.col(kind).cast(pl.Int8) for kind in PUSHBACK_KINDS},
        **{f"true_{kind}": true.list.contains(pl.lit(kind)).cast(pl.Int8) for kind in PUSHBACK_KINDS},
    )


def figures(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Weighted precision, recall, F1 and rate of false positives.

    Args:
        true, predicted: (n,) bool.
        weight: (n, ...); further axes are replicates.

    Returns:
        Arrays of the further axes' shape; nan where a figure is undefined.
    """
    cells = (true & predicted, ~true & predicted, true & ~predicted, ~true & ~predicted)
    both, wrong, missed, neither = (weight[cell].sum(0) for cell in cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": both / (both + wrong),
            "recall": both / (both + missed),
            "f1": 2 * both / (2 * both + wrong + missed),
            "false_positive_rate": wrong / (wrong + neither),
        }


def average_precision(true: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean precision over the positives when all are ranked by score, as in scikit-learn: equal scores are one step of the ranking.

    Args:
        true, score: (n,).
        weight: (n, ...); further axes are replicates.

    Returns:
        Array of the further axes' shape; nan where there are no positives.
    """
    if not true.any():
        return np.full(weight.shape[1:], np.nan)
    order = np.argsort(-score, kind="stable")
    step = np.cumsum(np.diff(score[order], prepend=score[order[0]]) != 0)
    # Precision matters at steps with a positive alone: sums between them are enough.
    last = np.searchsorted(step, np.unique(step[true[order]]), side="right")
    starts = np.concatenate([[0], last[:-1]])
    inside = order[: last[-1]]
    positive = inside[true[inside]]
    found = np.add.reduceat(weight[inside], starts)
    hits = np.add.reduceat(weight[positive], np.unique(step[true[order]], return_index=True)[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.cumsum(found, axis=0)
        precision = np.where(below > 0, np.cumsum(hits, axis=0) / below, 0)
        return (hits * precision).sum(0) / hits.sum(0)


def resampled(weight: np.ndarray, replicates: int, rng: np.random.Generator) -> np.ndarray:
    """(n, replicates) the weights of n conversations, times how often a bootstrap draws each: rows lie together, since they are summed by the group."""
    copies = rng.multinomial(len(weight), np.full(len(weight), 1 / len(weight)), size=replicates)
    return np.ascontiguousarray(copies.T) * weight[:, None]


def ranking(held_out: pl.DataFrame, name: str) -> np.ndarray:
    """(n,) score by which conversations are ranked for a class: the probability that they are affective and of the class, zero for those
    that the sieve drops. Content creation knows no sieve."""
    if name == "content_creation":
        return held_out["p_content_creation"].to_numpy()
    affective = pl.col("p_affective") * pl.col("candidate")
    given = {"affective": pl.lit(1.0), "included": 1 - pl.col("p_content_creation")}.get(name, pl.col(f"p_{name}"))
    return held_out.select(affective * given).to_series().to_numpy()


def bootstrap_figures(
    true: np.ndarray,
    predicted: np.ndarray,
    score: np.ndarray,
    weight: np.ndarray,
    drawn: np.ndarray,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """FIGURES and their intervals, in columns figure, figure_ci_low, figure_ci_high; nan where undefined.

    Where a share is 0 or 1 the bootstrap knows no uncertainty; then Jeffreys' posterior stands in, for F1 by its parts.

    Args:
        true, predicted, score, weight: (n,).
        drawn: (n, replicates) the weight of each conversation, times how often it was drawn.
    """

    def all_figures(weight):
        return figures(true, predicted, weight) | {"average_precision": average_precision(true, score, weight)}

    point, draws = all_figures(weight), all_figures(drawn)
    shares = {"precision": (predicted, true), "recall": (true, predicted), "false_positive_rate": (~true, predicted)}
    for name, (among, outcome) in shares.items():
        if point[name] in (0, 1):
            draws[name] = beta_draws(outcome[among], weight[among], replicates=drawn.shape[1], rng=rng)
    if point["f1"] in (0, 1):
        draws["f1"] = 2 * draws["precision"] * draws["recall"] / (draws["precision"] + draws["recall"])
    row = {}
    for name in FIGURES:
        low, high = quantile_interval(draws[name], confidence=confidence)
        row |= {name: float(point[name]), f"{name}_ci_low": low, f"{name}_ci_high": high}
    return row


def sources_of(held_out: pl.DataFrame) -> list[str]:
    """Sources of real conversations; the control corpus trains, but says nothing of how often one errs on people."""
    return sorted(set(held_out["source"]) - {"control"})


def evaluate(
    held_out: pl.DataFrame,
    *,
    bootstrap: int,
    confidence: float,
    seed: int,
    bands: list[str] = tuple(BANDS),
    classes: list[str] = (*CLASSES, "included"),
) -> pl.DataFrame:
    """How good decisions are, by class, source and length of the conversation.

    Args:
        held_out: predictions beside labels, see train_classifier.
        bootstrap, confidence, seed: of the intervals; conversations are resampled, the same ones for every class.
        bands: of human messages, among BANDS.
        classes: which of them.

    Returns:
        class, labels (a source, or all: every real source), n_human (band), weighting (none, or population: by the inclusion weights, over
        the probability samples alone; `all` is then the union of their populations), n_labelled, n_positive, n_predicted, n_false_positive,
        FIGURES and their intervals. Groups without a conversation are left out.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for source in ["all", *sources_of(held_out)]:
        of_source = pl.col("source") != "control" if source == "all" else pl.col("source") == source
        for band in bands:
            for weighting in ("none", "population"):
                drawn = pl.col("weight").is_not_null() if weighting == "population" else True
                table = held_out.filter(of_source, pl.col("n_human").clip(1).is_between(*_ends(band)), drawn)
                if not table.height:
                    continue
                weight = table["weight"].to_numpy() if weighting == "population" else np.ones(table.height)
                drawn = resampled(weight, bootstrap, rng)
                for name in classes:
                    true, predicted = (table[f"{kind}_{name}"].to_numpy() == 1 for kind in ("true", "predicted"))
                    rows.append(
                        {
                            "class": name,
                            "labels": source,
                            "n_human": band,
                            "weighting": weighting,
                            "n_labelled": table.height,
                            "n_positive": int(true.sum()),
                            "n_predicted": int(predicted.sum()),
                            "n_false_positive": int((predicted & ~true).sum()),
                        }
                        | bootstrap_figures(
                            true, predicted, ranking(table, name), weight, drawn, confidence=confidence, rng=rng
                        )
                    )
    order = {name: number for number, name in enumerate(classes)}
    return (
        pl.DataFrame(rows, infer_schema_length=None)
        .sort(pl.col("class").replace_strict(order), maintain_order=True)
        .with_columns(pl.col(pl.Float64).round(4).fill_nan(None))
    )


def _ends(band: str) -> tuple[int, int]:
    low, high = BANDS[band]
    return low, 2**31 if high is None else high


def calibration(held_out: pl.DataFrame, *, bootstrap: int, confidence: float, seed: int) -> pl.DataFrame:
    """Predicted probability against the share that is so by the labels.

    Content creation and affective are compared over probability samples, by the inclusion weights; categories and professional use among
    conversations that are affective by the labels, unweighted, since their probabilities are given that.

    Returns:
        class, labels (a source, or all), among (all or affective), bin_low, bin_high, n_labelled, predicted (mean probability), observed (share
        by the labels) with ci_low and ci_high. Empty bins are left out.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for name in CLASSES:
        whole = name not in (*CATEGORIES, "professional")
        usable = pl.col("weight").is_not_null() if whole else pl.col("true_affective") == 1
        for source in ["all", *sources_of(held_out)]:
            of_source = pl.col("source") != "control" if source == "all" else pl.col("source") == source
            table = held_out.filter(usable, of_source)
            place = np.clip(np.digitize(table[f"p_{name}"].to_numpy(), BINS) - 1, 0, len(BINS) - 2)
            for number in np.unique(place):
                part = table.filter(place == number)
                weight = part["weight"].to_numpy() if whole else np.ones(part.height)
                true = part[f"true_{name}"].to_numpy().astype(float)
                draws = bootstrap_share(true, weight, np.arange(part.height), replicates=bootstrap, rng=rng)
                low, high = quantile_interval(draws, confidence=confidence)
                rows.append(
                    {
                        "class": name,
                        "labels": source,
                        "among": "all" if whole else "affective",
                        "bin_low": float(BINS[number]),
                        "bin_high": float(BINS[number + 1]),
                        "n_labelled": part.height,
                        "predicted": float(np.average(part[f"p_{name}"].to_numpy(), weights=weight)),
                        "observed": float(np.average(true, weights=weight)),
                        "ci_low": low,
                        "ci_high": high,
                    }
                )
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Float64).round(4))


def evaluate_pushback(held_out: pl.DataFrame, *, bootstrap: int, confidence: float, seed: int) -> pl.DataFrame:
    """How good decisions on pushback are, conversation by conversation: whether there is any, and each kind.

    Args:
        held_out: decisions beside labels, see train_pushback; conversations that were read shortened are left out.
        bootstrap, confidence, seed: of the intervals; conversations are resampled, the same ones for every kind.

    Returns:
        kind (any or a kind), labels (a source, or all: every source of whole conversations), among (all or affective), n_labelled, n_positive,
        n_predicted, and precision, recall and f1 with their intervals. Groups without a positive are left out.
    """
    sizes, shown = ["n_labelled", "n_positive", "n_predicted"], ["precision", "recall", "f1"]
    schema = dict.fromkeys(["kind", "labels", "among"], pl.String) | dict.fromkeys(sizes, pl.Int64)
    schema |= {f"{name}{end}": pl.Float64 for name in shown for end in ("", "_ci_low", "_ci_high")}
    rng = np.random.default_rng(seed)
    whole = held_out.filter(pl.col("source") != "control", shortened=0)
    rows = []
    for source in ["all", *sources_of(whole)]:
        for among in ("all", "affective"):
            # A source of single exchanges, labelled message by message, does not say which are affective, and is no conversation.
            table = whole.filter(
                pl.col("true_affective").is_not_null() if source == "all" else pl.col("source") == source,
                pl.col("true_affective") == 1 if among == "affective" else True,
            )
            if not table.height:
                continue
            ones = np.ones(table.height)
            drawn = resampled(ones, bootstrap, rng)
            for kind in ("any", *PUSHBACK_KINDS):
                true, predicted = (table[f"{said}_{kind}"].to_numpy() == 1 for said in ("true", "predicted"))
                if not true.any():
                    continue
                figures_of = bootstrap_figures(
                    true, predicted, predicted.astype(float), ones, drawn, confidence=confidence, rng=rng
                )
                counts = dict(zip(sizes, map(int, (table.height, true.sum(), predicted.sum())), strict=True))
                rows.append({"kind": kind, "labels": source, "among": among} | counts | figures_of)
    return pl.DataFrame(rows, schema=schema).with_columns(pl.col(pl.Float64).round(4).fill_nan(None))
