"""The privacy audit: every kind of leak that is planted is found, and clean files pass."""

import base64
import json
import re
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from audit_privacy import (
    addresses_in,
    audit_privacy,
    messages_of,
    pieces_of,
    runs_in_texts,
    telling_words,
    word_runs,
)
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from shared import contracts
from shared.counts import NOT_OF_PERSONS, cells_under_floor
from shared.job import InputError
from shared.published import read_published

SECRET = "my aunt Ottilie hid her savings behind the green stove in Graz"
LINES = "Ottilie wrote it down.\nHer brother took\nall the money and\nnobody ever saw\nhim in Graz again"
ACCENTED = "Zoë café señor élan über naïve coöperate résumé déjà fête"
QUOTED = "don't tell Ottilie's brother we couldn't find the stove's key"
OTHERS = f"{LINES}. {ACCENTED}. {QUOTED}."
PART = "aunt ottilie hid her savings behind the green"
USER = "9f3ac1d7e2b84650"
CONVERSATION = "hut-QwJhYvA_0"
FLOORS = {"min_conversations": 10, "min_users": 10}
CLEAN = "Forty conversations were about gardens, and sixty about the weather of the coming week."


def typeset(path, text):
    """A one-page PDF that shows the text."""
    import typst

    source = path.with_suffix(".typ")
    source.write_text(text, encoding="utf-8")
    typst.compile(str(source), output=str(path))


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.parquet"
    pl.DataFrame(
        [
            {
                "conversation_id": CONVERSATION,
                "user_id": USER,
                "messages": [{"role": "human", "text": f"Hello. Last week {SECRET}! What now? {OTHERS}"}],
            },
            {
                "conversation_id": "2024",
                "user_id": "1000",
                "messages": [{"role": "assistant", "text": "Let us think about gardens for a while."}],
            },
        ],
        schema={"conversation_id": pl.String, "user_id": pl.String, "messages": contracts.MESSAGES},
    ).write_parquet(path)
    return path


@pytest.fixture
def audit(tmp_path, shard):
    """A function that publishes one file and returns what the audit finds in it."""

    def run(name, content, *, own_words=(), **options):
        path = tmp_path / name
        if name.endswith(".pdf"):
            typeset(path, content)
        else:
            path.write_text(content, encoding="utf-8")
        table = audit_privacy([path], list(own_words), [shard], **FLOORS, n_words=8, **options)
        return table.row(0, named=True)

    return run


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("report.qmd", f"Somebody wrote that {SECRET}.", id="markdown"),
        pytest.param("report.html", f"<p>Somebody wrote that <b>{SECRET}</b>.</p>", id="html text"),
        pytest.param(
            "report.html", "<p>my aunt Ottilie <b>hid</b> her savings<br/>behind the green</p>", id="html across tags"
        ),
        pytest.param("report.html", f'<img src="x.svg" alt="{SECRET}"/>', id="html attribute alt"),
        pytest.param("report.html", f'<a title="{SECRET}">a</a>', id="html attribute title"),
        pytest.param("report.html", f'<svg aria-label="{SECRET}"></svg>', id="html attribute aria-label"),
        pytest.param("report.html", f"<!-- {SECRET} --><p>Fine.</p>", id="html comment"),
        pytest.param("report.html", f"<img alt='{SECRET}'/>", id="html attribute in single quotes"),
        pytest.param("report.html", f'<meta name="x" content="{SECRET}"/>', id="html meta"),
        pytest.param("report.html", f'<script>var x = "{SECRET}"</script>', id="html script"),
        pytest.param("report.html", f"<p>{SECRET.replace('hid', 'h<b>i</b>d')}</p>", id="html word cut by a tag"),
        pytest.param("report.html", f"<p>{SECRET.replace('aunt', '&#97;unt')}</p>", id="html entity"),
        pytest.param("figure.svg", f"<svg><!-- {SECRET} --><path d='M0 0'/></svg>", id="svg comment"),
        pytest.param("figure.svg", f"<svg><text>{SECRET}</text></svg>", id="svg text"),
        pytest.param("topics.csv", f'topic,n_conversations\n"{SECRET}",50\n', id="csv cell"),
        pytest.param("topics.csv", "topic,n_conversations\n" + PART.replace(" ", ";") + ",50\n", id="csv joined terms"),
        pytest.param("report.pdf", f"Somebody wrote that {SECRET}.", id="pdf page"),
        pytest.param("report.qmd", SECRET.upper().replace(" ", " -- "), id="other case and punctuation"),
    ],
)
def test_words_of_a_person_are_found(audit, name, content):
    assert "run of 8 words of a conversation" in audit(name, content)["findings"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("Write to ottilie.b@example.org for more.", "e-mail address"),
        ("Ring +43 316 555 0199 at noon.", "telephone number"),
        ("Seen from 192.0.2.17 at noon.", "IP address"),
        ("It came from 192.0.2.17.", "IP address"),
        ("It came from 2001:db8:85a3::8a2e:370:7334.", "IP address"),
        ("Ring +433165550199 at noon.", "telephone number"),
        ("Ring +33 1 23 45 67 89.", "telephone number"),
        ("Ring +91 98765-43210 at noon.", "telephone number"),
        ("Ring +44 (0)20.7946.0958 at noon.", "telephone number"),
        ("Ring 555\u00a0123\u00a04567 or 555\u2011123\u20114567.", "telephone number"),
        ("Charged to 4111111111111111 twice.", "payment card number"),
        ("Paid to DE89370400440532013000 in May.", "bank account number"),
        (f"Most came from user {USER} alone.", "user key or conversation id"),
        (f"Most came from user {USER.upper()}.", "user key or conversation id"),
        (f"It begins in {CONVERSATION}, at the end.", "user key or conversation id"),
        (f"It begins in {CONVERSATION.upper()}.", "user key or conversation id"),
    ],
)
@pytest.mark.parametrize("shape", ["{}", "<p>{}</p>", "<!-- {} -->"], ids=["text", "html", "comment"])
def test_addresses_and_user_keys_are_found(audit, content, kind, shape):
    name = "report.html" if "<" in shape else "report.qmd"
    found = audit(name, shape.format(content))
    # Where a page is read in several ways, each of them counts; no other kind is found.
    assert re.fullmatch(rf"{kind}: [12]", found["findings"])
    assert found["n_findings"] >= 1


def test_a_number_that_is_also_a_user_s_key_or_an_id_is_no_finding(audit):
    assert audit("report.qmd", "In 2024 the bootstrap had 1000 replicates.")["n_findings"] == 0


@pytest.mark.parametrize(
    "column", ["n_conversations", "n_with_pushback", "n_affective", "n_users", "n_of", "n_users_of", "n_authors", "n"]
)
def test_a_csv_cell_under_the_floor_is_found(audit, column):
    found = audit("table.csv", f"group,{column}\na,9\nb,10\n")
    assert (found["n_findings"], found["findings"]) == (1, "cell under the floor: 1")


@pytest.mark.parametrize(
    "whole",
    [
        "n_conversations,n_of",
        "n_with_pushback,n_conversations",
        "n_affective,n_conversations",
        "n_users,n_users_of",
    ],
)
def test_the_rest_of_a_published_share_has_the_floor_too(audit, whole):
    found = audit("table.csv", f"group,{whole}\na,20,29\nb,20,30\nc,20,20\nd,,20\n")
    assert found["findings"] == "cell under the floor: 1"


def test_counts_of_the_exempt_table_may_be_small(audit):
    assert audit("check.csv", "group,n,n_of\na,3,3\n", exempt={("check", None): "planted"})["n_findings"] == 0
    assert audit("check.csv", "group,n,n_of\na,3,3\n", exempt={("check", "n"): "planted"})["n_findings"] == 1
    assert audit("other.csv", "group,n,n_of\na,3,3\n", exempt={("check", None): "planted"})["n_findings"] == 2


def test_an_exempt_table_is_still_read_for_words(audit):
    found = audit("check.csv", f"group,n_conversations\n{SECRET},3\n", exempt={("check", None): "planted"})
    assert "run of 8 words" in found["findings"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report.qmd", CLEAN),
        ("report.html", f"<html><head><style>p {{ margin: 0 }}</style></head><body><p>{CLEAN}</p></body></html>"),
        ("figure.svg", f"<svg><!-- {CLEAN} --><text>Coaching</text></svg>"),
        ("table.csv", "group,n_conversations,n_users\ncoaching,10,12\nroleplay,0,0\nromantic,,\n"),
        ("report.pdf", CLEAN),
    ],
)
def test_a_clean_file_passes(audit, name, content):
    found = audit(name, content)
    assert (found["n_findings"], found["findings"]) == (0, "")


def test_words_read_are_counted(audit):
    assert audit("report.html", "<p>Four words <b>stand</b> here</p>")["n_words_read"] == 4


def test_a_run_in_the_projects_own_words_is_not_a_leak(audit):
    assert audit("report.qmd", f"The template says: {SECRET}.", own_words=[f"... {SECRET} ..."])["n_findings"] == 0


def test_own_words_excuse_only_the_runs_that_stand_in_them(audit):
    found = audit("report.qmd", SECRET, own_words=[" ".join(SECRET.split()[:9])])
    assert found["n_findings"] == len(SECRET.split()) - 8 + 1 - 2


def test_seven_words_in_a_row_are_not_enough(audit):
    assert audit("report.qmd", " ".join(PART.split()[:7]))["n_findings"] == 0


def test_the_findings_never_repeat_the_words(audit):
    found = audit("report.qmd", f"{SECRET} {USER}")
    assert "ottilie" not in found["findings"].lower()
    assert USER not in found["findings"]


# The second reader


def second_row(tmp_path, shard, content, name="report.qmd"):
    """What Presidio, if it is here, says of one published file."""
    pytest.importorskip("presidio_analyzer", reason="Presidio is not installed: pip install presidio-analyzer")
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    table = audit_privacy([path], [], [shard], **FLOORS, n_words=8, second_reader="presidio")
    assert table["reader"].to_list() == ["workflow", "presidio"]
    return table.row(1, named=True)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("Ask at 020 7946 0958 for the keys.", "phone number"),
        ("Ask at +49 30 901820 for the keys.", "phone number"),
        ("It was paid with 4111 1111 1111 1111.", "credit card"),
        ("It went to GB82 WEST 1234 5698 7654 32.", "iban code"),
        ("The form says 536-90-4399.", "us ssn"),
        ("The card says 943 476 5919.", "uk nhs"),
        ("The printer is 00:1B:44:11:3A:B7.", "mac address"),
        ("It came from 2001:0db8:85a3:0000:0000:8a2e:0370:7334.", "ip address"),
        ("It is kept under 123e4567-e89b-42d3-a456-426614174000.", "uuid"),
    ],
)
def test_presidio_finds_what_its_patterns_know_and_does_not_repeat_it(tmp_path, shard, content, kind):
    found = second_row(tmp_path, shard, content)
    assert f"{kind}: 1" in found["findings"]
    assert not set(re.findall(r"\d{3,}", content)) & set(re.findall(r"\d{3,}", found["findings"]))


def test_presidio_takes_no_piece_of_a_drawing_for_a_licence(tmp_path, shard):
    assert "medical license: 1" in second_row(tmp_path, shard, "The form says BB1388568.")["findings"]
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"><use href="#mb1388568ab"/></svg>'
    assert second_row(tmp_path, shard, drawing, name="figure.svg")["n_findings"] == 0


def test_presidio_takes_no_number_of_a_real_run_for_a_person_s(shard):
    pytest.importorskip("presidio_analyzer", reason="Presidio is not installed: pip install presidio-analyzer")
    paths = [path for path in sorted((ROOT / "docs" / "example").rglob("*")) if path.is_file()]
    table = audit_privacy(paths, [], [shard], **FLOORS, n_words=8, second_reader="presidio").filter(reader="presidio")
    assert table.height == len(paths) and table["n_findings"].sum() == 0


def test_presidio_reads_what_stands_in_an_attribute(tmp_path, shard):
    found = second_row(tmp_path, shard, '<p title="Ring 020 7946 0958">Nothing to see.</p>', "report.html")
    assert found["findings"] == "phone number: 1"


def test_a_second_reader_that_is_not_installed_ends_the_run_with_what_to_install(tmp_path, shard, monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(InputError, match="pip install presidio-analyzer"):
        audit_privacy([], [], [shard], **FLOORS, n_words=8, second_reader="presidio")


def test_each_file_answers_for_its_own_findings(tmp_path, shard):
    clean, leaking = tmp_path / "a.qmd", tmp_path / "b.qmd"
    clean.write_text(CLEAN, encoding="utf-8")
    leaking.write_text(SECRET, encoding="utf-8")
    table = audit_privacy([clean, leaking], [], [shard], **FLOORS, n_words=8)
    assert [(Path(row["file"]).name, row["n_findings"] > 0) for row in table.iter_rows(named=True)] == [
        ("a.qmd", False),
        ("b.qmd", True),
    ]


def test_versions_and_plain_numbers_are_no_addresses(audit):
    content = "Version 1.41.0 read 1,234,567 rows at 0.05 in 2023-04-05 and 3.11.7.2.1 is no host."
    assert audit("report.qmd", content)["n_findings"] == 0


@pytest.mark.parametrize(
    "number", ["4111111111111112", "0000000000000000", "DE88370400440532013000", "0.4111111111111111"]
)
def test_numbers_without_their_check_digits_are_no_accounts(audit, number):
    assert audit("report.qmd", f"There were {number} of them.")["n_findings"] == 0


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "GB82 WEST 1234 5698 7654 32",
        "4111\u00a01111\u00a01111\u00a01111",
        "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
    ],
)
def test_accounts_are_found_however_they_are_grouped(audit, number):
    assert "number: 1" in audit("report.qmd", f"It went to {number}.")["findings"]


@pytest.mark.parametrize("leak", [SECRET, f"of {USER}:"])
def test_logs_are_read_too(tmp_path, shard, leak):
    page, log = tmp_path / "report.qmd", tmp_path / "rule.log"
    page.write_text(CLEAN, encoding="utf-8")
    log.write_text(f"Traceback: could not parse {leak} at http://127.0.0.1:8000", encoding="utf-8")
    table = audit_privacy([page], [], [shard], **FLOORS, n_words=8, logs=[log])
    assert table.select("file", pl.col("n_findings") > 0).rows() == [(str(page), False), ("logs", True)]


def read(tmp_path, content, name="report.html"):
    (tmp_path / name).write_text(content, encoding="utf-8")
    (reading,) = read_published([tmp_path / name]).values()
    texts = [reading.texts[0], *reading.joined[:1], *reading.texts[1:]]
    return [" ".join(text.split()) for text in texts[:-1]]  # the last is the file's name


def test_what_comes_with_the_renderer_is_not_read(tmp_path):
    texts = read(tmp_path, '<img src="data:font/woff2;base64,/w=="/>Read <a href="data:text/css;base64,YQ==">me</a>')
    assert texts[0] == "Read me"
    assert not any("base64" in text or "/w==" in text for text in texts)


@pytest.mark.parametrize("name", ["report.html", "figure.svg"])
def test_a_page_is_read_with_its_tags_as_spaces_and_as_nothing(tmp_path, name):
    assert read(tmp_path, "<p>green<b>house</b></p>", name)[:2] == ["green house", "greenhouse"]


@pytest.mark.parametrize(
    "content",
    [
        '<p title="green stove">a</p>',
        "<p title='green stove'>a</p>",
        '<p data-x = "green stove">a</p>',
        '<p title="green\nstove">a</p>',
        '<p title="green &#115;tove">a</p>',
        "<p>a</p><!-- green stove -->",
        "<p>a</p><!--\ngreen > \nstove -->",
        '<meta name="description" content="green stove"/>a',
    ],
)
def test_attributes_and_comments_are_texts_of_their_own(tmp_path, content):
    assert [text.replace("> ", "") for text in read(tmp_path, content)[2:]][-1] == "green stove"


def test_the_content_of_a_page_does_not_hold_its_comments(tmp_path):
    assert read(tmp_path, "<p>One <!-- green > stove --> two</p>")[:2] == ["One two", "One two"]


def test_coordinates_of_a_drawing_are_not_read(tmp_path):
    content = '<svg viewBox="0 0 9 9"><path d="M 0 0 L 1 1"/><text x="1" y="2" aria-label="axis">5</text></svg>'
    assert read(tmp_path, content, "figure.svg") == ["5", "5", "axis"]


@pytest.mark.parametrize("content", ["<style>{}</style>", "<script>let a = 1; // {}\n</script>"])
def test_what_stands_in_styles_and_scripts_is_read(tmp_path, content):
    assert any("green stove" in text for text in read(tmp_path, content.format("green stove")))


@pytest.mark.parametrize(
    ("content", "read_of_it"),
    [
        ("<script>var results = {'a': 'green stove'};</script>", True),
        ("<script>\n    var rules = {'a': 'green stove'}</script>", True),
        ("<p>green stove</p>", True),
        ("<script>(() => { call('green stove') })()</script>", False),
        ("<style>.green stove {}</style>", False),
        ("<script>var packages = {'a': {'license': 'green stove'}}</script>", False),
    ],
)
def test_of_the_provenance_page_is_read_what_the_run_put_in_and_not_its_libraries(tmp_path, content, read_of_it):
    assert any("green stove" in text for text in read(tmp_path, content, "provenance.html")) == read_of_it


@pytest.mark.parametrize("name", ["table.csv", "report.qmd", "references.bib"])
def test_any_other_file_is_read_as_it_is(tmp_path, name):
    assert read(tmp_path, "<b>a</b> b", name) == ["<b>a</b> b"]


def test_a_pdf_is_read_by_its_pages(tmp_path):
    typeset(tmp_path / "report.pdf", "Green stove #pagebreak() Pear tree")
    (reading,) = read_published([tmp_path / "report.pdf"]).values()
    assert reading.texts[0].split() == ["Green", "stove", "Pear", "tree"]


def test_runs_are_folded_and_as_long_as_asked_for():
    assert word_runs(["One, two -- THREE four!"], n_words=3) == {"one two three", "two three four"}


def test_a_run_does_not_reach_from_one_text_into_the_next():
    assert word_runs(["one two", "three four"], n_words=3) == set()


def test_rows_of_figures_are_nobodys_words():
    assert word_runs(["1 2 three four", "1 two three four"], n_words=4) == {"1 two three four"}


@given(st.lists(st.sampled_from("abcdefgh"), max_size=12), st.integers(1, 5))
def test_there_are_never_more_runs_than_places_for_them(words, n_words):
    assert len(word_runs([" ".join(words)], n_words=n_words)) <= max(len(words) - n_words + 1, 0)


def runs_in(runs, *texts):
    texts = messages_of(messages(*texts))
    return runs_in_texts(runs, texts, telling_words(runs, texts), pieces_of(runs))


def messages(*texts):
    rows = [{"messages": [{"role": "human", "text": text}]} for text in texts]
    return pl.DataFrame(rows, schema={"messages": contracts.MESSAGES})


def test_overlapping_runs_are_all_found():
    runs = {"one two three", "two three four", "three four six"}
    found = runs_in(runs, "One two, three four five")
    assert found == ["one two three", "two three four"]


def test_a_run_matches_whole_words_only():
    assert runs_in({"old man"}, "a bold man", "an old mandolin") == []


@pytest.mark.parametrize("text", ["ÉTÉ is summer", "He said: Been here BEFORE!", "summer — été is"])
def test_a_run_is_found_whatever_its_letters_and_case(text):
    assert runs_in({"été is", "been here before"}, "Nothing.", text) != []


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=14).map(" ".join), max_size=4), st.integers(2, 6), st.data())
def test_no_run_slips_through_the_sieves(texts, n_words, data):
    runs = data.draw(st.sets(st.lists(st.sampled_from("abc"), min_size=n_words, max_size=n_words).map(" ".join)))
    assert runs_in(runs, *texts) == sorted(run for run in runs if any(f" {run} " in f" {text} " for text in texts))


def test_a_run_is_told_by_its_rarest_word():
    texts = messages_of(messages("the ferry is late", "the bus is late", "the tram is early"))
    assert telling_words({"the ferry is late", "is early"}, texts) == ["early", "ferry"]


def test_nothing_is_found_in_no_conversations_and_no_runs():
    assert (runs_in({"a b"}), runs_in(set(), "a b")) == ([], [])


def test_zero_and_blank_cells_are_not_under_the_floor():
    assert cells_under_floor("table", "n_conversations,n_users\n0,0\n,\n1,\n9,10\n", **FLOORS) == 2


@pytest.mark.parametrize(
    "content",
    [
        '<a href="mailto:otti@example.org">a</a>',
        "<p>OTTI@EXAMPLE.COM</p>",
        "<p>555-123-4567</p>",
        "<p>(555) 123-4567</p>",
        "<p>Ring 555-123-4567.</p>",
    ],
    ids=["mailto", "capitals", "telephone", "telephone with brackets", "telephone at the end"],
)
def test_addresses_are_found_however_they_are_written(audit, content):
    assert audit("report.html", content)["n_findings"] >= 1


def test_users_have_a_floor_of_their_own():
    table = "n_conversations,n_users\n40,15\n"
    assert cells_under_floor("prevalence", table, min_conversations=10, min_users=20) == 1
    assert cells_under_floor("prevalence", table, min_conversations=20, min_users=10) == 0


# Further ways of hiding words


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


DEEP = base64_of(f'<p>See <a href="data:text/plain;base64,{base64_of(SECRET)}">it</a></p>')


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("report.html", f'<a href="data:text/csv;base64,{base64_of(SECRET)}">a</a>', id="base64 table"),
        pytest.param(
            "report.html", f'<img src="data:image/svg+xml;base64,{base64_of(f"<svg><text>{SECRET}</text></svg>")}"/>',
            id="base64 figure",
        ),
        pytest.param("report.html", f'<a href="data:text/csv,{quote(SECRET)}">a</a>', id="url-encoded table"),
        pytest.param("report.html", f'<iframe src="data:text/html;base64,{DEEP}"></iframe>', id="file in a file"),
        pytest.param("figure.svg", f'<svg><a href="data:;base64,{base64_of(SECRET)}"/></svg>', id="no media type"),
        pytest.param(
            "provenance.html",
            f'<script>\nvar results = {{"a": "data:text/csv;filename=a.csv;base64,{base64_of(SECRET)}"}}</script>',
            id="provenance",
        ),
        pytest.param("report.html", SECRET.replace("savings", "sav&shy;ings"), id="soft hyphen"),
        pytest.param("report.html", "\u200b".join(SECRET), id="zero width between letters"),
        pytest.param("report.qmd", SECRET.replace("behind", "be\ufffehind"), id="hyphen of a PDF"),
        pytest.param("report.qmd", unicodedata.normalize("NFD", ACCENTED), id="accents apart"),
        pytest.param("report.html", f"<p>{QUOTED.replace(chr(39), '&amp;#39;')}</p>", id="entity in an entity"),
        pytest.param("report.html", f"<script>var t = {json.dumps({'t': LINES})}</script>", id="JSON line ends"),
        pytest.param("report.html", f"<script>var t = {json.dumps({'t': ACCENTED})}</script>", id="JSON letters"),
        pytest.param("table.csv", f"a\n{json.dumps(LINES)}\n", id="JSON in a cell"),
        pytest.param("report.html", f'<script>for (i = 0; i<n; i++) rows=["{SECRET}"]; go(a=>b)</script>', id="bare <"),
        pytest.param("report.html", f"<p>as 3 < 4, {SECRET}, and 5 > 4</p>", id="bare < in the text"),
        pytest.param(
            "report.html", '<a data-x="' + " ".join(f"&lt;b&gt;{word}&lt;/b&gt;" for word in SECRET.split()) + '">a</a>',
            id="markup in an attribute",
        ),
        pytest.param(
            "report.html", "<!-- " + "".join(f"<td>{word}</td>" for word in SECRET.split()) + " -->",
            id="markup in a comment",
        ),
        pytest.param("report.html", f'<a href="https://example.org/?q={quote(SECRET)}">a</a>', id="web address"),
        pytest.param("figure.SVG", "".join(f"<tspan>{word}</tspan>" for word in SECRET.split()), id="suffix"),
        pytest.param("figure.svg", f"<svg><text><![CDATA[{SECRET}]]></text></svg>", id="CDATA"),
        pytest.param(f"{SECRET.replace(' ', '_')}.svg", "<svg/>", id="file name"),
    ],
)  # fmt: skip
def test_words_are_found_however_a_file_hides_them(audit, name, content):
    assert "run of 8 words of a conversation" in audit(name, content)["findings"]


@pytest.mark.parametrize(
    "source",
    [
        f'#set document(title: "{SECRET}")\nGardens',
        f'#set document(keywords: ("{SECRET}",))\nGardens',
        f'#link("https://example.org/?q={quote(SECRET)}")[Gardens]',
        f"#show heading: none\n#heading(bookmarked: true)[{SECRET}]\nGardens",
        f'#set text(lang: "en", hyphenate: true)\n#block(width: 42pt)[{SECRET}]',
    ],
    ids=["title", "keywords", "link", "outline", "hyphens"],
)
def test_a_pdf_is_read_beyond_its_pages(audit, source):
    assert "run of 8 words of a conversation" in audit("report.pdf", source)["findings"]


def test_a_message_may_hide_its_words_too(tmp_path):
    """Folding the published side alone would miss a sentence that was written with soft hyphens or with accents apart."""
    hidden = [SECRET.replace("savings", "sav\u00adings"), unicodedata.normalize("NFD", ACCENTED)]
    rows = [{"conversation_id": "a", "user_id": None, "messages": [{"role": "human", "text": text}]} for text in hidden]
    schema = {"conversation_id": pl.String, "user_id": pl.String, "messages": contracts.MESSAGES}
    pl.DataFrame(rows, schema=schema).write_parquet(tmp_path / "shard.parquet")
    for text in (SECRET, ACCENTED):
        (tmp_path / "report.qmd").write_text(text, encoding="utf-8")
        table = audit_privacy([tmp_path / "report.qmd"], [], [tmp_path / "shard.parquet"], **FLOORS, n_words=8)
        assert table["n_findings"].to_list() == [len(text.split()) - 7]


@pytest.mark.parametrize("content", ["ottilie<wbr>@example<wbr>.org", "ottilie<span>@</span>example.org"])
def test_an_address_cut_by_a_tag_is_found(audit, content):
    assert audit("report.html", f"<p>Write to {content} for more.</p>")["findings"] == "e-mail address: 1"


def test_cells_side_by_side_are_no_telephone_number(audit):
    cells = "<tr>" + "".join(f"<td>{number}</td>" for number in (433, 165, 5501, 99)) + "</tr>"
    assert audit("report.html", f"<table>{cells}</table>")["n_findings"] == 0


@pytest.mark.parametrize(("host", "n"), [("llm.otti.example", 1), ("llm.lotti.example", 0), ("llm", 0), (None, 0)])
def test_the_address_of_the_endpoint_is_found_unless_it_is_a_word(audit, host, n):
    text = "Asked at https://LLM.otti.example/v1, an llm."
    assert audit("report.qmd", text, endpoint=host)["findings"] == "address of the endpoint: 1" * n


@pytest.mark.parametrize("text", ["from +0.12 (-0.01 to +0.25)", "at 12:30:45 and 10:20", "+1.5 to +2.25", "a::b c::d"])
def test_figures_and_times_are_no_addresses(audit, text):
    assert audit("report.qmd", f"It went {text} in all.")["n_findings"] == 0


def test_an_id_of_few_digits_is_a_number(audit):
    assert audit("report.qmd", "It was 2024 when 2,024 of them came.")["n_findings"] == 0


# Tables


def test_a_table_inside_of_a_page_has_its_floors(audit):
    table = base64_of("group,n_conversations\na,9\nb,10\n")
    page = f'<a href="data:text/csv;base64,{table}" download="who.csv">CSV</a>'
    assert audit("report.html", page)["findings"] == "cell under the floor: 1"


@pytest.mark.parametrize(
    "link", ['"data:text/csv;base64,{}" download="power.csv"', '"data:text/csv;filename=power.csv;base64,{}"']
)
def test_a_table_inside_of_a_page_is_exempt_by_its_name(audit, link):
    assert ("power", "n_tests") in NOT_OF_PERSONS
    page = f"<a href={link.format(base64_of('id,n_tests,n_now{0}a,5,9{0}'.format(chr(10))))}>CSV</a>"
    assert audit("report.html", page)["findings"] == "cell under the floor: 1"


def test_a_page_that_holds_another_version_of_a_table_is_refused(tmp_path, shard):
    table, page = tmp_path / "who.csv", tmp_path / "provenance.html"
    table.write_text("group,n_conversations\na,40\n", encoding="utf-8")
    link = f"data:text/csv;charset=utf8;filename=who.csv;base64,{base64_of(table.read_text())}"
    page.write_text(f'<script>\nvar results = {{"who.csv": "{link}"}}</script>', encoding="utf-8")
    assert audit_privacy([table, page], [], [shard], **FLOORS, n_words=8)["n_findings"].sum() == 0
    table.write_text("group,n_conversations\na,41\n", encoding="utf-8")
    with pytest.raises(InputError, match="who.csv.*earlier run.*make provenance"):
        audit_privacy([table, page], [], [shard], **FLOORS, n_words=8)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("n_conversations,n_of,share", ",100,0.03"),
        ("n_conversations,n_of,share_of_category", ",100,0.97"),
        ("n_with_pushback,n_conversations,share_naive", ",100,0.03"),
        ("n_affective,n_conversations,share_affective", ",1000,0.003"),
    ],
)
def test_a_blank_count_is_not_told_by_its_share(head, row):
    assert cells_under_floor("table", f"{head}\n{row}\n", **FLOORS) == 1
    assert cells_under_floor("table", f"{head}\n{row.rsplit(',', 1)[0]},\n", **FLOORS) == 0


def test_of_the_funnel_the_steps_that_tell_of_talk_have_a_floor():
    table = "step,n_removed,n_left\nreadable,3,97\naffective,9,88\n"
    assert cells_under_floor("funnel", table, **FLOORS) == 1


# Files that cannot be read


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("terms.tsv", b"a", r"terms\.tsv.*found '\.tsv'"),
        ("a.csv.gz", b"a", r"found '\.gz'"),
        ("report.qmd", "Zo\u00eb".encode("latin-1"), r"report\.qmd.*UTF-8"),
        ("report.html", b'<img src="data:image/png;base64,iVBO/w=="/>', r"report\.html.*image/png"),
    ],
)
def test_a_file_that_cannot_be_read_ends_the_run_with_its_name(tmp_path, shard, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        audit_privacy([tmp_path / name], [], [shard], **FLOORS, n_words=8)


@pytest.mark.parametrize(
    "unit",
    ["data:", "<a ", 'x="', "a=", "&amp;", "\\", "<", "x", "1 ", ":", "+1", "data:;base64,YQ== ", "<!--", "<script>"],
)
def test_a_long_string_of_anything_is_read_in_time(tmp_path, unit):
    """A pattern that looks at the rest again from every place of it would not end."""
    path = tmp_path / "report.html"
    path.write_text(f"<p>{unit * 200_000}</p>", encoding="utf-8")
    (reading,) = read_published([path]).values()
    assert reading.texts
    addresses_in(reading)
