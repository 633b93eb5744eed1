"""Which conversations are measured further: every affective one, and a random sample of the others to compare them with."""

from pathlib import Path

import polars as pl


def compared(*, others: int, seed: int) -> pl.Expr:
    """bool, of a shard's rows with `conversation_id` and `affective`: affective, or among the `others` drawn from those that are not.

    Drawn by a hash of the id, so that the same conversations are drawn whatever else changes.
    """
    lot = pl.col("conversation_id").hash(seed).rank("ordinal").over("affective")
    return pl.col("affective") | (lot <= others)


def read_compared(selected: str | Path, affect: str | Path) -> pl.DataFrame:
    """The conversations of a shard (contracts.Selected) that its contracts.Affect says are compared, in their order."""
    wanted = pl.read_parquet(affect).filter("compared")["conversation_id"]
    # A filter, not a join: the reader then decodes the texts of these rows alone.
    return pl.scan_parquet(selected).filter(pl.col("conversation_id").is_in(wanted.implode())).collect()
