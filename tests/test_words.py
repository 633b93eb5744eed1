"""How values read in the report, and what markdown must not read."""

import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from shared.words import REASONS, count, escape, found, interval, number, percent, short_title, signed, spaced

SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0"),
        (1.0, "100"),
        (0.423, "42"),
        (0.0995, "10"),
        (0.0994, "9.9"),
        (0.029, "2.9"),
        (0.01, "1.0"),
        (0.00996, "1.0"),
        (0.0042, "0.42"),
        (0.00012, "0.012"),
        (0.00005, "< 0.01"),
    ],
)
def test_shares_read_as_per_cent_with_two_digits(share, text):
    assert percent(share) == f"{text}{SPACE}%"


@given(st.floats(0, 1))
def test_per_cent_is_never_far_from_the_share(share):
    digits = percent(share).removesuffix(f"{SPACE}%")
    shown = 0.005 if digits.startswith("<") else float(digits)
    assert shown == pytest.approx(100 * share, rel=0.055, abs=0.0051)


@pytest.mark.parametrize(("value", "text"), [(0.126, "+0.13"), (-0.5, "-0.50"), (0.0, "+0.00"), (None, "–")])
def test_changes_carry_their_sign(value, text):
    assert signed(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.126, "0.13"), (None, "–")])
def test_plain_numbers_have_two_decimals(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234567, "1,234,567"), (None, "suppressed")])
def test_counts_have_thousands_and_say_when_they_are_suppressed(value, text):
    assert count(value) == text


def test_a_share_that_is_missing_is_a_dash():
    assert percent(None) == "–"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain words, and more", "plain words, and more"),
        ("a_b*c", "a\\_b\\*c"),
        ("cell | cell", "cell \\| cell"),
        ("see @fig-x [1]", "see \\@fig-x \\[1\\]"),
        ("{{ value }}", "\\{\\{ value \\}\\}"),
        ("<b>bold</b>", "\\<b\\>bold\\</b\\>"),
        ("back\\slash `code`", "back\\\\slash \\`code\\`"),
        ("# no heading\n\nnext line", "\\# no heading next line"),
    ],
)
def test_markdown_reads_nothing_in_escaped_text(text, escaped):
    assert escape(text) == escaped


@given(st.text())
def test_escaped_text_is_one_line(text):
    assert "\n" not in escape(text)


ROW = {"ci_low": 0.01, "ci_high": 0.2, "excess_ci_low": -0.1, "excess_ci_high": 0.3}


def test_an_interval_reads_in_per_cent():
    assert interval(ROW) == f"1.0{SPACE}% to 20{SPACE}%"


def test_an_interval_of_a_change_reads_with_signs():
    assert interval(ROW, "excess", signed=True) == "-0.10 to +0.30"


def test_an_interval_of_a_plain_number_reads_without_a_unit():
    assert interval(ROW, plain=True) == "0.01 to 0.20"


def test_an_interval_with_a_missing_end_is_a_dash():
    assert interval(ROW | {"ci_high": None}) == "–"


CLAIM = {"unit": "share", "estimate": 0.029, "ci_low": 0.01, "ci_high": 0.2}


def test_a_claim_on_a_share_is_told_in_per_cent():
    assert found(CLAIM) == f"2.9{SPACE}% (1.0{SPACE}% to 20{SPACE}%)"


def test_a_claim_on_a_change_is_told_with_its_sign():
    assert found(CLAIM | {"unit": "change"}) == "+0.03 (+0.01 to +0.20)"


@pytest.mark.parametrize("missing", ["estimate", "ci_low"])
def test_a_claim_without_an_estimate_or_interval_is_a_dash(missing):
    assert found(CLAIM | {missing: None}) == "–"


@pytest.mark.parametrize(("title", "short"), [("Owls (a corpus, 1999)", "Owls"), ("Own logs", "Own logs")])
def test_a_data_set_s_name_is_its_title_without_the_brackets(title, short):
    assert short_title(title) == short


def test_keys_read_as_words():
    assert spaced("content_creation") == "content creation"


def test_every_reason_of_the_codebook_has_words():
    codebook = yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))
    assert set(REASONS) == set(codebook["pushback"]["reasons"])
