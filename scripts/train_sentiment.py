"""Train the linear score of sentiment on the labelled first and last messages, choose cut points, and measure both instruments beside the labels."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml
from scipy.stats import rankdata, spearmanr
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedGroupKFold

from shared.job import InputError, logged
from shared.labels import labelled_texts, read_control_labels, read_labels
from shared.levels import levels
from shared.sentiment import LinearSentiment, features, human_messages, scores, sentences
from shared.sentiment_agreement import AGREEMENT, evaluate_sentiment
from shared.training import FOLDS, beginnings, card

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PENALTY = 2.0  # of the ridge regression; 1 to 4 did equally well in cross-validation
INNER, OUTER = np.arange(0.04, 0.62, 0.02).round(2), [1.5, 2, 2.5]  # cut points tried: +-inner, and outer times these
MIN_TRAINING = 50  # conversations, under which the folds hold next to no feeling


def texts_at_ends(labelled: pl.DataFrame, *, window: int) -> pl.Series:
    """The human's own words in the first and the last `window` messages: conversation by conversation, first the start, then the end."""
    place, n = pl.int_range(pl.len()).over("conversation_id"), pl.len().over("conversation_id")
    messages = human_messages(labelled, min_human_messages=2 * window).with_columns(place=place, n=n)
    ends = (pl.col("place") < window) | (pl.col("place") >= pl.col("n") - window)
    return messages.filter(ends)["masked"]


def best_cut_points(score: np.ndarray, truth: np.ndarray) -> list[float]:
    """The cut points under which the mean levels of the windows agree best with their labels (Spearman), among +-INNER and OUTER times these.

    Args:
        score: (windows, messages); nan is left out.
        truth: (windows,).
    """
    used = np.isfinite(score).any(axis=1)
    score, rank = score[used], rankdata(truth[used])
    best, chosen = -np.inf, [-0.5, -0.05, 0.05, 0.5]  # VADER's own neutral band, where nothing agrees
    for low in INNER:
        for high in INNER:
            for outer in OUTER:
                cuts = [-outer * low, -low, high, outer * high]
                mean = np.nanmean(levels(score, cuts), axis=1)
                agreed = np.corrcoef(rankdata(mean.round(9)), rank)[0, 1] if np.ptp(mean) and np.ptp(rank) else -np.inf
                if agreed > best + 1e-9:
                    best, chosen = agreed, [round(float(cut), 3) for cut in cuts]
    return chosen


def _fit(matrix, truth, cues):
    """The ridge regression of each window's label on the mean features of its messages, which then also scores a message."""
    windows = np.nanmean(matrix, axis=1)
    used = np.isfinite(windows).all(axis=1)
    fit = Ridge(alpha=PENALTY, solver="cholesky").fit(windows[used], truth[used])
    return LinearSentiment(cues, fit.coef_, float(fit.intercept_), [])


def train_sentiment(
    labelled: pl.DataFrame, cues: dict, *, window: int, cut_points: list[float], seed: int
) -> tuple[LinearSentiment, pl.DataFrame, list[float]]:
    """The linear score trained on all labelled windows, and both instruments' scores beside the labels.

    Args:
        labelled: labels of sentiment with messages and n_human, see labelled_texts.
        cues: the codebook's, of sentiment.
        window: human messages at each end, as they were labelled.
        cut_points: those declared for VADER.
        seed: of the folds.

    Returns:
        The model; a table without text, per conversation: source, conversation_id, weight, n_human, affective, true_start, true_end (labels on
        -1 to 1), and for vader and linear the mean score and mean level of each end. The linear ones come from a model, and its cut points from
        held-out scores, that saw neither the conversation nor one with the same beginning; and VADER's best cut points on these labels.
    """
    # An id is unique within its source alone.
    labelled = labelled.filter(pl.col("n_human") >= 2 * window).with_columns(
        own_id="conversation_id", conversation_id=pl.concat_str("source", "conversation_id", separator=":")
    )
    truth = labelled.select("sentiment_start", "sentiment_end").to_numpy() / 2
    if labelled.height < MIN_TRAINING or not truth.any():
        raise InputError(
            f"Training the score of sentiment needs {MIN_TRAINING} labelled conversations of at least {2 * window} human messages, some with feeling; "
            f"found {labelled.height}. Add a source such as sharegpt to classify.training_sources."
        )
    said = sentences(texts_at_ends(labelled, window=window))
    n = labelled.height * 2 * window
    row, found = features(said, cues)
    matrix = np.full((n, found.shape[1]), np.nan)
    matrix[row] = found
    matrix = matrix.reshape(labelled.height, 2, window, -1)
    vader = np.full(n, np.nan)
    mean = said.group_by("row").agg(pl.col("compound").mean())
    vader[mean["row"].to_numpy()] = mean["compound"].to_numpy()
    vader = vader.reshape(labelled.height, 2, window)

    def windows(of, rows):
        return of[rows].reshape(-1, *of.shape[2:])

    linear = np.full(vader.shape, np.nan)
    beginning = beginnings(labelled, seed=seed)
    folds = list(
        StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(truth, truth.any(axis=1), beginning)
    )
    for train, test in folds:
        model = _fit(windows(matrix, train), truth[train].ravel(), cues)
        linear[test] = np.clip(matrix[test] @ model.weights + model.intercept, -1, 1)
    level = np.full(vader.shape, np.nan)
    for train, test in folds:
        level[test] = levels(linear[test], best_cut_points(windows(linear, train), truth[train].ravel()))
    everything = np.arange(labelled.height)
    model = _fit(windows(matrix, everything), truth.ravel(), cues)
    model.cut_points = best_cut_points(windows(linear, everything), truth.ravel())
    held_out = labelled.select(
        "source", "weight", "n_human", conversation_id="own_id", affective=pl.col("affective").cast(pl.Int8)
    ).select("source", "conversation_id", "weight", "n_human", "affective")
    shown = {"true": truth, "vader_score": np.nanmean(vader, axis=2), "linear_score": np.nanmean(linear, axis=2)}
    shown |= {"vader_level": np.nanmean(levels(vader, cut_points), axis=2), "linear_level": np.nanmean(level, axis=2)}
    columns = {
        f"{name}_{end}": pl.Series(of[:, side])
        for name, of in shown.items()
        for side, end in enumerate(("start", "end"))
    }
    held_out = held_out.with_columns(**columns).with_columns(pl.col(pl.Float64).fill_nan(None).round(6))
    return model, held_out, best_cut_points(windows(vader, everything), truth.ravel())


def agreement_elsewhere(
    labelled: pl.DataFrame, model: LinearSentiment, *, window: int, cut_points: list[float]
) -> dict[str, tuple[float, float]]:
    """Spearman's correlation of levels with the labels of conversations that nothing was learnt from: {instrument: (windows, changes)}.

    Args:
        labelled: see train_sentiment.
        model: the linear score.
        window, cut_points: as declared; the cut points are VADER's.
    """
    labelled = labelled.filter(pl.col("n_human") >= 2 * window)
    texts = texts_at_ends(labelled, window=window)
    score = scores(texts, model)
    truth = labelled.select("sentiment_start", "sentiment_end").to_numpy() / 2
    found = {}
    for instrument, column, cuts in (("vader", "compound", cut_points), ("linear", "linear", model.cut_points)):
        level = np.nanmean(levels(score[column].to_numpy().reshape(labelled.height, 2, window), cuts), axis=2)
        pairs = (level.ravel(), truth.ravel()), (level[:, 1] - level[:, 0], truth[:, 1] - truth[:, 0])
        found[instrument] = tuple(float(spearmanr(*pair, nan_policy="omit").statistic) for pair in pairs)
    return found


def model_card(
    template: str,
    table: pl.DataFrame,
    model: LinearSentiment,
    *,
    n_cues: int,
    best_of_vader: list[float],
    cut_points: list[float],
    elsewhere: dict[str, tuple[float, float]],
) -> str:
    """Markdown: what both instruments are, how the cut points came about, their agreement with the labels, limits of use.

    Args:
        template: resources/cards/sentiment.md.
        table: shared.sentiment_agreement.evaluate_sentiment.
        model: the linear score.
        n_cues: phrases and expressions in the codebook.
        best_of_vader, cut_points: VADER's best ones on these labels, and those declared.
        elsewhere: agreement_elsewhere, on the control corpus.
    """
    rows = [
        [
            AGREEMENT[row["instrument"]],
            *(row[key] for key in ("scale", "group", "window", "n_labelled")),
            _figure(row, "spearman", ".2f"),
            f"{row['mean_label']:+.3f}",
            _figure(row, "bias", "+.3f"),
        ]
        for row in table.to_dicts()
    ]
    return card(
        template,
        n_cues=n_cues,
        penalty=PENALTY,
        folds=FOLDS,
        cuts=_numbers(model.cut_points),
        best=_numbers(best_of_vader),
        declared=_numbers(cut_points),
        rows=rows,
        elsewhere="; ".join(
            f"{AGREEMENT[name]} {windows:.2f} for windows and {changes:.2f} for changes"
            for name, (windows, changes) in elsewhere.items()
        ),
    )


def _numbers(values):
    return ", ".join(f"{value:g}" for value in values)


def _figure(row, name, style):
    low, high = row[f"{name}_ci_low"], row[f"{name}_ci_high"]
    return "–" if row[name] is None else f"{row[name]:{style}} ({low:{style}} to {high:{style}})"


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        cues = yaml.safe_load(file)["sentiment"]
    labels = read_labels(snakemake.input.labels).drop_nulls(["sentiment_start", "sentiment_end"])
    labelled = labelled_texts(labels, snakemake.input.conversations)
    window, cut_points = snakemake.params.window, snakemake.params.cut_points
    seed = snakemake.params.seed
    model, held_out, best = train_sentiment(labelled, cues, window=window, cut_points=cut_points, seed=seed)
    table = evaluate_sentiment(held_out, **snakemake.params.settings, seed=seed)
    n_cues = sum(map(len, cues.values()))
    control = read_control_labels(snakemake.input.control_labels).filter(language="en")
    control = labelled_texts(control.drop_nulls(["sentiment_start", "sentiment_end"]), snakemake.input.control)
    elsewhere = agreement_elsewhere(control, model, window=window, cut_points=cut_points)
    template = Path(snakemake.input.card).read_text(encoding="utf-8")
    cuts = {"best_of_vader": best, "cut_points": cut_points}
    written = model_card(template, table, model, n_cues=n_cues, **cuts, elsewhere=elsewhere)
    model.save(snakemake.output.model)
    held_out.write_csv(snakemake.output.held_out)
    Path(snakemake.output.card).write_text(written, encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
