"""Have an LLM judge the conversations that the sieve let through and a random sample of what it dropped, by any OpenAI-compatible endpoint."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from pydantic import ValidationError

from shared import contracts
from shared.affect import apply_study_filters
from shared.comparison import compared
from shared.contracts import CATEGORIES, CLASSES
from shared.endpoint import Answer, Judge, Ledger, Refused, client_for
from shared.job import InputError, logged
from shared.judge import Answers, digest, to_judge

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MOST_UNANSWERED = 0.05  # of those asked, beyond the first few
FIRST_FEW = 5


def ask_all(wanted: list[dict], *, judge: Judge, answers: Answers) -> dict[str, str]:
    """Ask for every label that is not there, several at a time, and keep each as soon as it is had.

    Args:
        wanted: dicts with conversation_id, content and key.

    Returns:
        {key: reason} of conversations that got no label.

    Raises:
        InputError: a cap is reached, or the endpoint does not answer, or too many conversations got no label. What was answered is kept.
    """
    unanswered, done = {}, 0
    with ThreadPoolExecutor(judge.settings["concurrency"]) as pool:
        # The same text under two ids is asked once.
        asked = {
            pool.submit(judge.ask, item["content"]): item["key"] for item in {i["key"]: i for i in wanted}.values()
        }
        try:
            for question in as_completed(asked):
                done += 1
                try:
                    answers.put(asked[question], question.result())
                except Refused as fault:
                    unanswered[asked[question]] = str(fault)
                    if len(unanswered) > FIRST_FEW + MOST_UNANSWERED * done:
                        raise InputError(
                            f"The judge gave no label to {len(unanswered)} of {done} conversations, the last time because: {fault}. Check that "
                            "classify.llm.model can follow the prompt under data/judge/ and takes these settings. Every answer is kept."
                        ) from None
        except BaseException:
            judge.pace.stop.set()
            pool.shutdown(cancel_futures=True)
            for question, key in asked.items():
                with contextlib.suppress(Exception):
                    if not question.cancelled():
                        answers.put(key, question.result())
            raise
    return unanswered


def judge_shard(
    conversations: pl.DataFrame,
    offline: pl.DataFrame,
    *,
    labels: dict[str, dict],
    min_human_messages_roleplay: int,
    others_compared: int,
    seed: int,
) -> pl.DataFrame:
    """The offline classifier's table with the judge's labels in place of its own, wherever there are any.

    A judge says yes or no, so the probabilities of what it judged are 1 or 0 and calibrated by nothing. What the sieve dropped and the sample left out
    is not affective, and what the judge gave no label to is as the offline classifier has it; so is the content creation of both.

    Args:
        conversations: contracts.Selected.
        offline: contracts.Affect of the same conversations, as classify_shard wrote it.
        labels: {conversation_id: content_creation, affective, categories, professional}.
        min_human_messages_roleplay: shorter roleplay is not counted.
        others_compared, seed: how many that are not affective are measured further, and the seed by which they are drawn.

    Returns:
        A table under contracts.Affect.
    """
    judged = conversations.select("conversation_id", "n_human").filter(pl.col("conversation_id").is_in(list(labels)))
    said = [labels[name] for name in judged["conversation_id"]]
    decisions = {
        name: np.array([label[name] for label in said], bool)
        for name in ("content_creation", "affective", "professional")
    }
    decisions |= {name: np.array([name in label["categories"] for label in said], bool) for name in CATEGORIES}
    counted = apply_study_filters(
        decisions,
        n_human=judged["n_human"].to_numpy(),
        min_human_messages_roleplay=min_human_messages_roleplay,
    )
    fresh = judged.select(
        "conversation_id",
        **{f"p_{name}": pl.Series(decisions[name], dtype=pl.Float64) for name in CLASSES},
        **{
            name: pl.Series(counted[name], dtype=pl.Boolean)
            for name in ("content_creation", "affective", "included", "professional")
        },
        categories=pl.Series(
            [[name for name in CATEGORIES if counted[name][row]] for row in range(judged.height)],
            dtype=pl.List(pl.Enum(CATEGORIES)),
        ),
    )
    table = offline.update(fresh, on="conversation_id", how="left")
    return table.with_columns(compared=compared(others=others_compared, seed=seed)).select(
        contracts.Affect.column_names()
    )


def recorded(
    wanted: list[dict], answers: Answers, unanswered: dict[str, str], *, settings: dict, prompt: str
) -> list[dict]:
    """One row for each conversation asked about: id, key, hashes and label, no text. This is what a reviewer replays."""
    made_with = {"model": settings["model"], "prompt": digest(prompt), "temperature": settings["temperature"]}
    rows = []
    for item in wanted:
        row = {name: item[name] for name in ("conversation_id", "candidate", "probability", "key")} | made_with
        answer = {"unanswered": unanswered[item["key"]]} if item["key"] in unanswered else answers.get(item["key"])
        if "unanswered" in answer:
            rows.append(row | {"unanswered": answer["unanswered"]})
            continue
        try:
            label = Answer(**{name: answer.get(name) for name in Answer.model_fields}).model_dump()
        except ValidationError:
            raise InputError(
                f"The recorded answer {item['key']} on {item['conversation_id']} is not a label under the codebook. Take its line from the recording, or its "
                "file from classify.llm.cache, and run again."
            ) from None
        rows.append(row | {"answered_by": answer["answered_by"]} | label)
    return rows


def main():
    paths, params = snakemake.input, snakemake.params
    settings: dict[str, Any] = params.settings
    prompt = Path(paths.prompt).read_text(encoding="utf-8")
    conversations, offline = pl.read_parquet(paths.selected), pl.read_parquet(paths.offline)
    wanted = to_judge(conversations, offline["candidate"], prompt=prompt, settings=settings, seed=params.seed)
    answers = Answers(settings["cache"], settings["replay"])
    missing = [item for item in wanted if answers.get(item["key"]) is None]
    unanswered = {}
    if missing and settings["replay"]:
        raise InputError(
            f"{settings['replay']} holds no answer on {len(missing)} of {len(wanted)} conversations, e.g. {missing[0]['conversation_id']}. A recording "
            "fits one codebook, model, temperature, max_characters, seed and version of the data: set these as they were, or take replay away to ask."
        )
    if missing:
        ledger = Ledger(
            Path(settings["cache"]) / f"spent_by_{params.run}.txt",
            max_calls=settings["max_calls"],
            max_cost=settings["max_cost"],
        )
        judge = Judge(client_for(settings), prompt=prompt, settings=settings, ledger=ledger)
        unanswered = ask_all(missing, judge=judge, answers=answers)
        calls, cost = ledger.spent()
        print(f"Spent by this run until now: {calls:,} calls, about {cost:,.4f}")
    rows = recorded(wanted, answers, unanswered, settings=settings, prompt=prompt)
    labels = {row["conversation_id"]: row for row in rows if "unanswered" not in row}
    table = judge_shard(
        conversations,
        offline,
        labels=labels,
        min_human_messages_roleplay=params.min_human_messages_roleplay,
        others_compared=params.others_compared,
        seed=params.seed,
    )
    contracts.Affect.checked(table).write_parquet(snakemake.output.affect)
    with open(snakemake.output.answers, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    print(
        f"{len(wanted)} conversations judged: {len(wanted) - len(missing)} answers were there, {len(unanswered)} got none"
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
