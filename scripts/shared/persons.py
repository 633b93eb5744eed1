"""User keys and the day on which a source's keys cease to be stable."""

import polars as pl

SEED = 20250626


def author() -> pl.Expr:
    """u64: whom privacy floors count: the user; the first prompt where none is known."""
    # The hash of a null is a number too.
    return pl.when(pl.col("user_id").is_null()).then("first_prompt").otherwise(pl.col("user_id").hash(SEED))


def past_break(until: str | None) -> pl.Expr:
    """bool: the conversation lies after the last day (UTC, as 2024-09-30) of stable user keys, or has no time to tell; never where `until` is None."""
    if until is None:
        return pl.lit(False)
    return (pl.col("started_at").dt.date() > pl.lit(until).str.to_date()).fill_null(True)
