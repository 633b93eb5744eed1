"""Having conversations judged: what was answered is not asked again, what is missing is asked for, and all of it is recorded."""

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from pydantic import ValidationError

from shared.endpoint import Judge, Refused, client_for
from shared.job import InputError
from shared.judge import Answers, digest, replies_in
from shared.ledger import ledger_of
from shared.tasks import Task

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


def recorded(
    wanted: list[dict], answers: Answers, unanswered: dict[str, str], *, settings: dict, task: Task
) -> list[dict]:
    """One row for each conversation asked about: what `wanted` says of it save its text, hashes and label."""
    made_with = {"model": settings["model"], "prompt": digest(task.prompt), "temperature": settings["temperature"]}
    rows = []
    for item in wanted:
        row = {name: value for name, value in item.items() if name != "content"} | made_with
        answer = {"unanswered": unanswered[item["key"]]} if item["key"] in unanswered else answers.get(item["key"])
        if "unanswered" in answer:
            rows.append(row | {"unanswered": answer["unanswered"]})
            continue
        try:
            said, shown = {name: answer.get(name) for name in task.answer.model_fields}, replies_in(item["content"])
            label = task.answer.model_validate(said, context={"replies": shown}).model_dump()
        except ValidationError:
            raise InputError(
                f"The recorded answer {item['key']} on {item['conversation_id']} is not a label under the codebook. Take its line from the recording, or its "
                "file from classify.llm.cache, and run again."
            ) from None
        rows.append(row | {"answered_by": answer["answered_by"]} | label)
    return rows


def judged(wanted: list[dict], *, task: Task, settings: dict, run: str, recording: str | Path) -> list[dict]:
    """What the judge says of each conversation: kept answers, and those that it is asked for now.

    Args:
        wanted: of shared.judge.questions.
        settings: `classify: llm` of the configuration.
        run: its name, by which the ledger is found.
        recording: file to which the rows are written as JSON lines, for a reviewer to replay.

    Returns:
        The rows of `recorded`; those of conversations that got no label say why in `unanswered`.

    Raises:
        InputError: a recording lacks an answer; or as for ask_all.
    """
    answers = Answers(settings["cache"], settings["replay"])
    missing = [item for item in wanted if answers.get(item["key"]) is None]
    unanswered = {}
    if missing and settings["replay"]:
        raise InputError(
            f"{settings['replay']} holds no answer on {len(missing)} of {len(wanted)} conversations, e.g. {missing[0]['conversation_id']}. A recording "
            "fits one codebook, model, temperature, max_characters, seed and version of the data: set these as they were, or take replay away to ask."
        )
    if missing:
        ledger = ledger_of(run, settings)
        judge = Judge(client_for(settings), task=task, settings=settings, ledger=ledger)
        unanswered = ask_all(missing, judge=judge, answers=answers)
        calls, cost = ledger.spent()
        print(f"Spent by this run until now: {calls:,} calls, about {cost:,.4f}")
    print(
        f"{len(wanted)} conversations judged: {len(wanted) - len(missing)} answers were there, {len(unanswered)} got none"
    )
    rows = recorded(wanted, answers, unanswered, settings=settings, task=task)
    with open(recording, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return rows
