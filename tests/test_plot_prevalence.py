"""The figure of prevalence: the rows of the table in its order, and words that stand beside what they name."""

import html
import re
import textwrap
from pathlib import Path

import polars as pl
import pytest
from plot_prevalence import plot_prevalence
from write_report import Tables, alternative_texts

from shared.figures import LABEL, TITLES, published_of, read_table
from shared.words import percent

PUBLISHED = published_of(Path(__file__).parents[1] / "config" / "claims.yaml", "prevalence")
FIRST_LINES = {textwrap.wrap(title, LABEL)[0]: title for title in TITLES.values()}

GROUPS = ["content creation", "affective", "interpersonal", "coaching", "romantic", "companionship or roleplay"]
KEYS = ["dataset", "group", "share_of", "weighting"]
NUMBERS = ["n_conversations", "share_naive", "estimate", "ci_low", "ci_high"]


def table(*, estimate=0.4, dataset="own"):
    rows = [(dataset, group, "all", weighting) for group in GROUPS for weighting in ("conversation", "user")]
    rows.append((dataset, "coaching", "affective", "conversation"))
    numbers = (200, estimate, estimate, 0.5 * estimate, 1.5 * estimate)
    return pl.DataFrame([(*row, *numbers) for row in rows], schema=KEYS + NUMBERS, orient="row")


@pytest.fixture
def svg(tmp_path):
    """A function that draws a table and gives the figure's source."""

    def draw(rows):
        plot_prevalence(rows, tmp_path / "figure.svg", published=PUBLISHED)
        return (tmp_path / "figure.svg").read_text(encoding="utf-8")

    return draw


def words(drawn):
    """(text, its left edge in points) of every text of a figure, from the first row to the last."""
    found = re.findall(r'<!-- ([^>]*?) -->\s*<g[^>]*?transform="translate\(([\d.-]+)', drawn)
    return [(html.unescape(text), float(left)) for text, left in found]


def test_rows_are_those_of_the_table_in_its_order_each_once(svg):
    rows = table()
    backwards = rows.reverse()
    titles = [TITLES[group] for group in GROUPS[1:]]
    assert [FIRST_LINES[text] for text, _ in words(svg(rows)) if text in FIRST_LINES] == titles
    assert [FIRST_LINES[text] for text, _ in words(svg(backwards)) if text in FIRST_LINES] == titles[::-1]


def test_what_is_read_out_is_what_is_drawn(svg, tmp_path):
    names = ["classifier_calibration", "coverage", "sentiment_controls", "sentiment_path", "specification_curve"]
    paths = [tmp_path / f"{name}.csv" for name in [*names, "prevalence", "topics", "pushback", "sentiment"]]
    for path in paths:
        path.write_text("dataset\n", encoding="utf-8")
    table().write_csv(tmp_path / "prevalence.csv")
    said = alternative_texts(Tables([str(path) for path in paths]), [])["alt_prevalence"]
    drawn = [FIRST_LINES[text] for text, _ in words(svg(table())) if text in FIRST_LINES]
    assert re.findall(r"[.;] ([^:;]+):", said) == drawn


@pytest.mark.parametrize("estimate", [0.006, 0.04, 0.4])
def test_the_study_s_numbers_do_not_reach_over_the_labels_of_the_rows(svg, estimate):
    texts = words(svg(table(estimate=estimate)))
    zero = dict(texts)["0 %"]
    published = [left for text, left in texts if text.startswith("study:")]
    assert len(published) == len(PUBLISHED) and min(published) >= zero


def test_the_study_s_numbers_are_those_of_the_claims(svg):
    assert PUBLISHED == {
        "affective": (0.029, "2.9 %"),
        "companionship or roleplay": (0.005, "< 0.5 %"),
        "romantic": (0.001, "< 0.1 %"),
    }
    assert {text for text, _ in words(svg(table())) if "study" in text} == {
        f"study: {said}" for _, said in PUBLISHED.values()
    }


def test_the_number_found_is_not_taken_for_a_base_and_shares_read_as_in_the_report(svg):
    texts = [text for text, _ in words(svg(table(estimate=0.996)))]
    assert "(found 200)" in texts and not [text for text in texts if "n =" in text]
    assert percent(0.996) in texts


def test_the_axis_gives_its_lines_their_own_numbers(svg):
    texts = words(svg(table(estimate=0.009)))
    ticks = [float(text[:-2]) for text, _ in texts[: [text for text, _ in texts].index("Share of all conversations")]]
    assert ticks == pytest.approx([ticks[1] * number for number in range(len(ticks))])


def test_data_sets_are_called_by_their_short_titles(svg, tmp_path):
    pl.concat([table(dataset="own"), table(dataset="b")]).write_csv(tmp_path / "prevalence.csv")
    drawn = svg(read_table(tmp_path / "prevalence.csv", {"own": "Fox talk (2024)", "b": "Owls"}))
    assert "Coaching, Fox talk" in drawn and "Coaching, Owls" in drawn
    assert "2024" not in drawn
