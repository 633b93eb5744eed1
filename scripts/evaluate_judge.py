"""The LLM judge beside the labels, and what it was asked: its own error rates, never those of the offline classifier."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from scipy.stats import beta

from shared.evaluation import beside_labels
from shared.job import logged
from shared.labels import read_control_labels, read_labels

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def evaluate_judge(
    labels: pl.DataFrame, measures: dict[str, pl.DataFrame], *, min_human_messages_roleplay: int
) -> pl.DataFrame:
    """The judge's decisions beside the labels, all data sets as one table (shared.evaluation.beside_labels).

    Nothing was learnt from these labels, so nothing has to be cross-validated.

    Args:
        labels: shared.labels.read_labels.
        measures: contracts.Measures, made with the judge, by data set.
        min_human_messages_roleplay: the study's rule.
    """
    rule = {"min_human_messages_roleplay": min_human_messages_roleplay}
    return pl.concat(
        [beside_labels(labels.filter(source=dataset), table, **rule) for dataset, table in measures.items()]
    )


def what_was_asked(
    answers: list[dict],
    measures: pl.DataFrame,
    *,
    dataset: str,
    min_conversations: int,
    min_users: int,
    confidence: float,
) -> dict:
    """One row on the judge and one data set, as it may be published: which model and prompt, how many conversations, what the sieve loses.

    The share of affective conversations among those that the sieve dropped comes from the random sample of them (Clopper & Pearson 1934). Up to the floor it is
    given as if the most that stays hidden had been found, so that no small count can be told.

    Args:
        answers: the lines of judge_shard.
        measures: contracts.Measures of the same conversations.
        min_conversations, min_users: privacy floors.
    """
    unanswered = sum("unanswered" in answer for answer in answers)
    sampled = [
        answer["conversation_id"] for answer in answers if not answer["candidate"] and "unanswered" not in answer
    ]
    sample = measures.filter(pl.col("conversation_id").is_in(sampled))
    found = sample.filter("affective")
    n, k, tail = sample.height, found.height, (1 - confidence) / 2
    hidden = min(k, n - k) < min_conversations or found["cluster"].n_unique() < min_users
    most = k if not hidden else min_conversations - 1 if k < min_conversations else n
    return {
        "dataset": dataset,
        "model": " ".join(sorted({answer["model"] for answer in answers})),
        "answered_by": " ".join(sorted({answer["answered_by"] for answer in answers if "answered_by" in answer})),
        "prompt_sha256": " ".join(sorted({answer["prompt"] for answer in answers})),
        "temperature": answers[0]["temperature"] if answers else None,
        "n_selected": measures.height,
        "n_judged": len(answers),
        "n_unanswered": None if 0 < unanswered < min_conversations else unanswered,
        "n_screened_out_judged": None if 0 < n < min_conversations else n,
        "sample_of_screened_out": min((a["probability"] for a in answers if not a["candidate"]), default=None),
        "affective_of_screened_out_ci_low": 0.0 if hidden else round(float(beta.ppf(tail, k, n - k + 1)), 6),
        "affective_of_screened_out_ci_high": 1.0
        if most >= n
        else round(float(beta.ppf(1 - tail, most + 1, n - most)), 6),
    }


def main():
    paths, params = snakemake.input, snakemake.params
    control = read_control_labels(paths.control_labels).filter(split="train")
    labels = read_labels(paths.labels, own=paths.own)
    labels = pl.concat([labels, control.select(labels.columns)])
    measures = {dataset: pl.read_parquet(path) for dataset, path in zip(params.processed, paths.measures, strict=True)}
    rule = {"min_human_messages_roleplay": params.min_human_messages_roleplay}
    evaluate_judge(labels, measures, **rule).write_csv(snakemake.output.held_out)
    asked = []
    for dataset, table in measures.items():
        lines = [
            json.loads(line)
            for file in paths.answers
            if Path(file).parts[-3] == dataset
            for line in Path(file).read_text(encoding="utf-8").splitlines()
        ]
        if dataset in params.datasets:
            asked.append(what_was_asked(lines, table, dataset=dataset, confidence=params.confidence, **params.floors))
    pl.DataFrame(asked, infer_schema_length=None).write_csv(snakemake.output.judge)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
