"""Train the pushback model on every labelled message and conversation whose text is at hand, and measure it by cross-validation."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from shared.contracts import PUSHBACK_KINDS
from shared.evaluation import evaluate_pushback
from shared.job import InputError, logged
from shared.labels import in_cells, labelled_texts, read_control_labels, read_labels, read_message_labels
from shared.pushback import (
    VIEWS,
    WORDS,
    PushbackFeatures,
    PushbackModel,
    decide,
    exchanges,
    found_in,
    outputs,
)
from shared.text import spaced_words
from shared.training import FOLDS, MIN_POSITIVES, beginnings, best_threshold, calibrate, card, constant_log_odds, figure
from shared.weights import sigmoid

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

PENALTY = {"any": 0.3, "given": 1.0}  # C of the logistic regressions: of all messages; of those that push back
MAX_WORDS = 3_000  # of each view; 1,500 did nearly as well in cross-validation
MIN_MESSAGES = 3  # that push back, from which a word is learnt


def labelled_messages(labelled: pl.DataFrame, messages: pl.DataFrame) -> pl.DataFrame:
    """The assistant messages of labelled conversations, with what is known of each.

    A listed message is what its label says. Of a conversation that is labelled as a whole the others are known not to push back, if it has
    no pushback or if some of its messages with pushback are listed; of all else nothing is known.

    Args:
        labelled: source, conversation_id, messages, pushback (list of the conversation's kinds, null where it was not labelled as a whole).
        messages: see shared.labels.read_message_labels.

    Returns:
        row (of `labelled`), conversation_id, turn, request, reply, kinds (null: not known), reason.
    """
    listed = messages.filter(pl.col("kinds").list.len() > 0).select("source", "conversation_id").unique()
    keyed = (
        labelled.with_row_index("row")
        .join(listed.with_columns(listed=True), on=["source", "conversation_id"], how="left", maintain_order="left")
        .with_columns(own_id="conversation_id", conversation_id=pl.col("row").cast(pl.String))
    )
    whole = pl.col("pushback").is_not_null() & (
        (pl.col("pushback").list.len() == 0) | pl.col("listed").fill_null(False)
    )
    known = keyed.select("row", "conversation_id", "source", "own_id", others=whole)
    return (
        exchanges(keyed)
        .join(known, on="conversation_id", maintain_order="left")
        .join(
            messages.rename({"conversation_id": "own_id"}),
            on=["source", "own_id", "turn"],
            how="left",
            maintain_order="left",
        )
        .select(
            "row",
            "turn",
            "request",
            "reply",
            "reason",
            conversation_id="own_id",
            kinds=pl.when(pl.col("kinds").is_null() & pl.col("others"))
            .then(pl.lit([], dtype=pl.List(pl.String)))
            .otherwise("kinds"),
        )
    )


def truth_of(known: pl.DataFrame, codebook: dict) -> np.ndarray:
    """(n, outputs) bool of messages whose kinds are known."""
    given = outputs(codebook)[1 + len(PUSHBACK_KINDS) :]
    return np.column_stack(
        [(known["kinds"].list.len() > 0).to_numpy()]
        + [known["kinds"].list.contains(kind).to_numpy() for kind in PUSHBACK_KINDS]
        + [(known["reason"] == reason).fill_null(False).to_numpy() for reason in given]
    )


def learn_features(known: pl.DataFrame, pushing: np.ndarray, codebook: dict) -> PushbackFeatures:
    """Vocabulary of the messages that push back, and smoothed idf over all: ln((1 + n) / (1 + df)) + 1, as in scikit-learn."""
    words, idf = {}, {}
    for view, (longest, _) in WORDS.items():
        texts = known.select(spaced_words(VIEWS[view])).to_series()
        options = {"ngram_range": (1, longest), "token_pattern": r"\S+"}
        learnt = CountVectorizer(min_df=MIN_MESSAGES, max_features=MAX_WORDS, **options).fit(texts.filter(pushing))
        counted = CountVectorizer(vocabulary=learnt.vocabulary_, **options).transform(texts)
        words[view] = list(learnt.get_feature_names_out())
        idf[view] = np.log((1 + len(texts)) / (1 + np.asarray((counted > 0).sum(axis=0)).ravel())) + 1
    return PushbackFeatures(words, idf, codebook)


def _uncalibrated(known, codebook):
    """A model of messages whose kinds are known; kinds and reasons are learnt from those that push back."""
    truth = truth_of(known, codebook)
    pushing, n = truth[:, 0], truth.shape[1]
    features = learn_features(known, pushing, codebook)
    matrix = features.matrix(known)
    coefficients, intercept = np.zeros((matrix.shape[1], n)), np.zeros(n)
    for number in range(n):
        rows = pushing if number else np.ones(len(truth), bool)
        own = truth[rows, number]
        if own.all() or not own.any():
            intercept[number] = constant_log_odds(own)
            continue
        balanced = "balanced" if number <= len(PUSHBACK_KINDS) else None
        penalty = PENALTY["given" if number else "any"]
        fit = LogisticRegression(
            C=penalty, class_weight=balanced, solver="liblinear", intercept_scaling=5, random_state=0
        ).fit(matrix[rows], own)
        coefficients[:, number], intercept[number] = fit.coef_[0], fit.intercept_[0]
    neutral = dict(slope=np.ones(n), offset=np.zeros(n), threshold=np.full(n, 0.5))
    return PushbackModel(features, coefficients, intercept, **neutral)


def held_out_scores(labelled: pl.DataFrame, table: pl.DataFrame, codebook: dict, *, seed: int) -> np.ndarray:
    """(n, outputs) log-odds of each message by a model that saw neither its conversation nor one with the same beginning."""
    beginning = beginnings(labelled, seed=seed)
    stratum = labelled.select(
        pl.col("source") + (pl.col("pushback").list.len() > 0).cast(pl.String).fill_null("")
    ).to_series()
    row, known = table["row"].to_numpy(), table["kinds"].is_not_null().to_numpy()
    scores = np.zeros((table.height, len(outputs(codebook))))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for _, test in folds.split(beginning, stratum.to_numpy(), beginning):
        tested = np.isin(row, test)
        scores[tested] = _uncalibrated(table.filter(known & ~tested), codebook).log_odds(table.filter(tested))
    return scores


def largest(values: np.ndarray, row: np.ndarray, n: int) -> np.ndarray:
    """(n,) the largest value of each conversation's messages; 0 where it has none."""
    out = np.zeros(n)
    np.maximum.at(out, row, values)
    return out


def _decisions(labelled, table, scores, codebook):
    """Slope, offset and threshold of each output by held-out scores.

    Calibrated over messages: any pushback to the population of the probability samples, kinds given pushback. Thresholds are the best for
    conversations that were read whole, since any instance in a conversation is what is counted, and for their sources alike.
    """
    known = table["kinds"].is_not_null().to_numpy()
    truth, row = truth_of(table.filter(known), codebook), table["row"].to_numpy()
    n = truth.shape[1]
    slope, offset, threshold = np.ones(n), np.zeros(n), np.full(n, 0.5)
    real = pl.col("source") != "control"
    weight = labelled.select(pl.when(real).then("weight").otherwise(None).fill_null(0)).to_series().to_numpy()
    judged = (
        labelled.select(real & pl.col("pushback").is_not_null() & ~pl.col("shortened").fill_null(True))
        .to_series()
        .to_numpy()
    )
    source, flagged = labelled["source"].to_numpy(), np.ones(table.height, bool)
    for number, kind in enumerate(["any", *PUSHBACK_KINDS]):
        rows = truth[:, 0] if number else weight[row[known]] > 0
        own = truth[rows, number]
        if own.any() and not own.all():
            of_message = np.ones(rows.sum()) if number else weight[row[known]][rows]
            slope[number], offset[number] = calibrate(scores[known][rows, number], own, of_message)
        probability = sigmoid(slope[number] * scores[:, number] + offset[number])
        in_conversation = largest(probability * flagged, row, labelled.height)[judged]
        said = (pl.col("pushback").list.contains(kind) if number else pl.col("pushback").list.len() > 0).fill_null(
            False
        )
        true = labelled.select(said).to_series().to_numpy()[judged]
        if true.any():
            threshold[number] = max(best_threshold(in_conversation, true, source[judged]), 1e-6)
        if not number:
            flagged = probability >= threshold[0]
    return {"slope": slope, "offset": offset, "threshold": threshold}


def _beside_labels(labelled, table, scores, model):
    """Decisions beside labels, without text; see train_pushback."""
    decided = decide(scores, model.slope, model.offset, model.threshold)
    row = table["row"].to_numpy()
    found = in_cells(found_in(table.with_columns(conversation_id=pl.col("row").cast(pl.String)), scores, model)).select(
        "found", row=pl.col("conversation_id").cast(pl.UInt32)
    )
    true = pl.col("true")
    names = ["any", *PUSHBACK_KINDS]
    whole = labelled.with_row_index("row").join(found, on="row", how="left", maintain_order="left")
    # Of a source without conversations labelled as wholes, one whose every message is labelled is as good as that. Elsewhere such ones were picked.
    sampled = labelled.filter(pl.col("weight").is_not_null())["source"].unique().to_list()
    by_message = table.group_by("row").agg(
        complete=pl.col("kinds").is_not_null().all(), said=pl.col("kinds").explode().drop_nulls().unique()
    )
    whole = whole.join(by_message, on="row", how="left", maintain_order="left").with_columns(
        true=pl.when("complete", ~pl.col("source").is_in(sampled))
        .then(pl.col("pushback").fill_null(pl.col("said")))
        .otherwise("pushback")
    )
    return (
        whole.with_columns(
            **{
                f"predicted_{name}": pl.Series(largest(decided[:, number], row, labelled.height)).cast(pl.Int8)
                for number, name in enumerate(names)
            },
            p_any=pl.Series(largest(sigmoid(model.slope * scores + model.offset)[:, 0], row, labelled.height).round(6)),
        )
        .filter(true.is_not_null())
        .select(
            "source",
            "conversation_id",
            "weight",
            "stratum",
            pl.col("shortened").fill_null(False).cast(pl.Int8),
            pl.col("affective").cast(pl.Int8).alias("true_affective"),
            "p_any",
            *(f"predicted_{name}" for name in names),
            (true.list.len() > 0).cast(pl.Int8).alias("true_any"),
            *(true.list.contains(kind).cast(pl.Int8).alias(f"true_{kind}") for kind in PUSHBACK_KINDS),
            "found",
        )
    )


def train_pushback(
    labelled: pl.DataFrame, messages: pl.DataFrame, codebook: dict, *, seed: int
) -> tuple[PushbackModel, pl.DataFrame, pl.DataFrame]:
    """The model trained on all labels, and the cross-validated decisions on each labelled conversation.

    Args:
        labelled: conversations with messages and n_human; source, conversation_id, weight, stratum, affective, pushback and shortened, null
            where a conversation is not labelled as a whole.
        messages: labels of single messages, see shared.labels.read_message_labels.
        codebook: the section `pushback` of config/codebook.yaml.
        seed: of the folds.

    Returns:
        The model; a table without text: source, conversation_id, weight, stratum, shortened (the assistant was not read whole), true_affective,
        p_any (of the likeliest message), predicted_ and true_ (0/1) for `any` and each kind, found (the messages that push back, as
        "turn:kind|kind:reason;..."); and one row per message with known pushback: source, reason, predicted (the reason by its fold's model).

    Raises:
        InputError: no message with pushback, or no conversation of a probability sample, is at hand.
    """
    table = labelled_messages(labelled, messages)
    if (
        not (table["kinds"].list.len() > 0).any()
        or not labelled.filter(pl.col("source") != "control")["weight"].count()
    ):
        raise InputError(
            "Training needs labelled messages that push back, and labelled conversations of a probability sample (column `weight`); found too few "
            "among the texts at hand. Add a source such as sharegpt to classify.training_sources."
        )
    scores = held_out_scores(labelled, table, codebook, seed=seed)
    decisions = _decisions(labelled, table, scores, codebook)
    model = replace(_uncalibrated(table.filter(pl.col("kinds").is_not_null()), codebook), **decisions)
    reasons = np.array(outputs(codebook)[1 + len(PUSHBACK_KINDS) :])
    said = table.select(
        "row", "reason", predicted=pl.Series(reasons[scores[:, 1 + len(PUSHBACK_KINDS) :].argmax(axis=1)])
    )
    said = said.join(labelled.with_row_index("row").select("row", "source"), on="row").filter(pl.col("reason") != "")
    return model, _beside_labels(labelled, table, scores, model), said.select("source", "reason", "predicted")


def model_card(
    template: str,
    held_out: pl.DataFrame,
    reasons: pl.DataFrame,
    *,
    model: PushbackModel,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> str:
    """Markdown: what it reads, figures with intervals, limits of use.

    Args:
        template: resources/cards/pushback.md.
        held_out, reasons: of train_pushback.
        model: trained.
        bootstrap, confidence, seed: of the intervals.
    """
    shown = ["precision", "recall", "f1"]
    rows = [
        [
            row["kind"],
            row["labels"],
            row["among"],
            row["n_labelled"],
            row["n_positive"],
            *(figure(row, name) for name in shown),
        ]
        for row in evaluate_pushback(held_out, bootstrap=bootstrap, confidence=confidence, seed=seed).to_dicts()
    ]
    right = (pl.col("reason") == pl.col("predicted")).sum()
    by_reason = (
        reasons.group_by("reason")
        .agg(
            pl.len(),
            right.alias("right"),
        )
        .sort("reason")
        .rows()
    )
    return card(
        template,
        n_words=sum(len(words) for words in model.features.words.values()),
        folds=FOLDS,
        min_positives=MIN_POSITIVES,
        bootstrap=bootstrap,
        confidence=confidence,
        figures=rows,
        n_reasons=reasons.height,
        right=reasons.select(right).item(),
        reasons=by_reason,
    )


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)["pushback"]
    control = read_control_labels(snakemake.input.control_labels).filter(split="train", language="en")
    labels = read_labels(snakemake.input.labels)
    labels = pl.concat([labels, control.select(labels.columns)])
    listed = control.explode("pushback_turns").drop_nulls("pushback_turns").unnest("pushback_turns")
    listed = listed.group_by("source", "conversation_id", "turn").agg(kinds="kind", reason=pl.col("reason").first())
    messages = read_message_labels(snakemake.input.messages)
    messages = pl.concat([messages, listed.cast({"turn": pl.Int32}).select(messages.columns)])
    keys = pl.concat([table.select("source", "conversation_id") for table in (labels, messages)]).unique()
    labels = keys.join(labels, on=["source", "conversation_id"], how="left")
    labelled = labelled_texts(labels, snakemake.input.conversations)
    model, held_out, reasons = train_pushback(labelled, messages, codebook, seed=snakemake.params.seed)
    template = Path(snakemake.input.card).read_text(encoding="utf-8")
    settings, seed = snakemake.params.settings, snakemake.params.seed
    written = model_card(template, held_out, reasons, model=model, **settings, seed=seed)
    model.save(snakemake.output.model)
    held_out.write_csv(snakemake.output.held_out)
    Path(snakemake.output.card).write_text(written, encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
