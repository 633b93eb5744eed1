"""Add up the funnel over shards, and go on with the study's own filters."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from shared import contracts
from shared.counts import STUDY_FILTERS
from shared.job import logged
from shared.tables import small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def count_funnel(
    selection: pl.DataFrame, measures: pl.DataFrame, *, min_conversations: int, min_users: int
) -> pl.DataFrame:
    """The funnel of one data set: step, unit, n_removed, n_left.

    Args:
        selection: the funnels of its shards (select_shard), one below the other.
        measures: contracts.Measures.
        min_conversations, min_users: floors. A count left by the study's filters is null where it, or its distance from the next
            published one, is under a floor.

    Raises:
        InputError: the steps do not follow from one another, or the last one did not leave the conversations that were measured.
    """
    steps = selection.group_by("step", "unit", maintain_order=True).agg(pl.col("n_removed", "n_left").sum())
    left = [*steps["n_left"], measures.height]
    for step, removed, before, after in zip(
        [*steps["step"][1:], "measures"], [*steps["n_removed"][1:], 0], left, left[1:], strict=False
    ):
        contracts.accounted(f"count_funnel, {step}", before, removed + after)
    floors = {"min_conversations": min_conversations, "min_users": min_users}

    def few_between(stage, later):
        return small(stage.join(later, on="conversation_id", how="anti"), **floors)

    def hidden(part):
        return small(part, **floors) or (part.height > 0 and few_between(measures, part))

    stages = [measures]
    for keep in STUDY_FILTERS.values():
        stages.append(stages[-1].filter(keep))
    # From the last stage back: it matters most; one before it is published only if what was removed after it is no small number.
    published, after = {0}, None
    for number in range(len(stages) - 1, 0, -1):
        if number == len(stages) - 2 and after is None:
            continue  # short roleplay goes with what it was removed from
        told = after is not None and few_between(stages[number], after)
        if not hidden(stages[number]) and not told:
            published.add(number)
            after = stages[number]
    rows = []
    for number, step in enumerate(STUDY_FILTERS, 1):
        n_left = stages[number].height if number in published else None
        removed = stages[number - 1].height - stages[number].height if {number - 1, number} <= published else None
        rows.append((step, "conversation", removed, n_left))
    if few_between(measures, stages[min(published - {0}, default=0)]):
        rows = [(step, unit, None, None) for step, unit, *_ in rows]
    return pl.concat([steps, pl.DataFrame(rows, schema=steps.schema, orient="row")])


def main():
    tables = []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.measures, strict=True):
        shards = [pl.read_csv(funnel) for funnel in snakemake.input.funnels if Path(funnel).parts[-3] == dataset]
        tables.append(
            count_funnel(pl.concat(shards), pl.read_parquet(path), **snakemake.params.floors).select(
                pl.lit(dataset).alias("dataset"), pl.all()
            )
        )
    pl.concat(tables).write_csv(snakemake.output.funnel)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
