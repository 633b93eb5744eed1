"""The figure of verdicts: every claim has its line, whatever was found."""

import re

import polars as pl
import pytest
from judge_claims import FROM_BEST
from plot_claims import SCALES, STRIP, VERDICTS, place_on_strip, plot_claims, scale_of

from shared.contracts import CATEGORIES
from shared.words import found

SECTION = "How common?"


def claim(name, verdict="supported", *, unit="share", estimate=0.05, region=(None, 0.1), dataset="own", number=0.03):
    tested = verdict != "not testable here"
    interval = (estimate, 0.8 * estimate, 1.2 * estimate) if tested else (None, None, None)
    return {
        "dataset": dataset,
        "id": name,
        "section": SECTION,
        "short": f"Claim {name}",
        "published_value": number,
        "unit": unit,
        **dict(zip(("estimate", "ci_low", "ci_high"), interval, strict=True)),
        **dict(zip(("region_low", "region_high"), region if tested else (None, None), strict=True)),
        "verdict": verdict,
    }


def drawn(tmp_path, *rows):
    """(height in points, number of texts) of the figure of these claims."""
    path = tmp_path / "claims.svg"
    plot_claims(pl.DataFrame(list(rows), infer_schema_length=None), path)
    svg = path.read_text(encoding="utf-8")
    return float(re.search(r'height="([\d.]+)pt"', svg)[1]), len(re.findall(r'<g id="text_\d+"', svg))


def test_every_verdict_has_a_mark_and_a_colour_of_its_own():
    assert set(VERDICTS) == set(FROM_BEST)
    assert all(len(set(kind)) == len(VERDICTS) for kind in zip(*VERDICTS.values(), strict=True))


@pytest.mark.parametrize("name", VERDICTS)
def test_the_words_of_a_verdict_are_dark_enough_to_read_on_white(name):
    red, green, blue = (int(VERDICTS[name][1][i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG 2.1, contrast of text


@pytest.mark.parametrize("unit", SCALES)
def test_a_scale_rises_from_end_to_end(unit):
    place, ticks, *_ = SCALES[unit]
    at = [place(tick) for tick in ticks]
    assert at == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_a_judged_claim_adds_a_strip_with_its_numbers_to_its_line(tmp_path):
    low, words = drawn(tmp_path, claim("a", "not testable here"))
    high, more = drawn(tmp_path, claim("a"))
    assert high > low
    assert more == words + len(SCALES["share"][1]) + 2  # the scale's name, and the numbers


def test_changes_and_shares_each_get_their_scale(tmp_path):
    _, one = drawn(tmp_path, claim("a"), claim("b"))
    change = claim("b", unit="change", estimate=-0.2, region=(0, 0.5), number=None)
    _, two = drawn(tmp_path, claim("a"), change)
    assert two == one + len(SCALES["change"][1]) + 1


def test_an_interval_above_ten_per_cent_is_drawn_on_a_linear_scale():
    assert scale_of([claim("a", estimate=0.05)]) == "share"
    assert scale_of([claim("a", estimate=0.79, region=(0.5, None))]) == "large share"
    assert scale_of([claim("a", estimate=0.05, region=(0.1, None))]) == "large share"
    assert scale_of([claim("a", estimate=0.05), claim("a", estimate=0.2, dataset="b")]) == "large share"
    assert place_on_strip("large share", 0.84) - place_on_strip("large share", 0.65) > 0.1 * STRIP


def test_a_scale_stands_again_where_it_changes(tmp_path):
    small, large = claim("a"), claim("b", estimate=0.4)
    height, words = drawn(tmp_path, small, small | {"id": "c"}, large, large | {"id": "d"})
    higher, more = drawn(tmp_path, small, large, small | {"id": "c"}, large | {"id": "d"})
    assert higher > height
    assert more == words + len(SCALES["share"][1]) + len(SCALES["large share"][1]) + 2


def test_numbers_read_as_in_the_report(tmp_path):
    drawn(tmp_path, claim("a", estimate=0.83, region=(0.5, None)) | {"ci_high": 0.999})
    words = found({"unit": "share", "estimate": 0.83, "ci_low": 0.664, "ci_high": 0.999})
    assert f"<!-- {words} -->" in (tmp_path / "claims.svg").read_text(encoding="utf-8")


def test_each_data_set_has_its_line_where_one_of_them_could_be_judged(tmp_path):
    _, alone = drawn(tmp_path, claim("a"))
    _, both = drawn(tmp_path, claim("a"), claim("a", "not testable here", dataset="b"))
    assert both == alone + 3  # two names and one more verdict
    _, none = drawn(tmp_path, *(claim("a", "not testable here", dataset=name) for name in CATEGORIES))
    assert none == drawn(tmp_path, claim("a", "not testable here"))[1]


@pytest.mark.parametrize(
    ("unit", "value", "place"),
    [("share", 0, 0), ("share", 0.01, STRIP / 2), ("share", 1, STRIP), ("change", -2, 0), ("change", 2, STRIP)],
)
def test_a_value_beyond_the_scale_lies_at_its_end(unit, value, place):
    assert place_on_strip(unit, value) == pytest.approx(place)


def test_the_same_verdicts_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        plot_claims(pl.DataFrame([claim("a")]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
