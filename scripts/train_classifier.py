"""Train the affect classifier on every label whose text is at hand, and measure it by cross-validation."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.model_selection import StratifiedGroupKFold

from shared.affect import AffectModel, apply_study_filters, decide
from shared.contracts import CATEGORIES, CLASSES
from shared.features import Features, human_text, readings, sieve
from shared.job import InputError, logged
from shared.labels import labelled_texts, read_control_labels, read_labels
from shared.text import fold, spaced_words

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PENALTY = 1.0  # C of the logistic regressions; .3 to 5 did about equally well in cross-validation
FOLDS = 5


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


def _regressions(matrix, truth):
    """Coefficients (features, classes) and intercepts; categories are learnt from affective conversations alone."""
    affective = truth[:, CLASSES.index("affective")]
    coefficients, intercepts = [], []
    for number, name in enumerate(CLASSES):
        rows = np.ones(len(truth), bool) if name in ("content_creation", "affective") else affective
        fit = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=5_000, tol=1e-8).fit(
            matrix[rows], truth[rows, number]
        )
        coefficients.append(fit.coef_[0])
        intercepts.append(fit.intercept_[0])
    return np.column_stack(coefficients), np.array(intercepts)


def _uncalibrated(labelled, cues, truth):
    """A model of the labelled conversations, each learnt from as a whole."""
    features = learn_features(labelled, cues)
    whole = readings(labelled)[: labelled.height]
    neutral = dict(slope=np.ones(len(CLASSES)), offset=np.zeros(len(CLASSES)), threshold=np.full(len(CLASSES), 0.5))
    return AffectModel(features, *_regressions(features.matrix(whole), truth), **neutral)


def held_out_scores(labelled: pl.DataFrame, cues: dict, *, seed: int) -> np.ndarray:
    """(n, classes) log-odds of each conversation by a model that saw neither it nor a conversation with the same beginning."""
    truth = truth_of(labelled)
    beginning = labelled.select(fold(human_text().str.head(200)).hash(seed)).to_series().to_numpy()
    stratum = (labelled["source"] + labelled["affective"].cast(pl.String)).to_numpy()
    scores = np.zeros(truth.shape)
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(truth, stratum, beginning):
        scores[test] = _uncalibrated(labelled[train], cues, truth[train]).log_odds(labelled[test])
    return scores


def calibrate(scores: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Platt's slope and offset (Platt 1999) of one class on held-out log-odds, weighted to the population."""
    fit = LogisticRegression(C=1e3, max_iter=5_000).fit(scores[:, None], truth, sample_weight=weight)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def best_threshold(probability: np.ndarray, truth: np.ndarray) -> float:
    """The probability at which F1 over the held-out conversations is largest."""
    precision, recall, threshold = precision_recall_curve(truth, probability)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(threshold[f1[:-1].argmax()])


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
        The model, and a table without text: source, conversation_id, weight, and for each class p_, predicted_ and true_ (also `included`).
    """
    if not (labelled.filter(pl.col("source") != "control")["weight"] > 0).any():
        raise InputError(
            "Training needs labelled conversations of a probability sample (column `weight`), to know how common a class is; "
            "found none but those of the control corpus. Add a source such as sharegpt to classify.training_sources."
        )
    cues, truth = codebook["cues"], truth_of(labelled)
    scores = held_out_scores(labelled, cues, seed=seed)
    # Only draw 1 says how common a class is; conversations picked for training would tilt the calibration.
    # The control corpus is a population of its own, far richer in affective conversations.
    real = pl.col("source") != "control"
    population = labelled.select(pl.when(real).then("weight").otherwise(None).fill_null(0)).to_series().to_numpy()
    affective = truth[:, CLASSES.index("affective")]
    slope, offset, threshold, probability = (np.zeros(len(CLASSES)) for _ in range(4))
    probability = np.zeros(truth.shape)
    for number, name in enumerate(CLASSES):
        whole = name in ("content_creation", "affective")
        rows = population > 0 if whole else affective
        weight = population[rows] if whole else np.ones(rows.sum())
        slope[number], offset[number] = calibrate(scores[rows, number], truth[rows, number], weight)
        probability[:, number] = 1 / (1 + np.exp(-(slope[number] * scores[:, number] + offset[number])))
        judged = slice(None) if whole else affective
        threshold[number] = best_threshold(probability[judged, number], truth[judged, number])

    n_human = labelled["n_human"].to_numpy()
    rule = {"n_human": n_human, "min_human_messages_roleplay": min_human_messages_roleplay}
    candidate = labelled.select(sieve(human_text(), codebook["sieve"])).to_series().to_numpy()
    predicted = decide(probability, threshold, candidate=candidate, **rule)
    true = apply_study_filters(dict(zip(CLASSES, truth.T, strict=True)), **rule)
    held_out = labelled.select("source", "conversation_id", "weight").with_columns(
        **{f"p_{name}": pl.Series(probability[:, number].round(6)) for number, name in enumerate(CLASSES)},
        **{f"predicted_{name}": pl.Series(predicted[name]).cast(pl.Int8) for name in [*CLASSES, "included"]},
        **{f"true_{name}": pl.Series(true[name]).cast(pl.Int8) for name in [*CLASSES, "included"]},
    )
    model = _uncalibrated(labelled, cues, truth)
    return replace(model, slope=slope, offset=offset, threshold=threshold), held_out


def model_card(held_out: pl.DataFrame) -> str:
    """Markdown: what the classifier was trained on, and its cross-validated figures per class and source."""
    sources = held_out.group_by("source").agg(n=pl.len(), affective=pl.col("true_affective").sum()).sort("source")
    lines = [
        "# Model card: affect classifier",
        "",
        "Logistic regressions over words (TF-IDF, n-grams of 1-2), codebook cues (spaCy PhraseMatcher) and shape of the human text; one per class,",
        "calibrated by Platt's method to the population of the probability sample. Trained on labels made by a language model under",
        "`config/codebook.yaml`. It estimates shares over many conversations; it must not be used to judge a person or a single conversation.",
        "",
        "| source | labelled conversations | affective |",
        "|:---|---:|---:|",
        *[f"| {row['source']} | {row['n']} | {row['affective']} |" for row in sources.iter_rows(named=True)],
        "",
        f"Figures of {FOLDS}-fold cross-validation (folds share no first words). The decision threshold was chosen on the same held-out scores, so F1 is",
        "slightly optimistic. Categories and professional use are judged within conversations decided affective.",
        "",
        "| class | source | positives | precision | recall | F1 | average precision |",
        "|:---|:---|---:|---:|---:|---:|---:|",
    ]
    for name in [*CLASSES, "included"]:
        for source in ["all", *sources["source"]]:
            table = held_out if source == "all" else held_out.filter(source=source)
            true, predicted = table[f"true_{name}"].to_numpy(), table[f"predicted_{name}"].to_numpy()
            if not true.sum():
                continue
            hits = (true & predicted).sum()
            precision, recall = hits / max(predicted.sum(), 1), hits / true.sum()
            f1 = 2 * hits / (true.sum() + predicted.sum())
            ap = (
                f"{average_precision_score(true, table[f'p_{name}'].to_numpy()):.2f}"
                if name in ("content_creation", "affective")
                else ""
            )
            lines.append(f"| {name} | {source} | {true.sum()} | {precision:.2f} | {recall:.2f} | {f1:.2f} | {ap} |")
    return "\n".join(lines) + "\n"


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    labels = read_labels(snakemake.input.labels)
    control = read_control_labels(snakemake.input.control_labels).filter(split="train", language="en")
    labels = pl.concat([labels, control.select(labels.columns)])
    labelled = labelled_texts(labels, snakemake.input.conversations)
    model, held_out = train_classifier(
        labelled,
        codebook,
        min_human_messages_roleplay=snakemake.params.min_human_messages_roleplay,
        seed=snakemake.params.seed,
    )
    model.save(snakemake.output.model)
    held_out.write_csv(snakemake.output.held_out)
    Path(snakemake.output.card).write_text(model_card(held_out), encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
