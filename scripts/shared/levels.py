"""The study's five levels of sentiment, and sentiment at the ends of a conversation."""

import numpy as np
import polars as pl

LEVELS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # on the study's scale


def levels(score: np.ndarray, cut_points: list[float]) -> np.ndarray:
    """The study's five levels of scores of any shape; a score equal to a cut point belongs to the level nearer zero, nan stays nan."""
    low, high = np.array(cut_points[:2]), np.array(cut_points[2:])
    at = (score[..., None] >= low).sum(axis=-1) + (score[..., None] > high).sum(axis=-1)
    return np.where(np.isnan(score), np.nan, LEVELS[at])


def at_ends(sentiment: pl.DataFrame, columns: list[str], *, window: int) -> pl.DataFrame:
    """Mean of each column over the first and the last `window` human messages of each conversation: {column}_start, {column}_end.

    Messages that are not scorable hold their place in the window and are left out of its mean. A window without a scorable one is neutral: nothing
    is expressed in it; were it left out, the numbers of conversations would tell of the few in which there is nothing to score.
    """
    ordered = sentiment.sort("conversation_id", "turn")
    return ordered.group_by("conversation_id", maintain_order=True).agg(
        pl.col(columns).head(window).mean().fill_null(0).name.suffix("_start"),
        pl.col(columns).tail(window).mean().fill_null(0).name.suffix("_end"),
    )
