"""The verdicts on all claims at a glance: what the study says, what is found here, and what follows."""

import math
from typing import TYPE_CHECKING

import polars as pl

from shared.figures import MUTED, STUDY, datasets_of, figure, nothing_to_show, read_table
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# A verdict is told by mark, colour and word; the colours are apart for every kind of colour vision and dark enough to be read as words.
VERDICTS = {
    "supported": ("o", "#0063a0"),
    "direction only": ("^", "#00735c"),
    "inconclusive": ("s", "#5f5f5f"),
    "not supported": ("X", "#98005a"),
    "not testable here": ("_", "#6b6b6b"),
}
# Of a share: on a logarithm from 0.01 % to all; of a change of sentiment: one level of the scale to each side.
SCALES = {
    "share": (
        lambda value: 1 + math.log10(max(value, 1e-4)) / 4,
        [1e-4, 1e-3, 1e-2, 1e-1, 1],
        lambda value: f"{100 * value:g} %",
    ),
    "change": (lambda value: value + 0.5, [-0.5, -0.25, 0, 0.25, 0.5], lambda value: f"{value:+g}" if value else "0"),
}
WIDTH, LINE = 4.6, 0.165  # inches: the page of a phone shows the figure at its own size
STRIP = 0.6  # of the width; the numbers stand beside it
RIGHT, LINES_ABOVE = 1.0, 2.6


def place_on_strip(unit: str, value: float) -> float:
    """Where a value of a unit lies on the strip, from 0 to STRIP; what is beyond the scale lies at its end."""
    return STRIP * min(max(SCALES[unit][0](value), 0), 1)


def _numbers(row):
    """Estimate and interval as they are read beside the strip."""
    if row["unit"] == "change":
        return f"{row['estimate']:+.2f} ({row['ci_low']:+.2f} to {row['ci_high']:+.2f})"
    return f"{100 * row['estimate']:.2g} % ({100 * row['ci_low']:.2g} to {100 * row['ci_high']:.2g})"


def _strip(axes, y: float, row: dict) -> None:
    """The claimed region, the study's number, and the estimate with its interval on the scale of the claim's unit."""
    unit, (mark, color) = row["unit"], VERDICTS[row["verdict"]]
    edges = [
        STRIP * end if bound is None else place_on_strip(unit, bound)
        for end, bound in enumerate((row["region_low"], row["region_high"]))
    ]
    axes.plot([0, STRIP], [y, y], color="#d0d0d0", linewidth=0.8, zorder=1)
    axes.plot(
        [place_on_strip(unit, value) for value in SCALES[unit][1]],
        [y] * 5,
        "|",
        color="#b0b0b0",
        markersize=6,
        zorder=1,
    )
    axes.fill_between(edges, y - 0.34, y + 0.34, color=STUDY, alpha=0.16, linewidth=0, zorder=0)
    if row["published_value"] is not None:
        axes.plot([place_on_strip(unit, row["published_value"])], [y], "D", color=STUDY, markersize=4.5, zorder=2)
    axes.plot(
        [place_on_strip(unit, row["ci_low"]), place_on_strip(unit, row["ci_high"])],
        [y, y],
        color=color,
        linewidth=2.2,
        zorder=3,
    )
    axes.plot([place_on_strip(unit, row["estimate"])], [y], mark, color=color, markersize=6, zorder=4)
    axes.text(RIGHT, y, _numbers(row), ha="right", va="center", fontsize=7.5, color="#333333")


def _verdict(axes, y, row):
    mark, color = VERDICTS[row["verdict"]]
    axes.text(STRIP + 0.15, y, row["verdict"], va="center", fontsize=9, color=color)
    axes.plot([STRIP + 0.11], [y], mark, color=color, markersize=6)


def _scale(axes, y, unit):
    for value in SCALES[unit][1]:
        axes.text(
            place_on_strip(unit, value), y, SCALES[unit][2](value), ha="center", va="center", fontsize=7, color=MUTED
        )


def plot_claims(claims: pl.DataFrame, path: str) -> None:
    """Draw every claim (judge_claims) in the study's order: one line with its verdict, and where it was judged a strip with the interval."""
    rows, several = list(claims.iter_rows(named=True)), len(datasets_of(claims)) > 1
    by_claim = {}
    for row in rows:
        by_claim.setdefault((row["section"], row["id"]), []).append(row)
    judged = {key: [row for row in found if row["verdict"] != "not testable here"] for key, found in by_claim.items()}
    scales = {(section, row["unit"]) for (section, _), shown in judged.items() for row in shown}
    n_lines = LINES_ABOVE + 1.9 * len({row["section"] for row in rows}) + 0.85 * len(scales) + len(by_claim)
    n_lines += sum(
        1.25 * len(shown) + (len(by_claim[key]) if several and shown else 0) for key, shown in judged.items()
    )
    with figure(path, width=WIDTH, height=LINE * n_lines) as axes:
        if not rows:
            nothing_to_show(axes, "No claims")
            return
        axes.set_axis_off()
        axes.set_xlim(-0.03, RIGHT + 0.01)
        axes.set_ylim(n_lines, 0)
        axes.plot([0.015], [0.6], "D", color=STUDY, markersize=4.5)
        axes.text(0.045, 0.6, "the study's number", va="center", fontsize=8)
        axes.fill_between([0.40, 0.46], 0.3, 0.9, color=STUDY, alpha=0.16, linewidth=0)
        axes.text(0.48, 0.6, "what it claims", va="center", fontsize=8)
        axes.plot([0.0, 0.03], [1.6, 1.6], color="#333333", linewidth=2.2)
        axes.text(0.045, 1.6, "our estimate with its interval, marked by the verdict", va="center", fontsize=8)
        y, section, unit = LINES_ABOVE, None, None
        for key, found in by_claim.items():
            if key[0] != section:
                section, unit = key[0], None
                y += 0.9
                axes.text(0, y, section, va="center", fontsize=9, fontweight="bold")
                y += 1
            shown = judged[key]
            if shown and shown[0]["unit"] != unit:
                unit = shown[0]["unit"]
                _scale(axes, y, unit)
                y += 0.85
            axes.text(0, y, found[0]["short"], va="center", fontsize=9, color="#222222")
            for row in found if shown else found[:1]:
                if several and shown:
                    y += 1
                    axes.text(0.03, y, row["dataset"], va="center", fontsize=8, color=MUTED)
                _verdict(axes, y, row)
                if row["verdict"] != "not testable here":
                    y += 1
                    _strip(axes, y, row)
                    y += 0.25
            y += 1


def main():
    plot_claims(read_table(snakemake.input.claims, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
