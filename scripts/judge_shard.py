"""Have an LLM judge the conversations that the sieve let through and a random sample of what it dropped, by any OpenAI-compatible endpoint."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared import contracts
from shared.affect import apply_study_filters
from shared.comparison import compared
from shared.contracts import CATEGORIES, CLASSES
from shared.job import logged
from shared.judge import to_judge
from shared.judging import judged
from shared.tasks import affect_task

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


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
    known = conversations.select("conversation_id", "n_human").filter(pl.col("conversation_id").is_in(list(labels)))
    said = [labels[name] for name in known["conversation_id"]]
    decisions = {
        name: np.array([label[name] for label in said], bool)
        for name in ("content_creation", "affective", "professional")
    }
    decisions |= {name: np.array([name in label["categories"] for label in said], bool) for name in CATEGORIES}
    counted = apply_study_filters(
        decisions,
        n_human=known["n_human"].to_numpy(),
        min_human_messages_roleplay=min_human_messages_roleplay,
    )
    fresh = known.select(
        "conversation_id",
        **{f"p_{name}": pl.Series(decisions[name], dtype=pl.Float64) for name in CLASSES},
        **{
            name: pl.Series(counted[name], dtype=pl.Boolean)
            for name in ("content_creation", "affective", "included", "professional")
        },
        categories=pl.Series(
            [[name for name in CATEGORIES if counted[name][row]] for row in range(known.height)],
            dtype=pl.List(pl.Enum(CATEGORIES)),
        ),
    )
    table = offline.update(fresh, on="conversation_id", how="left")
    return table.with_columns(compared=compared(others=others_compared, seed=seed)).select(
        contracts.Affect.column_names()
    )


def main():
    paths, params = snakemake.input, snakemake.params
    task = affect_task(yaml.safe_load(Path(paths.codebook).read_text(encoding="utf-8")))
    conversations, offline = pl.read_parquet(paths.selected), pl.read_parquet(paths.offline)
    wanted = to_judge(conversations, offline["candidate"], task=task, settings=params.settings, seed=params.seed)
    rows = judged(wanted, task=task, settings=params.settings, run=params.run, recording=snakemake.output.answers)
    table = judge_shard(
        conversations,
        offline,
        labels={row["conversation_id"]: row for row in rows if "unanswered" not in row},
        min_human_messages_roleplay=params.min_human_messages_roleplay,
        others_compared=params.others_compared,
        seed=params.seed,
    )
    contracts.Affect.checked(table).write_parquet(snakemake.output.affect)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
