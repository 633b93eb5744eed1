"""Have an LLM judge name the assistant messages that push back, in the conversations that are compared."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import yaml

from shared import contracts
from shared.comparison import read_compared
from shared.job import logged
from shared.judge import replies_to_judge
from shared.judging import judged
from shared.tasks import pushback_task

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def judge_pushback(offline: pl.DataFrame, *, labels: dict[str, list[dict]]) -> pl.DataFrame:
    """The pushback model's table with the judge's findings in place of its own, in every conversation that the judge answered.

    A reply that was not shown, of a conversation that was cut, does not push back as far as is known.

    Args:
        offline: contracts.Pushback of the same conversations, as detect_pushback wrote it.
        labels: {conversation_id: dicts with message (its position), kinds and reason}.

    Returns:
        A table under contracts.Pushback.
    """
    rows = [
        (name, found["message"], kind, found["reason"])
        for name, pushback in labels.items()
        for found in sorted(pushback, key=lambda found: found["message"])
        for kind in found["kinds"]
    ]
    fresh = pl.DataFrame(rows, schema=offline.schema, orient="row")
    return pl.concat([offline.filter(~pl.col("conversation_id").is_in(list(labels))), fresh])


def main():
    paths, params = snakemake.input, snakemake.params
    task = pushback_task(yaml.safe_load(Path(paths.codebook).read_text(encoding="utf-8")))
    wanted = replies_to_judge(read_compared(paths.selected, paths.affect), task=task, settings=params.settings)
    rows = judged(wanted, task=task, settings=params.settings, run=params.run, recording=snakemake.output.answers)
    labels = {row["conversation_id"]: row["pushback"] for row in rows if "unanswered" not in row}
    table = judge_pushback(pl.read_parquet(paths.offline), labels=labels)
    contracts.Pushback.checked(table).write_parquet(snakemake.output.pushback)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
