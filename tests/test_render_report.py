"""Rendering: what is resolved is numbered, what is not resolved ends the run."""

import base64
import html
import re
import shutil
from pathlib import Path

import pypdfium2
import pytest
from render_report import check_rendered, check_sources, complete_page, render_with_pandoc

from shared.job import InputError

REPORT = Path(__file__).parents[1] / "report"
PANDOC = REPORT / "pandoc"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10"/></svg>'
HEAD = """---
title: "Foxes in towns"
subtitle: "A small report"
bibliography: references.bib
---

"""
BODY = """# Counting {#sec-counting}

See @fig-foxes, @fig-owls, @tbl-animals and @sec-counting, after [@grey1999].

![Foxes seen.](foxes.svg){#fig-foxes fig-alt="Ten foxes."}

![Owls seen.](foxes.svg){#fig-owls fig-alt="Two owls."}

| Animal | n |
|:-------|--:|
| Fox | 10 |

: All animals. {#tbl-animals}
"""


@pytest.fixture
def report(tmp_path):
    """A function that writes a report with what it needs beside it."""
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "foxes.svg").write_text(SVG, encoding="utf-8")
    shutil.copy(REPORT / "boxes.lua", folder)
    (folder / "style.css").write_text("p { margin: 0 }", encoding="utf-8")
    (folder / "references.bib").write_text(
        "@book{grey1999, author = {Grey, Ann}, title = {Foxes}, year = {1999}, publisher = {Den}}", encoding="utf-8"
    )

    def write(body):
        path = folder / "report.qmd"
        path.write_text(HEAD + body, encoding="utf-8")
        return path

    return write


def render(path):
    """The visible text of the HTML, and that of the PDF, with single spaces."""
    render_with_pandoc(path, crossref=PANDOC / "crossref.lua", template=PANDOC / "page.typ")
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    body = html.unescape(re.sub(r"(?s)<(style|svg)\b.*?</\1>|<[^>]+>", " ", page))
    pdf = " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path.parent / "report.pdf"))
    return tuple(" ".join(text.replace("\u00a0", " ").split()) for text in (body, pdf))


def test_references_are_numbered_in_html_and_pdf(report):
    for text in render(report(BODY)):
        assert re.search(r"See Figure 1\s?, Figure 2\s?, Table 1 and Section “Counting”\s?, after \( ?Grey 1999", text)


def test_captions_carry_the_same_numbers(report):
    for text in render(report(BODY)):
        for caption in ("Figure 1: Foxes seen.", "Figure 2: Owls seen.", "Table 1: All animals."):
            assert caption in text


def test_references_lead_to_what_they_name(report):
    path = report(BODY)
    render(path)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    for identifier in ("fig-foxes", "fig-owls", "tbl-animals", "sec-counting"):
        assert f'href="#{identifier}"' in page
        assert len(re.findall(rf'\bid="{identifier}"', page)) == 1


def test_alternative_text_is_kept_in_html(report):
    path = report(BODY)
    render(path)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    assert "Ten foxes." in page
    assert "fig-alt" not in page


def test_no_identifier_is_left_in_the_text(report):
    for text in render(report(BODY)):
        assert "{#" not in text


def test_the_html_needs_no_other_file(report):
    path = report(BODY)
    render(path)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#|data:)[^"]*\.(?:svg|css)"', page)


def test_rendering_leaves_no_typst_source_behind(report):
    path = report(BODY)
    render(path)
    assert sorted(file.name for file in path.parent.glob("report.*")) == ["report.html", "report.pdf", "report.qmd"]


def test_what_is_rendered_passes_the_check_of_sources_and_text(report):
    path = report(BODY)
    check_sources(path)
    for text in render(path):
        check_rendered(text, "report")


@pytest.mark.parametrize("kind", ["fig", "tbl", "sec"])
def test_a_dangling_reference_ends_the_run(report, kind):
    with pytest.raises(InputError, match=f"@{kind}-unicorns"):
        render(report(BODY + f"\nSee @{kind}-unicorns.\n"))


def test_a_citation_that_is_missing_ends_the_run(report):
    with pytest.raises(InputError, match="unknown2000"):
        render(report(BODY + "\nSo says [@unknown2000].\n"))


def test_a_missing_image_ends_the_run_before_rendering(report):
    with pytest.raises(InputError, match=r"expected the image wolves\.svg"):
        check_sources(report(BODY + "\n![Wolves.](wolves.svg){#fig-wolves}\n"))


def test_a_missing_image_ends_the_rendering_too(report):
    with pytest.raises(InputError, match=r"wolves\.svg"):
        render(report(BODY + "\n![Wolves.](wolves.svg){#fig-wolves}\n"))


def test_a_sound_report_passes_the_check_of_sources(report):
    assert check_sources(report(BODY)) is None


@pytest.mark.parametrize(
    "body", ["A paragraph.\n# Swallowed\n", "A paragraph.\n| a | b |\n|:--|:--|\n| 1 | 2 |\n"], ids=["heading", "table"]
)
def test_a_heading_or_table_without_a_blank_line_before_it_is_refused(report, body):
    with pytest.raises(InputError, match="blank line before"):
        check_sources(report(body))


@pytest.mark.parametrize("left", ["{{ estimate }}", "{% if x %}", "{{< meta title >}}"])
def test_a_template_that_was_not_resolved_is_refused_in_the_source(report, left):
    with pytest.raises(InputError, match="nothing resolved"):
        check_sources(report(BODY + f"\n{left}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "See ?@fig-foxes.",
        "by ?var:name",
        "by ?meta:title",
        "about {{ share }}",
        "{% for x in y %}",
        "see (<strong>grey1999?</strong>)",
        "see <strong>?grey1999?</strong>",
        "see @tbl-animals",
    ],
)
def test_rendered_text_with_something_unresolved_is_refused(text):
    with pytest.raises(InputError, match=r"report\.html: expected every value"):
        check_rendered(f"<p>{text}</p>", "report.html")


@pytest.mark.parametrize(
    "text",
    [
        "<strong>Are foxes shy?</strong> They are.",
        'See <a href="#fig-foxes">Figure 1</a>.',
        "Write to fox@fig-tree.example.",
        "A set {a, b} and 5 % of it.",
    ],
)
def test_rendered_text_without_anything_unresolved_passes(text):
    assert check_rendered(text, "report.html") is None


BOXES = """# Boxes

::: {.takeaway}
Foxes are few.
:::

:::: {.beside}
::: {.study}
They counted ten.
:::
::: {.here}
We counted nine.
:::
::::

::: {.fold summary="How this was *counted* & checked"}
At dusk, with `lamps`.

| Lamp | n |
|:-----|--:|
| red | 2 |

: Lamps. {#tbl-lamps}
:::
"""


def test_boxes_and_fold_outs_say_the_same_in_html_and_pdf(report):
    for text in render(report(BOXES + "\nSee @tbl-lamps.\n")):
        for words in ("Foxes are few.", "They counted ten.", "We counted nine.", "How this was *counted* & checked"):
            assert words in text
        assert "At dusk, with lamps ." in text or "At dusk, with lamps." in text
        assert "Table 1: Lamps." in text


def test_a_fold_out_is_closed_until_it_is_opened(report):
    path = report(BOXES)
    render(path)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    assert re.search(r"<details>\s*<summary>How this was \*counted\* &amp; checked</summary>", page)


PAGE = '<html><head></head><body><a href="../tables/foxes.csv" class="csv">CSV</a>{body}</body></html>'


@pytest.fixture
def folder(tmp_path):
    """A report's folder beside one of tables."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "foxes.csv").write_text("n\n10\n", encoding="utf-8")
    (tmp_path / "report").mkdir()
    return tmp_path / "report"


def test_a_link_to_a_table_becomes_the_table(folder):
    page = complete_page(PAGE.format(body=""), folder, script="")
    content, name = re.search(r'href="data:text/csv;base64,([^"]+)" download="([^"]+)"', page).groups()
    assert (base64.b64decode(content), name) == (b"n\n10\n", "foxes.csv")


def test_a_link_to_a_table_that_is_not_there_ends_the_run(folder):
    with pytest.raises(FileNotFoundError, match="owls"):
        complete_page(PAGE.format(body='<a href="../tables/owls.csv">CSV</a>'), folder, script="")


def test_images_carry_their_size_in_pixels(folder):
    drawing = base64.b64encode(b'<svg width="360pt" height="90.4pt"></svg>').decode()
    page = complete_page(
        PAGE.format(body=f'<img src="data:image/svg+xml;base64,{drawing}" alt="x" />'), folder, script=""
    )
    assert '<img width="480" height="121" src=' in page


def test_the_page_is_forbidden_to_load_anything(folder):
    page = complete_page(PAGE.format(body=""), folder, script="")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none';") and "http" not in policy and "'self'" not in policy
