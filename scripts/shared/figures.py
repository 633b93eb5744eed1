"""One look for all figures: intervals drawn, values named where they stand, n in the axis, colours that colour-blind readers can tell apart."""

import textwrap
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import polars as pl
import seaborn as sns
import yaml
from matplotlib.ticker import FuncFormatter

from shared.words import percent, short_title

OURS, STUDY, MUTED = "#0072B2", "#D55E00", "#7a7a7a"  # Okabe & Ito's blue and vermilion, and a grey

NARROW, LABEL = (
    4.4,
    20,
)  # inches and letters: on a phone a figure so narrow, with labels so narrow, is read without scrolling
CLEAR = {
    "boxstyle": "square,pad=0.1",
    "facecolor": "white",
    "edgecolor": "none",
}  # behind words that a line would strike through

TITLES = {
    "affective": "All affective",
    "not affective": "Not affective",
    "content creation": "Content creation",
    "interpersonal": "Interpersonal advice",
    "coaching": "Coaching",
    "counselling": "Counselling",
    "companionship": "Companionship",
    "roleplay": "Roleplay",
    "romantic": "Romantic or sexual roleplay",
    "companionship or roleplay": "Companionship or roleplay",
}


@contextmanager
def figure(path: str | Path, *, width: float = 6.2, height: float = 3.6, panels: int = 1):
    """A figure with one pair of axes, or a row of several with the same rows, saved as SVG on leaving; the same data give the same bytes."""
    sns.set_theme(
        style="whitegrid",
        rc={
            "svg.hashsalt": "figure",
            "font.size": 10,
            "axes.edgecolor": "#bbbbbb",
            "grid.color": "#e6e6e6",
            "axes.titlesize": 11,
        },
    )
    fig, axes = plt.subplots(ncols=panels, figsize=(width, height), layout="constrained", sharey=panels > 1)
    try:
        yield axes
        sns.despine(fig=fig, left=True, bottom=True)
        fig.savefig(path, format="svg", metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    finally:
        plt.close(fig)


def percent_axis(axis) -> None:
    """Tick labels of a share, in per cent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))


def row_label(title: str, n, kind: str = "n =") -> str:
    """Tick label with the number of conversations, or with the reason why there is none; `kind` says what is counted."""
    return f"{title}\n({kind} {int(n):,})" if n is not None else f"{title}\n(under the floor)"


def interval_row(axes, y: float, *, estimate, low, high, label: str = "", color: str = OURS) -> None:
    """One estimate with its interval; the label stands above the mark, and an absent estimate says so."""
    if estimate is None or low is None:
        words = "too few to say"
        axes.annotate(
            words,
            (0, y),
            textcoords="offset points",
            xytext=(7, 0),
            va="center",
            color=MUTED,
            style="italic",
            fontsize=9,
            bbox=CLEAR,
        )
        return
    axes.plot([low, high], [y, y], color=color, linewidth=2, solid_capstyle="butt")
    axes.plot([estimate], [y], "o", color=color, markersize=6)
    axes.annotate(
        label, (estimate, y), textcoords="offset points", xytext=(-4, 7), ha="left", fontsize=9, color=color, bbox=CLEAR
    )


def value_beside(axes, y: float, value: float | None, *, color: str) -> None:
    """A change at the right edge of its row, where no line crosses it."""
    if value is not None:
        where = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(1.02, y, f"{value:+z.2f}", color=color, fontsize=9, **where)


def share_rows(axes, rows: list[dict], *, several: bool, kind: str = "n =") -> None:
    """One row per group: corrected share with interval and its words, the naive share as a grey bar, the number of `kind` beside the title."""
    for y, row in enumerate(rows):
        words, bounds = percent(row["estimate"]), {"low": row["ci_low"], "high": row["ci_high"]}
        interval_row(axes, y, estimate=row["estimate"], **bounds, label=words)
        if row["share_naive"] is not None:
            axes.plot([row["share_naive"]], [y], "|", color=MUTED, markersize=11, markeredgewidth=2)
    titles = [textwrap.fill(row_title(row, several), LABEL) for row in rows]
    labels = [row_label(title, row["n_conversations"], kind) for title, row in zip(titles, rows, strict=True)]
    finish_rows(axes, labels)
    axes.tick_params(axis="y", labelsize=9)


def finish_rows(axes, labels: list[str]) -> None:
    """Rows from top to bottom, with their labels."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.7)
    axes.grid(axis="y", visible=False)


def nothing_to_show(axes, sentence: str) -> None:
    """A figure, or a panel of one, that says why it is empty; a figure takes no more room for it than it needs."""
    if len(axes.figure.axes) == 1:
        axes.figure.set_figheight(0.7)
    axes.text(0.5, 0.5, sentence, ha="center", va="center", color=MUTED, style="italic", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def read_table(path: str, titles: dict[str, str]) -> pl.DataFrame:
    """A table of results with the short title of each data set in the place of its key."""
    names = {dataset: short_title(title) for dataset, title in titles.items()}
    table = pl.read_csv(path, infer_schema_length=None)
    hidden = [column.name for column in table if column.null_count() == table.height > 0]  # nothing says what they hold
    return table.with_columns(pl.col(hidden).cast(pl.Float64), pl.col("dataset").replace(names))


def datasets_of(table) -> list[str]:
    """Data sets in their order in the table; with several, each row is labelled with its own."""
    return table["dataset"].unique(maintain_order=True).to_list()


def published_of(path: str, table: str) -> dict[str, tuple[float, str]]:
    """{group: (number that the study published, its words)} for a table, from the rules of the claims (config/claims.yaml)."""
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["claims"]
    return {
        claim["value"]["where"]["group"]: (claim["published_value"], claim["published"].split(" (")[0])
        for claim in claims
        if claim.get("value", {}).get("table") == table and claim.get("published_value") is not None
    }


def in_figure(row: dict) -> bool:
    """Whether the figure of prevalence draws this row: types of affective conversation as shares of all, weighted by conversation."""
    return (row["share_of"], row["weighting"]) == ("all", "conversation") and row["group"] != "content creation"


def row_title(row: dict, several: bool) -> str:
    """Title of a row's group, with its data set where there are several."""
    title = TITLES.get(row["group"], row["group"])
    return f"{title}, {row['dataset']}" if several else title
