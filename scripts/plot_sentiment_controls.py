"""Figures: the change of sentiment under each control, affective beside non-affective conversations; and its path message by message."""

from typing import TYPE_CHECKING

import polars as pl

from shared.figures import (
    MUTED,
    OURS,
    TITLES,
    datasets_of,
    figure,
    finish_rows,
    interval_row,
    nothing_to_show,
    read_table,
    value_beside,
)
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SHOWN = {"affective": OURS, "not affective": MUTED}
CONTROLS = {
    "declared": "As declared",
    "matched": "Beyond conversations alike\nin length and opening",
    "permuted": "Messages in any order",
    "without the first message": "Without the first message",
    "without courtesy": "Without courtesy",
    "nothing masked": "Nothing masked",
    "linear score": "Linear score",
    "by opening": "Opening {}",
    "by opening, later baseline": "Opening {}, later baseline",
    "by length": "{} messages",
}


def plot_sentiment_controls(controls: pl.DataFrame, path: str) -> None:
    """Draw the mean change under each control, with interval; those of affective conversations in the left panel, the others' in the right."""
    several = len(datasets_of(controls)) > 1
    rows = controls.filter(pl.col("group").is_in(list(SHOWN)))
    keys = list(rows.select("dataset", "control", "part").unique(maintain_order=True).iter_rows())
    found = {(row["dataset"], row["control"], row["part"], row["group"]): row for row in rows.iter_rows(named=True)}
    shown = rows.drop_nulls(["estimate", "ci_low"])
    low, high = (min(0, shown["ci_low"].min()), max(0, shown["ci_high"].max())) if shown.height else (0, 0)
    margin = 0.1 * (high - low) + 0.01
    with figure(path, width=7.2, height=0.9 + 0.36 * len(keys), panels=2) as panels:
        for axes, (group, color) in zip(panels, SHOWN.items(), strict=True):
            axes.set_title(TITLES[group])
            axes.axvline(0, color="#999999", linewidth=1)
            for y, key in enumerate(keys):
                row = found.get((*key, group))
                if row is None:
                    axes.text(0, y, "  reference", va="center", color=MUTED, style="italic", fontsize=9)
                    continue
                interval_row(axes, y, estimate=row["estimate"], low=row["ci_low"], high=row["ci_high"], color=color)
                value_beside(axes, y, row["estimate"], color=color)
            axes.set_xlim(low - margin, high + margin)
            axes.set_xlabel("Mean change (-1 to +1)")
            finish_rows(axes, [_title(key, several) for key in keys])


def _title(key, several):
    dataset, control, part = key
    return f"{CONTROLS[control].format(part)}{f', {dataset}' if several else ''}"


def plot_path(path_table: pl.DataFrame, path: str) -> None:
    """Draw the mean level of each message, counted from the start to the left and from the end to the right."""
    shown = path_table.filter(pl.col("group").is_in(list(SHOWN))).drop_nulls(["estimate", "ci_low"])
    several = len(datasets_of(path_table)) > 1
    with figure(path, height=3.2) as axes:
        if not shown.height:
            nothing_to_show(axes, "Too few conversations")
            return
        last = shown.filter(counted_from="start")["message"].max() or 0
        before = shown.filter(counted_from="end")["message"].max() or 0
        axes.axhline(0, color="#999999", linewidth=1)
        styles = dict(zip(datasets_of(path_table), ["-", "--", ":", "-."] * 9, strict=False))
        for (dataset, group, side), own in shown.group_by("dataset", "group", "counted_from", maintain_order=True):
            own = own.sort("message", descending=side == "end")
            number = own["message"].to_numpy()
            x = number if side == "start" else last + 2 + before - number
            axes.fill_between(x, own["ci_low"].to_numpy(), own["ci_high"].to_numpy(), color=SHOWN[group], alpha=0.15)
            name = f"{TITLES[group]}{f', {dataset}' if several else ''}" if side == "start" else None
            axes.plot(
                x, own["estimate"].to_numpy(), styles[dataset], color=SHOWN[group], marker="o", markersize=4, label=name
            )
        ticks = [*range(1, last + 1), *range(last + 2, last + 2 + before)]
        axes.set_xticks(ticks, [*map(str, range(1, last + 1)), *(f"-{number}" for number in range(before, 0, -1))])
        axes.set_xlabel("Human message, from the start and before the end")
        axes.set_ylabel("Mean level (-1 to +1)")
        axes.legend(frameon=False, fontsize=9)


def main():
    plot_sentiment_controls(read_table(snakemake.input.controls, snakemake.params.titles), snakemake.output.controls)
    plot_path(read_table(snakemake.input.path, snakemake.params.titles), snakemake.output.path)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
