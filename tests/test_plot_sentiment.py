"""Figures of sentiment: what they show, and that they say why they are empty."""

import polars as pl
import pytest
from plot_sentiment import plot_sentiment
from plot_sentiment_controls import plot_path, plot_sentiment_controls
from plot_specifications import plot_specifications

EMPTY = {"dataset": "own", "estimate": None, "ci_low": None, "ci_high": None, "n_conversations": None}
FULL = {"dataset": "own", "estimate": 0.1, "ci_low": -0.1, "ci_high": 0.3, "n_conversations": 40}
CHOICE = {
    "instrument": "vader",
    "text": "masked",
    "scale": "level",
    "min_human_messages": 6,
    "window": 3,
    "declared": True,
}
SHARES = dict.fromkeys(["share_improved", "share_same", "share_worsened"])
MESSAGE = {"group": "affective", "counted_from": "start", "message": 1}
NUMBERS = dict.fromkeys(["estimate", "ci_low", "ci_high", *SHARES], pl.Float64)


def table(*rows):
    return pl.DataFrame(rows, schema_overrides={name: kind for name, kind in NUMBERS.items() if name in rows[0]})


def drawn(plot, rows, folder):
    plot(rows, folder / "figure.svg")
    return (folder / "figure.svg").read_text(encoding="utf-8")


def test_controls_that_say_nothing_at_all_are_drawn_as_too_few(tmp_path):
    row = {"control": "declared", "part": "all", "group": "affective"} | EMPTY
    pl.DataFrame([row]).write_csv(tmp_path / "controls.csv")
    controls = pl.read_csv(tmp_path / "controls.csv", infer_schema_length=None)
    assert controls.schema["ci_low"] == pl.String  # as a column without a value comes back
    assert "too few to say" in drawn(plot_sentiment_controls, controls, tmp_path)


@pytest.mark.parametrize(
    ("plot", "row", "words"),
    [
        (plot_sentiment, {"group": "affective"} | SHARES, "Too few conversations of every type"),
        (plot_path, MESSAGE, "Too few conversations"),
        (plot_specifications, CHOICE, "Too few affective conversations"),
    ],
)
def test_a_figure_of_suppressed_rows_says_so(plot, row, words, tmp_path):
    assert words in drawn(plot, table(EMPTY | row), tmp_path)


def test_every_control_has_a_row_for_both_groups(tmp_path):
    rows = [
        FULL | {"control": control, "part": part, "group": group}
        for control, part in (("declared", "all"), ("by opening", "negative"))
        for group in ("affective", "not affective")
    ]
    assert {"As declared", "Opening negative"} <= set(_words(drawn(plot_sentiment_controls, table(*rows), tmp_path)))


def test_the_curve_names_each_choice(tmp_path):
    rows = [FULL | CHOICE, FULL | CHOICE | {"instrument": "linear", "declared": False, "estimate": 0.2}]
    words = _words(drawn(plot_specifications, table(*rows), tmp_path))
    assert {"VADER", "Linear score", "Own words", "Five levels", "6 messages or more", "3 at each end"} <= set(words)
    assert any("Mean change" in each for each in words)


def test_choices_of_which_nothing_is_shown_have_no_row_in_the_curve(tmp_path):
    hidden = EMPTY | CHOICE | {"min_human_messages": 10, "declared": False}
    words = _words(drawn(plot_specifications, table(FULL | CHOICE, hidden), tmp_path))
    assert "6 messages or more" in words and "10 messages or more" not in words


@pytest.mark.parametrize(
    ("plot", "row"),
    [
        (plot_sentiment, SHARES),
        (plot_sentiment_controls, {"control": "declared", "part": "all"}),
    ],
)
def test_no_change_is_drawn_without_a_minus(plot, row, tmp_path):
    words = _words(drawn(plot, table(FULL | {"group": "affective", "estimate": -0.001} | row), tmp_path))
    assert "+0.00" in words and "-0.00" not in words


def test_conversations_that_worsen_stay_and_improve_are_named_in_their_bars(tmp_path):
    shares = {"share_improved": 0.4, "share_same": 0.3, "share_worsened": 0.3}
    assert {"worse", "same", "better"} <= set(
        _words(drawn(plot_sentiment, table(FULL | {"group": "affective"} | shares), tmp_path))
    )


def _words(svg):
    """What stands in the figure, which Matplotlib notes in comments beside the glyphs."""
    return [
        line.removeprefix("<!-- ").removesuffix(" -->").strip()
        for line in map(str.strip, svg.splitlines())
        if line.startswith("<!-- ")
    ]
