"""Train the affect classifier on every label whose text is at hand, and measure it by cross-validation: by conversation and by source."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from shared.affect import AffectModel, apply_study_filters, decide
from shared.contracts import CATEGORIES, CLASSES
from shared.evaluation import calibration, evaluate, sources_of
from shared.features import Features, human_text, readings, sieve
from shared.job import InputError, logged
from shared.labels import labelled_texts, read_control_labels, read_labels
from shared.text import spaced_words
from shared.training import FOLDS, beginnings, best_threshold, calibrate, card, constant_log_odds, figure
from shared.weights import sigmoid

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PENALTY = 1.0  # C of the logistic regressions; .3 to 5 did about equally well in cross-validation
CURVE = [0.25, 0.5, 0.75]  # shares of the labels with which the learning curve is drawn, before all of them
MIN_TRAINING = 20  # conversations, under which a part of the labels teaches nothing
WHOLE = ("content_creation", "affective")  # judged of every conversation; the other classes of affective ones


def learn_features(
    conversations: pl.DataFrame, cues: dict, *, min_documents: int = 4, max_words: int = 5_000
) -> Features:
    """Vocabulary of word n-grams (1-2) and their smoothed idf: ln((1 + n) / (1 + df)) + 1, as in scikit-learn."""
    texts = conversations.select(spaced_words(human_text())).to_series().to_list()
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), min_df=min_documents, max_df=0.5, max_features=max_words, token_pattern=r"[^\s\d]\S*"
    )
    documents = np.asarray((vectorizer.fit_transform(texts) > 0).sum(axis=0)).ravel()
    return Features(list(vectorizer.get_feature_names_out()), np.log((1 + len(texts)) / (1 + documents)) + 1, cues)


def truth_of(labels: pl.DataFrame) -> np.ndarray:
    """(n, classes) bool from the label columns."""
    columns = {name: labels["categories"].list.contains(name) for name in CATEGORIES} | {
        name: labels[name] for name in CLASSES if name not in CATEGORIES
    }
    return np.column_stack([columns[name].to_numpy() for name in CLASSES]).astype(bool)


def _regressions(matrix, truth, classes):
    """Coefficients (features, CLASSES) and intercepts; categories are learnt from affective conversations alone.

    A class that all or none of them are has nothing to learn but that; one that is not asked for stays at zero.
    """
    affective = truth[:, CLASSES.index("affective")]
    coefficients, intercepts = np.zeros((matrix.shape[1], len(CLASSES))), np.zeros(len(CLASSES))
    for name in classes:
        number = CLASSES.index(name)
        rows = np.ones(len(truth), bool) if name in WHOLE else affective
        own = truth[rows, number]
        if own.all() or not own.any():
            intercepts[number] = constant_log_odds(own)
            continue
        fit = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=5_000, tol=1e-8).fit(matrix[rows], own)
        coefficients[:, number], intercepts[number] = fit.coef_[0], fit.intercept_[0]
    return coefficients, intercepts


def _uncalibrated(labelled, cues, truth, classes=CLASSES):
    """A model of the labelled conversations, each learnt from as a whole."""
    features = learn_features(labelled, cues)
    whole = readings(labelled)[: labelled.height]
    neutral = dict(slope=np.ones(len(CLASSES)), offset=np.zeros(len(CLASSES)), threshold=np.full(len(CLASSES), 0.5))
    return AffectModel(features, *_regressions(features.matrix(whole), truth, classes), **neutral)


def held_out_scores(
    labelled: pl.DataFrame, cues: dict, *, seed: int, share: float = 1, classes: list[str] = CLASSES
) -> np.ndarray:
    """(n, classes) log-odds of each conversation by a model that saw neither it nor a conversation with the same beginning.

    Args:
        labelled: see labelled_texts.
        cues: the codebook's.
        seed: of the folds.
        share: part of the labels to learn from, the same conversations in every fold; all are scored.
        classes: to be learnt; the others' log-odds are zero.
    """
    truth = truth_of(labelled)
    beginning = beginnings(labelled, seed=seed)
    stratum = (labelled["source"] + labelled["affective"].cast(pl.String)).to_numpy()
    learnt = np.random.default_rng(seed).permutation(labelled.height) < share * labelled.height
    scores = np.zeros(truth.shape)
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(truth, stratum, beginning):
        train = train[learnt[train]]
        scores[test] = _uncalibrated(labelled[train], cues, truth[train], classes).log_odds(labelled[test])
    return scores


def _population(labelled):
    """(n,) weights. Only a probability sample says how common a class is; conversations picked for training would tilt the calibration.

    The control corpus is a population of its own, far richer in affective conversations.
    """
    real = pl.col("source") != "control"
    return labelled.select(pl.when(real).then("weight").otherwise(None).fill_null(0)).to_series().to_numpy()


def _decisions(labelled, scores):
    """Slope, offset and threshold of each class by held-out scores; a class that all or none are stays uncalibrated."""
    truth, population = truth_of(labelled), _population(labelled)
    affective = truth[:, CLASSES.index("affective")]
    slope, offset, threshold = np.ones(len(CLASSES)), np.zeros(len(CLASSES)), np.full(len(CLASSES), 0.5)
    for number, name in enumerate(CLASSES):
        rows = population > 0 if name in WHOLE else affective
        own = truth[rows, number]
        if own.all() or not own.any():
            continue
        weight = population[rows] if name in WHOLE else np.ones(rows.sum())
        slope[number], offset[number] = calibrate(scores[rows, number], own, weight)
        judged = slice(None) if name in WHOLE else affective
        probability = sigmoid(slope[number] * scores[judged, number] + offset[number])
        threshold[number] = best_threshold(probability, truth[judged, number])
    return {"slope": slope, "offset": offset, "threshold": threshold}


def _beside_labels(labelled, scores, decisions, codebook, min_human_messages_roleplay):
    """Predictions beside labels, without text; see train_classifier."""
    probability = sigmoid(decisions["slope"] * scores + decisions["offset"])
    rule = {
        "n_human": labelled["n_human"].to_numpy(),
        "min_human_messages_roleplay": min_human_messages_roleplay,
    }
    candidate = labelled.select(sieve(human_text(), codebook["sieve"])).to_series()
    predicted = decide(probability, decisions["threshold"], candidate=candidate.to_numpy(), **rule)
    true = apply_study_filters(dict(zip(CLASSES, truth_of(labelled).T, strict=True)), **rule)
    return labelled.select(
        "source",
        "conversation_id",
        "weight",
        "stratum",
        "n_human",
        pl.col("sure").cast(pl.Int8),
        candidate.cast(pl.Int8).alias("candidate"),
        **{f"p_{name}": pl.Series(probability[:, number].round(6)) for number, name in enumerate(CLASSES)},
        **{f"predicted_{name}": pl.Series(predicted[name]).cast(pl.Int8) for name in [*CLASSES, "included"]},
        **{f"true_{name}": pl.Series(true[name]).cast(pl.Int8) for name in [*CLASSES, "included"]},
    )


def train_classifier(
    labelled: pl.DataFrame, codebook: dict, *, min_human_messages_roleplay: int, seed: int
) -> tuple[AffectModel, pl.DataFrame]:
    """The model trained on all labels, and the cross-validated decisions on each labelled conversation.

    Args:
        labelled: labels with messages and n_human, see labelled_texts.
        codebook: config/codebook.yaml.
        min_human_messages_roleplay: the study's rule, applied to labels and predictions alike.
        seed: of the folds.

    Returns:
        The model, and a table without text: source, conversation_id, weight, stratum, n_human, sure (of the label), candidate (passed the sieve), and for
        each class p_, predicted_ and true_ (also `included`).
    """
    if not _population(labelled).any():
        raise InputError(
            "Training needs labelled conversations of a probability sample (column `weight`), to know how common a class is; "
            "found none but those of the control corpus. Add a source such as sharegpt to classify.training_sources."
        )
    scores = held_out_scores(labelled, codebook["cues"], seed=seed)
    decisions = _decisions(labelled, scores)
    held_out = _beside_labels(labelled, scores, decisions, codebook, min_human_messages_roleplay)
    return replace(_uncalibrated(labelled, codebook["cues"], truth_of(labelled)), **decisions), held_out


def held_out_by_source(
    labelled: pl.DataFrame, codebook: dict, *, min_human_messages_roleplay: int, seed: int
) -> pl.DataFrame:
    """Decisions on each real source by a model that learnt, was calibrated and got its thresholds without it.

    Returns:
        The table of train_classifier, of the sources without which a probability sample of both kinds, affective and not, is left to train on.
    """
    tables = []
    for source in sources_of(labelled):
        rest, tested = labelled.filter(pl.col("source") != source), labelled.filter(source=source)
        if rest.filter(_population(rest) > 0)["affective"].n_unique() < 2:
            continue
        scores = held_out_scores(rest, codebook["cues"], seed=seed)
        model = _uncalibrated(rest, codebook["cues"], truth_of(rest))
        decisions = _decisions(rest, scores)
        tables.append(_beside_labels(tested, model.log_odds(tested), decisions, codebook, min_human_messages_roleplay))
    return pl.concat(tables) if tables else pl.DataFrame()


def learning_curve(
    labelled: pl.DataFrame, held_out: pl.DataFrame, cues: dict, *, seed: int
) -> dict[float, pl.DataFrame]:
    """The class affective, cross-validated with growing parts of the labels to learn from.

    Each part holds the one before. The threshold is the best on the held-out scores at hand, as it is for the model itself.

    Returns:
        {part: `held_out` with p_affective and predicted_affective of a classifier that learnt from that part}.
    """
    affective = CLASSES.index("affective")
    curve = {}
    for share in CURVE:
        if share * labelled.height * (FOLDS - 1) / FOLDS < MIN_TRAINING:
            continue
        scores = held_out_scores(labelled, cues, seed=seed, share=share, classes=["affective"])[:, affective]
        probability = sigmoid(scores)
        over = probability >= best_threshold(probability, truth_of(labelled)[:, affective])
        curve[share] = held_out.with_columns(
            p_affective=pl.Series(probability), predicted_affective=pl.Series(over).cast(pl.Int8) * pl.col("candidate")
        )
    return curve | {1: held_out}


def model_card(
    template: str,
    held_out: pl.DataFrame,
    by_source: pl.DataFrame,
    curve: dict[float, pl.DataFrame],
    *,
    features: Features,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> str:
    """Markdown: data, features, figures by conversation and by source with intervals, calibration, learning curve, limits of use.

    Args:
        template: resources/cards/affect.md.
        held_out, by_source, curve: of train_classifier, held_out_by_source and learning_curve.
        features: of the model.
        bootstrap, confidence, seed: of the intervals.
    """
    options = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    shown = ["precision", "recall", "f1", "average_precision"]
    named = ["precision", "recall", "F1", "average precision"]

    def rows_of(table, weighting="none", **more):
        rows = evaluate(table, bands=["all"], **options, **more).filter(pl.col("n_positive") > 0, weighting=weighting)
        return {(row["class"], row["labels"]): row for row in rows.to_dicts()}

    folds, apart = rows_of(held_out), rows_of(by_source) if by_source.height else {}
    pooled = by_source.height and sources_of(by_source) == sources_of(held_out)
    apart = {key: row for key, row in apart.items() if pooled or key[1] != "all"}
    drawn = pl.col("weight").filter(pl.col("source") != "control").count()
    positives = pl.col("true_affective", "true_content_creation").sum()
    sources = held_out.group_by("source").agg(pl.len(), positives, drawn)
    figures = [
        [
            *key,
            row["n_positive"],
            *(figure(row, name) for name in shown),
            *(figure(apart[key], name) if key in apart else "–" for name in ("f1", "average_precision")),
        ]
        for key, row in folds.items()
    ]
    weighted = [
        [*key, row["n_positive"], *(figure(row, name) for name in shown)]
        for key, row in rows_of(held_out, "population").items()
        if key[1] != "all"
    ]
    calibrated = [
        [
            row["class"],
            f"{row['bin_low']:g} to {row['bin_high']:g}",
            row["n_labelled"],
            f"{row['predicted']:.3f}",
            f"{row['observed']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})",
        ]
        for row in calibration(held_out, **options).filter(pl.col("class").is_in(WHOLE), labels="all").to_dicts()
    ]
    learnt = []
    for share, table in curve.items():
        row = rows_of(table, classes=["affective"])["affective", "all"]
        learnt.append([f"{share:.0%}", round(share * held_out.height), *(figure(row, name) for name in shown[2:])])
    return card(
        template,
        sources=sources.sort("source").rows(),
        n_words=len(features.words),
        n_cues=len(features.cues),
        folds=FOLDS,
        bootstrap=bootstrap,
        confidence=confidence,
        figures=figures,
        weighted=weighted,
        calibration=calibrated,
        curve=learnt,
        shown=named,
        in_folds=[f"{name}, {FOLDS}-fold" for name in named],
        without=[f"{name}, without the source" for name in named[2:]],
    )


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    labels = read_labels(snakemake.input.labels)
    control = read_control_labels(snakemake.input.control_labels).filter(split="train", language="en")
    labels = pl.concat([labels, control.select(labels.columns)])
    labelled = labelled_texts(labels, snakemake.input.conversations)
    seed, rule = snakemake.params.seed, {"min_human_messages_roleplay": snakemake.params.min_human_messages_roleplay}
    model, held_out = train_classifier(labelled, codebook, **rule, seed=seed)
    by_source = held_out_by_source(labelled, codebook, **rule, seed=seed)
    curve = learning_curve(labelled, held_out, codebook["cues"], seed=seed)
    template = Path(snakemake.input.card).read_text(encoding="utf-8")
    settings = snakemake.params.settings
    written = model_card(template, held_out, by_source, curve, features=model.features, **settings, seed=seed)
    model.save(snakemake.output.model)
    held_out.write_csv(snakemake.output.held_out)
    Path(snakemake.output.card).write_text(written, encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
