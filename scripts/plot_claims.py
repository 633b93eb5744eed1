"""The verdicts on all claims at a glance: what the study says, what is found here, and what follows."""

import math
from typing import TYPE_CHECKING

import polars as pl

from shared.figures import MUTED, STUDY, datasets_of, figure, nothing_to_show, read_table
from shared.job import logged
from shared.words import found

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
MINUS = "\u2212"  # as in the report
# (place from 0 to 1, ticks, their words, name of the scale). On a logarithm an interval above 10 % would look shorter than its mark.
SCALES = {
    "share": (
        lambda value: 1 + math.log10(max(value, 1e-4)) / 4,
        [1e-4, 1e-3, 1e-2, 1e-1, 1],
        lambda value: f"{100 * value:g} %",
        "logarithmic",
    ),
    "large share": (lambda value: value, [0, 0.25, 0.5, 0.75, 1], lambda value: f"{100 * value:g} %", "linear"),
    "change": (
        lambda value: value + 0.5,
        [-0.5, -0.25, 0, 0.25, 0.5],
        lambda value: f"{value:+g}".replace("-", MINUS) if value else "0",
        "linear",
    ),
}
LARGE = 0.1
WIDTH, LINE = 4.3, 0.165  # inches: the page of a phone shows the figure nearly at its own size
STRIP = 0.53  # of the width; the numbers stand beside it
RIGHT, LINES_ABOVE = 1.0, 2.6


def place_on_strip(scale: str, value: float) -> float:
    """Where a value lies on the strip of a scale, from 0 to STRIP; what is beyond the scale lies at its end."""
    return STRIP * min(max(SCALES[scale][0](value), 0), 1)


def scale_of(judged: list[dict]) -> str:
    """The scale of a claim in all data sets: linear where an interval, or all that is claimed, reaches above 10 %."""
    if judged[0]["unit"] == "change":
        return "change"
    large = any(row["ci_high"] > LARGE or (row["region_low"] or 0) >= LARGE for row in judged)
    return "large share" if large else "share"


def _strip(axes, y: float, row: dict, scale: str) -> None:
    """The claimed region, the study's number, and the estimate with its interval on the claim's scale."""
    mark, color = VERDICTS[row["verdict"]]
    edges = [
        STRIP * end if bound is None else place_on_strip(scale, bound)
        for end, bound in enumerate((row["region_low"], row["region_high"]))
    ]
    axes.plot([0, STRIP], [y, y], color="#d0d0d0", linewidth=0.8, zorder=1)
    axes.plot(
        [place_on_strip(scale, value) for value in SCALES[scale][1]],
        [y] * 5,
        "|",
        color="#b0b0b0",
        markersize=6,
        zorder=1,
    )
    axes.fill_between(edges, y - 0.34, y + 0.34, color=STUDY, alpha=0.16, linewidth=0, zorder=0)
    if row["published_value"] is not None:
        axes.plot([place_on_strip(scale, row["published_value"])], [y], "D", color=STUDY, markersize=4.5, zorder=2)
    axes.plot(
        [place_on_strip(scale, row["ci_low"]), place_on_strip(scale, row["ci_high"])],
        [y, y],
        color=color,
        linewidth=2.2,
        zorder=3,
    )
    axes.plot([place_on_strip(scale, row["estimate"])], [y], mark, color=color, markersize=6, zorder=4)
    axes.text(RIGHT, y, found(row).replace("-", MINUS), ha="right", va="center", fontsize=8, color="#333333")


def _verdict(axes, y, row):
    mark, color = VERDICTS[row["verdict"]]
    axes.text(0.73, y, row["verdict"], va="center", fontsize=8.5, color=color)
    axes.plot([0.695], [y], mark, color=color, markersize=6)


def _scale(axes, y, scale):
    _, ticks, words, name = SCALES[scale]
    for value in ticks:
        axes.text(place_on_strip(scale, value), y, words(value), ha="center", va="center", fontsize=8, color=MUTED)
    axes.text(RIGHT, y, name, ha="right", va="center", fontsize=8, color=MUTED)


def plot_claims(claims: pl.DataFrame, path: str) -> None:
    """Draw every claim (judge_claims) in the study's order: one line with its verdict, and where it was judged a strip with the interval."""
    rows, several = list(claims.iter_rows(named=True)), len(datasets_of(claims)) > 1
    by_claim = {}
    for row in rows:
        by_claim.setdefault((row["section"], row["id"]), []).append(row)
    judged = {key: [row for row in of if row["verdict"] != "not testable here"] for key, of in by_claim.items()}
    # A scale stands above the first claim of a section that is drawn on it, and again where it changes.
    drawn = [(key[0], scale_of(shown), key) for key, shown in judged.items() if shown]
    scales = {
        key: scale
        for (*before, _), (section, scale, key) in zip([(None, None, None), *drawn], drawn, strict=False)
        if before != [section, scale]
    }
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
        axes.text(0.05, 0.6, "the study's number", va="center", fontsize=8)
        axes.fill_between([0.44, 0.50], 0.3, 0.9, color=STUDY, alpha=0.16, linewidth=0)
        axes.text(0.52, 0.6, "what it claims", va="center", fontsize=8)
        axes.plot([0.0, 0.03], [1.6, 1.6], color="#333333", linewidth=2.2)
        axes.text(0.05, 1.6, "our estimate with its interval, marked by the verdict", va="center", fontsize=8)
        y, section = LINES_ABOVE, None
        for key, of in by_claim.items():
            if key[0] != section:
                section = key[0]
                y += 0.9
                axes.text(0, y, section, va="center", fontsize=8.3, fontweight="bold")
                y += 1
            shown = judged[key]
            if key in scales:
                _scale(axes, y, scales[key])
                y += 0.85
            axes.text(0, y, of[0]["short"], va="center", fontsize=9, color="#222222")
            for row in of if shown else of[:1]:
                if several and shown:
                    y += 1
                    axes.text(0.03, y, row["dataset"], va="center", fontsize=8, color=MUTED)
                _verdict(axes, y, row)
                if row["verdict"] != "not testable here":
                    y += 1
                    _strip(axes, y, row, scale_of(shown))
                    y += 0.25
            y += 1


def main():
    plot_claims(read_table(snakemake.input.claims, snakemake.params.titles), snakemake.output.figure)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
