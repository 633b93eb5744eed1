"""The LLM judge beside the labels, and what it was asked: its own error rates, never those of the offline classifier."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from scipy.special import betaincinv

from shared.evaluation import beside_labels, pushback_beside_labels
from shared.job import logged
from shared.labels import import_labels, in_cells, read_control_labels, read_labels, read_message_labels
from shared.tables import small

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


def evaluate_replies(
    labels: pl.DataFrame, messages: pl.DataFrame, measures: dict[str, pl.DataFrame], pushback: dict[str, pl.DataFrame]
) -> pl.DataFrame:
    """The judge's decisions on pushback beside the labels, all data sets as one table, in the columns of train_pushback.

    Args:
        labels: shared.labels.read_labels.
        messages: shared.labels.read_message_labels; a conversation whose every reply is among them is as good as labelled as a whole.
        measures, pushback: contracts.Measures and contracts.Pushback, made with the judge, by data set.
    """
    by_message = messages.group_by("source", "conversation_id").agg(
        n_assistant=pl.len().cast(pl.Int32), pushback=pl.col("kinds").explode().drop_nulls().unique()
    )
    by_message = by_message.join(labels, on=["source", "conversation_id"], how="anti").with_columns(shortened=False)
    tables = []
    for dataset, table in measures.items():
        complete = by_message.join(table, on=["conversation_id", "n_assistant"], how="semi").drop("n_assistant")
        known = import_labels(pl.concat([labels, complete], how="diagonal"), table, dataset=dataset)
        decided = pushback_beside_labels(known, dataset=dataset).with_columns(p_any=pl.col("predicted_any") / 1)
        tables.append(
            decided.join(in_cells(pushback[dataset]), on="conversation_id", how="left", maintain_order="left")
        )
    return pl.concat(tables)


def asked_of(answers: list[dict], *, min_conversations: int) -> dict:
    """Model, prompt and temperature of a judge, and how many conversations got no label, hidden under the floor.

    Args:
        answers: the lines of judge_shard or judge_pushback.
    """
    unanswered = sum("unanswered" in answer for answer in answers)
    return {
        "model": " ".join(sorted({answer["model"] for answer in answers})),
        "answered_by": " ".join(sorted({answer["answered_by"] for answer in answers if "answered_by" in answer})),
        "prompt_sha256": " ".join(sorted({answer["prompt"] for answer in answers})),
        "temperature": answers[0]["temperature"] if answers else None,
        "n_unanswered": None if 0 < unanswered < min_conversations else unanswered,
    }


def what_was_asked_of_replies(answers: list[dict], measures: pl.DataFrame, *, dataset: str, **floors: int) -> dict:
    """One row on the judge of pushback and one data set, as it may be published: as what_was_asked, and the share of the replies that it was shown.

    The number judged stays hidden where the affective among them are so few, or those of them that are not counted, that it would tell their number.

    Args:
        answers: the lines of judge_pushback.
        measures: contracts.Measures of the same conversations.
        floors: min_conversations, min_users.
    """
    few = (pl.col("affective"), pl.col("affective") & ~pl.col("included"))
    told = any(small(measures.filter(group), **floors) for group in few)
    judged = measures.filter(pl.col("conversation_id").is_in([answer["conversation_id"] for answer in answers]))
    shown, there = sum(answer["n_replies"] for answer in answers), judged["n_assistant"].sum()
    return {
        "dataset": dataset,
        "task": "pushback",
        **asked_of(answers, min_conversations=floors["min_conversations"]),
        "n_selected": measures.height,
        "n_judged": None if told else judged.height,
        "replies_shown": round(shown / there, 3) if there else None,
    }


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
    sampled = [
        answer["conversation_id"] for answer in answers if not answer["candidate"] and "unanswered" not in answer
    ]
    sample = measures.filter(pl.col("conversation_id").is_in(sampled))
    found = sample.filter("affective")
    n, k, tail = sample.height, found.height, (1 - confidence) / 2
    hidden = min(k, n - k) < min_conversations or found["author"].n_unique() < min_users
    most = k if not hidden else min_conversations - 1 if k < min_conversations else n
    return {
        "dataset": dataset,
        "task": "affect",
        **asked_of(answers, min_conversations=min_conversations),
        "n_selected": measures.height,
        "n_judged": len(answers),
        "n_screened_out_judged": None if 0 < n < min_conversations else n,
        "sample_of_screened_out": min((a["probability"] for a in answers if not a["candidate"]), default=None),
        "affective_of_screened_out_ci_low": 0.0 if hidden else round(float(betaincinv(k, n - k + 1, tail)), 6),
        "affective_of_screened_out_ci_high": 1.0
        if most >= n
        else round(float(betaincinv(most + 1, n - most, 1 - tail)), 6),
    }


def main():
    paths, params, output = snakemake.input, snakemake.params, snakemake.output
    control = read_control_labels(paths.control_labels).filter(split="train")
    measures = {dataset: pl.read_parquet(path) for dataset, path in zip(params.processed, paths.measures, strict=True)}

    def below(folder, files):
        return [file for file in files if Path(file).parent == Path("data/interim") / folder]

    def labels(**own):
        read = read_labels(paths.labels, **own)
        return pl.concat([read, control.select(read.columns)])

    if "affect" in params.judged:
        rule = {"min_human_messages_roleplay": params.min_human_messages_roleplay}
        evaluate_judge(labels(own=paths.own), measures, **rule).write_csv(output.affect)
    if "pushback" in params.judged:
        # Labels of one's own are not public: they join by join_held_out, and no figure of how well the judge does rests on them.
        pushback = {
            dataset: pl.read_parquet(below(f"{dataset}/pushback", paths.pushback)) for dataset in params.processed
        }
        evaluate_replies(labels(), read_message_labels(paths.messages), measures, pushback).write_csv(output.pushback)
    asked = []
    for task, row in {"affect": what_was_asked, "pushback": what_was_asked_of_replies}.items():
        for dataset in params.datasets if task in params.judged else []:
            lines = [
                json.loads(line)
                for file in below(f"{dataset}/answers/{task}", paths.answers)
                for line in Path(file).read_text(encoding="utf-8").splitlines()
            ]
            more = {"confidence": params.confidence} if task == "affect" else {}
            asked.append(row(lines, measures[dataset], dataset=dataset, **params.floors, **more))
    pl.DataFrame(asked, infer_schema_length=None).write_csv(output.judge)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
