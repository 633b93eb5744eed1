"""Gather what people wrote in the conversations that the study counts: once, for everything that looks into them alone."""

from typing import TYPE_CHECKING

import polars as pl

from shared import contracts
from shared.features import MESSAGE_CHARACTERS
from shared.job import logged
from shared.persons import author

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def gather_affective(selected: pl.LazyFrame, affect: pl.DataFrame) -> pl.DataFrame:
    """A table under contracts.Gathered, in the order of `selected`.

    Args:
        selected: contracts.Selected of a shard.
        affect: contracts.Affect of the same shard.
    """
    included = affect.filter("included").select("conversation_id", "categories")
    # A filter before the join: the reader then decodes the texts of these rows alone.
    mine = selected.filter(pl.col("conversation_id").is_in(included["conversation_id"].implode()))
    human = pl.col("messages").list.filter(pl.element().struct.field("role") == "human")
    cut = human.list.eval(
        pl.struct(
            role=pl.element().struct.field("role"),
            # Put together anew: as a slice it would keep the texts of the whole shard in memory.
            text=pl.element().struct.field("text").str.head(MESSAGE_CHARACTERS) + "",
        )
    )
    return (
        mine.join(included.lazy(), on="conversation_id", maintain_order="left")
        .select(
            "conversation_id",
            "categories",
            "n_human",
            author=author(),
            messages=cut,
        )
        .select(contracts.Gathered.column_names())
        .collect()
    )


def main():
    shards = zip(snakemake.input.selected, snakemake.input.affect, strict=True)
    gathered = pl.concat(
        [gather_affective(pl.scan_parquet(selected), pl.read_parquet(affect)) for selected, affect in shards]
    )
    contracts.Gathered.checked(gathered).write_parquet(snakemake.output.gathered)
    print(f"{gathered.height} conversations, {gathered['n_human'].sum()} human messages")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
