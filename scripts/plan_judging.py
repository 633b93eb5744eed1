"""Before the LLM judge is asked anything: its prompts, and what the whole run would ask and cost."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl
import yaml

from shared.comparison import read_compared
from shared.job import InputError, logged
from shared.judge import ANSWER_TOKENS, FRAME_TOKENS, Answers, cost_of, replies_to_judge, to_judge, tokens
from shared.ledger import ledger_of
from shared.tasks import TASKS, Task

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plan_judging(wanted: list[dict], *, prompt: str, settings: dict, answers: Answers) -> dict[str, float]:
    """What one shard asks as far as answers are not there: n_wanted, n_calls, tokens_in, tokens_out, cost.

    Args:
        wanted: of shared.judge.questions.
        prompt: the task's.
        settings: `classify: llm` of the configuration.
    """
    missing = {item["key"]: item["content"] for item in wanted if answers.get(item["key"]) is None}
    tokens_in = len(missing) * (tokens(prompt) + FRAME_TOKENS) + sum(map(tokens, missing.values()))
    tokens_out = len(missing) * ANSWER_TOKENS
    return {
        "n_wanted": len(wanted),
        "n_calls": len(missing),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": round(cost_of(tokens_in, tokens_out, settings["price_per_million_tokens"]), 6),
    }


def in_words(plan: pl.DataFrame, *, settings: dict) -> str:
    """The plan in a sentence, for the terminal."""
    n_wanted, calls, tokens_in, tokens_out, cost = plan.select(pl.exclude("dataset", "shard", "task").sum()).row(0)
    host = urlsplit(settings["base_url"]).hostname
    parts = [
        f"{n:,} for {task}" for task, n in plan.group_by("task", maintain_order=True).agg(pl.sum("n_wanted")).rows()
    ]
    guess = ", the latter if the offline classes hold" if len(parts) > 1 else ""
    return (
        f"LLM judge: {n_wanted:,} conversations to judge ({', '.join(parts)}{guess}), {n_wanted - calls:,} of them answered already or twice there; "
        f"{calls:,} calls to {host}, about {tokens_in:,} tokens in and {tokens_out:,} out, cost about {cost:,.2f} at the prices of classify.llm."
    )


def check_caps(plan: pl.DataFrame, *, settings: dict, spent: tuple[int, float] = (0, 0.0)) -> None:
    """Raise InputError where the run as planned could not end below its caps, before anything more is spent.

    Args:
        spent: calls and cost of the run so far.
    """
    calls, cost = plan["n_calls"].sum(), plan["cost"].sum()
    if calls and (calls + spent[0] > settings["max_calls"] or cost + spent[1] > settings["max_cost"]):
        raise InputError(
            f"{in_words(plan, settings=settings)} Allowed are classify.llm.max_calls: {settings['max_calls']} and max_cost: {settings['max_cost']}; "
            f"spent by this run before: {spent[0]:,} calls, about {spent[1]:,.2f}. Nothing was asked. Raise the cap, or select fewer conversations."
        )


def questions_of(task: str, asked: Task, selected: str, classes: str, *, settings: dict, seed: int) -> list[dict]:
    """What a shard asks under one task: conversations to classify, or those compared, whose replies are judged.

    Args:
        task: its name among TASKS.
        selected, classes: paths of contracts.Selected and contracts.Affect.
    """
    if task == "pushback":
        return replies_to_judge(read_compared(selected, classes), task=asked, settings=settings)
    conversations = pl.read_parquet(selected, columns=["conversation_id", "messages"])
    return to_judge(conversations, pl.read_parquet(classes)["candidate"], task=asked, settings=settings, seed=seed)


def main():
    settings, inputs, params = snakemake.params.settings, snakemake.input, snakemake.params
    codebook = yaml.safe_load(Path(inputs.codebook).read_text(encoding="utf-8"))
    tasks = {name: TASKS[name](codebook) for name in params.planned}
    answers, rows = Answers(settings["cache"], settings["replay"]), []
    for name, task in tasks.items():
        for selected, classes in zip(inputs.selected, inputs.classes, strict=True):
            wanted = questions_of(name, task, selected, classes, settings=settings, seed=params.seed)
            of = {"dataset": Path(selected).parts[-3], "shard": Path(selected).stem, "task": name}
            rows.append(of | plan_judging(wanted, prompt=task.prompt, settings=settings, answers=answers))
    plan = pl.DataFrame(rows)
    print(in_words(plan, settings=settings))
    if not settings["replay"]:
        print(in_words(plan, settings=settings), file=sys.__stderr__)  # the terminal: the streams lead to the log
        check_caps(plan, settings=settings, spent=ledger_of(params.run, settings).spent())
    plan.write_csv(snakemake.output.plan)
    Path(snakemake.output.prompt).write_text(tasks[snakemake.wildcards.task].prompt, encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
