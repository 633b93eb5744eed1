"""Figure: the specification curve. Every combination of choices, sorted by its estimate, and beneath it which choices it is made of."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.ticker import MaxNLocator

from shared.figures import MUTED, OURS, STUDY, datasets_of, figure, nothing_to_show, read_table
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

CHOICES = {
    "instrument": {"vader": "VADER", "linear": "Linear score"},
    "text": {"masked": "Own words", "without courtesy": "Own words, no courtesy", "unmasked": "All words"},
    "scale": {"level": "Five levels", "score": "The score itself"},
    "min_human_messages": "{} messages or more",
    "window": "{} at each end",
}


HEIGHT = 14  # rows that the curve takes, above one row for each choice


def plot_specifications(curve: pl.DataFrame, path: str) -> None:
    """Draw the curve of each data set: estimates with intervals above, the choices of each below; the declared one in vermilion."""
    datasets, shown = datasets_of(curve), curve.drop_nulls(["estimate", "ci_low"])
    named = [(name, value) for name in CHOICES for value in shown[name].unique().sort()]
    with figure(path, width=7.2, height=0.7 + 0.19 * (HEIGHT + len(named)), panels=len(datasets)) as panels:
        for axes, dataset in zip(np.atleast_1d(panels), datasets, strict=True):
            own = shown.filter(dataset=dataset).sort("estimate", maintain_order=True)
            if len(datasets) > 1:
                axes.set_title(dataset)
            if not own.height:
                nothing_to_show(axes, "Too few affective conversations")
                continue
            _draw(axes, own, named, low=min(shown["ci_low"].min(), 0), high=max(shown["ci_high"].max(), 0))


def _draw(axes, own, named, *, low, high):
    """One curve. Estimates from low to high stand in the rows -HEIGHT to -1, the choices in the rows from 0."""

    def row(estimate):
        return -1 - (HEIGHT - 1) * (np.asarray(estimate, float) - low) / max(high - low, 1e-9)

    place, declared = np.arange(own.height), own["declared"].to_numpy().astype(bool)
    axes.axhline(row(0), color="#999999", linewidth=1)
    axes.vlines(place, row(own["ci_low"]), row(own["ci_high"]), color=OURS, alpha=0.3, linewidth=1.5)
    axes.scatter(place, row(own["estimate"]), s=9, color=OURS, zorder=3)
    axes.scatter(place[declared], row(own["estimate"])[declared], s=30, marker="D", color=STUDY, zorder=4)
    for y, (name, value) in enumerate(named):
        chosen = (own[name] == value).to_numpy()
        axes.scatter(place[chosen], np.full(chosen.sum(), y), s=12, marker="|", color=MUTED)
        axes.scatter(place[chosen & declared], np.full((chosen & declared).sum(), y), s=16, marker="D", color=STUDY)
    ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
    labels = [f"{tick:+z.2f}" for tick in ticks] + [_words(name, value) for name, value in named]
    axes.set_yticks([*row(ticks), *range(len(named))], labels, fontsize=8.5)
    axes.set_ylim(len(named) - 0.5, -HEIGHT - 0.5)
    axes.set_xticks([])
    axes.set_xlabel("Specifications, by their mean change", fontsize=9)
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel("Mean change (-1 to +1)", y=1 - HEIGHT / 2 / (HEIGHT + len(named)), fontsize=9)
    axes.grid(visible=False)


def _words(name, value):
    words = CHOICES[name]
    return words[value] if isinstance(words, dict) else words.format(value)


def main():
    plot_specifications(read_table(snakemake.input.curve, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
