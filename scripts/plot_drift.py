"""Flows between types of talk: from the first window of a conversation to its last."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared.figures import MUTED, OURS, TITLES, datasets_of, figure, nothing_to_show, read_table
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

GAP = 0.04  # between the states of one side, in shares of the conversations drawn
LEFT, RIGHT = 0.0, 1.0


def spans(sizes: dict[str, float]) -> dict[str, float]:
    """The upper edge of each state on one side, from the top down."""
    edges, top = {}, 0.0
    for name, size in sizes.items():
        edges[name] = top
        top += size + GAP
    return edges


def plot_drift(drift: pl.DataFrame, path: str) -> None:
    """Draw the published moves between single states as bands whose width is their number of conversations; one panel for each data set."""
    names = datasets_of(drift)
    moves = drift.filter(
        pl.col("n_conversations") > 0, pl.col("from_group").is_in([*TITLES]), pl.col("to_group").is_in([*TITLES])
    )
    with figure(path, width=max(7.2, 5.0 * len(names)), height=4.2, panels=len(names)) as panels:
        for axes, dataset in zip(np.atleast_1d(panels), names, strict=True):
            rows = moves.filter(dataset=dataset).to_dicts()
            axes.grid(visible=False)
            if not rows:
                nothing_to_show(
                    axes, f"{dataset}: too few conversations are long enough\nto begin one way and end another"
                )
                continue
            total = sum(row["n_conversations"] for row in rows)
            order = [name for name in TITLES if any(name in (row["from_group"], row["to_group"]) for row in rows)]
            sides = {}
            for side in ("from_group", "to_group"):
                sizes = {
                    name: sum(row["n_conversations"] for row in rows if row[side] == name) / total for name in order
                }
                sides[side] = spans({name: size for name, size in sizes.items() if size})
            x = np.linspace(LEFT, RIGHT, 60)
            bend = 3 * x**2 - 2 * x**3
            used = {side: dict(edges) for side, edges in sides.items()}
            for row in sorted(rows, key=lambda row: (order.index(row["from_group"]), order.index(row["to_group"]))):
                size = row["n_conversations"] / total
                start, end = (used[side][row[side]] for side in ("from_group", "to_group"))
                top = start + (end - start) * bend
                stays = row["from_group"] == row["to_group"]
                axes.fill_between(x, top, top + size, color=MUTED if stays else OURS, alpha=0.45, linewidth=0)
                for side in used:
                    used[side][row[side]] += size
                if not stays:
                    # Where bands begin they do not cross.
                    axes.text(LEFT + 0.02, start + size / 2, f"{row['n_conversations']:,}", va="center", fontsize=7.5)
            for side, edge, alignment in (("from_group", LEFT, "right"), ("to_group", RIGHT, "left")):
                for name, top in sides[side].items():
                    middle = (top + used[side][name]) / 2
                    axes.text(
                        edge + (0.02 if edge else -0.02), middle, TITLES[name], ha=alignment, va="center", fontsize=9
                    )
            axes.set_xlim(-0.55, 1.55)
            axes.set_ylim(1 + GAP * len(order), -0.06)
            axes.set_xticks([LEFT, RIGHT], ["first window", "last window"])
            axes.set_yticks([])
            if len(names) > 1:
                axes.set_title(dataset)


def main():
    plot_drift(read_table(snakemake.input.drift, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
