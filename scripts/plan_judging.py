"""Before the LLM judge is asked anything: its prompt, and what the whole run would ask and cost."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl
import yaml

from shared.job import InputError, logged
from shared.judge import ANSWER_TOKENS, FRAME_TOKENS, Answers, cost_of, judge_prompt, to_judge, tokens

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def plan_judging(wanted: list[dict], *, prompt: str, settings: dict, answers: Answers) -> dict[str, float]:
    """What one shard asks as far as answers are not there: n_wanted, n_calls, tokens_in, tokens_out, cost.

    Args:
        wanted: of shared.judge.to_judge.
        prompt: of shared.judge.judge_prompt.
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
    n_wanted, calls, tokens_in, tokens_out, cost = plan.select(pl.exclude("dataset", "shard").sum()).row(0)
    host = urlsplit(settings["base_url"]).hostname
    return (
        f"LLM judge: {n_wanted:,} conversations to judge, {n_wanted - calls:,} of them answered already or twice there; {calls:,} calls to {host}, "
        f"about {tokens_in:,} tokens in and {tokens_out:,} out, cost about {cost:,.2f} at the prices of classify.llm."
    )


def check_caps(plan: pl.DataFrame, *, settings: dict) -> None:
    """Raise InputError where the run as planned could not end below its caps, before anything is spent."""
    calls, cost = plan["n_calls"].sum(), plan["cost"].sum()
    if calls > settings["max_calls"] or cost > settings["max_cost"]:
        raise InputError(
            f"{in_words(plan, settings=settings)} Allowed are classify.llm.max_calls: {settings['max_calls']} and max_cost: {settings['max_cost']}. "
            "Nothing was asked. Raise the cap, or select fewer conversations."
        )


def main():
    settings, inputs = snakemake.params.settings, snakemake.input
    codebook = yaml.safe_load(Path(inputs.codebook).read_text(encoding="utf-8"))
    prompt = judge_prompt(codebook)
    answers, rows = Answers(settings["cache"], settings["replay"]), []
    for selected, offline in zip(inputs.selected, inputs.offline, strict=True):
        wanted = to_judge(
            pl.read_parquet(selected, columns=["conversation_id", "messages"]),
            pl.read_parquet(offline)["candidate"],
            prompt=prompt,
            settings=settings,
            seed=snakemake.params.seed,
        )
        path = Path(selected)
        rows.append(
            {"dataset": path.parts[-3], "shard": path.stem}
            | plan_judging(wanted, prompt=prompt, settings=settings, answers=answers)
        )
    plan = pl.DataFrame(rows)
    print(in_words(plan, settings=settings))
    if not settings["replay"]:
        print(in_words(plan, settings=settings), file=sys.__stderr__)  # the terminal: the streams lead to the log
        check_caps(plan, settings=settings)
    plan.write_csv(snakemake.output.plan)
    Path(snakemake.output.prompt).write_text(prompt, encoding="utf-8")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
