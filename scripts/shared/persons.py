"""User keys and the day on which a source's keys cease to be stable."""

import polars as pl


def past_break(until: str | None) -> pl.Expr:
    """bool: the conversation lies after the last day (UTC, as 2024-09-30) of stable user keys, or has no time to tell; never where `until` is None."""
    if until is None:
        return pl.lit(False)
    return (pl.col("started_at").dt.date() > pl.lit(until).str.to_date()).fill_null(True)
