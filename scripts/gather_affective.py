"""Gather what people wrote in the conversations that the study counts: once, for everything that looks into them alone."""

from typing import TYPE_CHECKING

import polars as pl

from shared import contracts
from shared.features import MESSAGE_CHARACTERS
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def gather_affective(selected: pl.LazyFrame, affect: pl.LazyFrame) -> pl.DataFrame:
    """A table under contracts.GATHERED, in the order of `selected`.

    Args:
        selected: contracts.SELECTED of a shard.
        affect: contracts.AFFECT of the same shard.
    """
    included = affect.filter("included").select("conversation_id", "categories")
    human = pl.col("messages").list.filter(pl.element().struct.field("role") == "human")
    cut = human.list.eval(
        pl.struct(
            role=pl.element().struct.field("role"), text=pl.element().struct.field("text").str.head(MESSAGE_CHARACTERS)
        )
    )
    return (
        selected.join(included, on="conversation_id", maintain_order="left")
        .select(
            "conversation_id",
            "categories",
            "n_human",
            cluster=pl.coalesce("user_id", "conversation_id"),
            messages=cut,
        )
        .select(list(contracts.GATHERED.columns))
        .collect(engine="streaming")
    )


def main():
    shards = zip(snakemake.input.selected, snakemake.input.affect, strict=True)
    gathered = pl.concat([gather_affective(*map(pl.scan_parquet, paths)) for paths in shards])
    contracts.GATHERED.validate(gathered).write_parquet(snakemake.output.gathered)
    print(f"{gathered.height} conversations, {gathered['n_human'].sum()} human messages")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
