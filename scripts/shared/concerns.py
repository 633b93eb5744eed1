"""The matcher of concerns: whole phrases in the words of a text."""

from typing import Any

import polars as pl

from shared.features import in_words, sieve


def concerns_in(text: pl.Expr, concerns: dict[str, dict[str, Any]]) -> pl.Expr:
    """list[str]: the names of the concerns of which a text holds a phrase, in their order in `concerns`."""
    names = [
        pl.when(sieve(text, in_words(concern["phrases"]))).then(pl.lit(name)) for name, concern in concerns.items()
    ]
    return pl.concat_list(names).list.drop_nulls()
