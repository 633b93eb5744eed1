"""Rendering: what is resolved is numbered, what is not resolved ends the run."""

import base64
import html
import re
import shutil
import subprocess
from pathlib import Path

import pypandoc
import pypdfium2
import pytest
from render_report import check_rendered, check_sources, complete_page, render_with_pandoc

from shared.job import InputError

REPORT = Path(__file__).parents[1] / "report"
CROSSREF = REPORT / "pandoc" / "crossref.lua"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10"/></svg>'
HEAD = """---
title: "Foxes in towns"
subtitle: "A small report"
bibliography: references.bib
---

"""
BODY = """# Counting {#sec-counting}

See @fig-foxes, @fig-owls, @tbl-animals and [how we counted](#sec-counting), after [@grey1999].

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
    for name in ("boxes.lua", "typst-show.typ"):
        shutil.copy(REPORT / name, folder)
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
    render_with_pandoc(path, crossref=CROSSREF)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    body = html.unescape(re.sub(r"(?s)<(style|svg)\b.*?</\1>|<[^>]+>", " ", page))
    pdf = " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path.parent / "report.pdf"))
    return tuple(" ".join(text.replace("\u00a0", " ").split()) for text in (body, pdf))


def test_references_are_numbered_in_html_and_pdf(report):
    for text in render(report(BODY)):
        assert re.search(r"See Figure 1\s?, Figure 2\s?, Table 1 and how we counted\s?, after \( ?Grey 1999", text)


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


def test_rendering_adds_the_page_and_the_pdf_and_nothing_else(report):
    path = report(BODY)
    before = {file.name for file in path.parent.iterdir()}
    render(path)
    assert {file.name for file in path.parent.iterdir()} - before == {"report.html", "report.pdf"}


def test_floats_are_written_for_typst_as_quarto_writes_them(report):
    path = report(BODY)
    command = [pypandoc.get_pandoc_path(), path.name, "--to", "typst", f"--lua-filter={CROSSREF}"]
    written = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True).stdout
    for identifier, name in (("fig-foxes", "Figure"), ("fig-owls", "Figure"), ("tbl-animals", "Table")):
        assert f'kind: "quarto-float-{identifier[:3]}", supplement: "{name}", numbering: "1") <{identifier}>' in written
    captions = re.findall(r"caption: figure\.caption\(position: (\w+), \[\s*(\w+ \w+)", written)
    assert captions == [("bottom", "Foxes seen"), ("bottom", "Owls seen"), ("top", "All animals")]


def test_what_is_rendered_passes_the_check_of_sources_and_text(report):
    path = report(BODY)
    check_sources(path)
    for text in render(path):
        check_rendered(text, "report")


@pytest.mark.parametrize("kind", ["fig", "tbl"])
def test_a_dangling_reference_ends_the_run(report, kind):
    with pytest.raises(InputError, match=f"@{kind}-unicorns"):
        render(report(BODY + f"\nSee @{kind}-unicorns.\n"))


def test_a_citation_that_is_missing_ends_the_run(report):
    with pytest.raises(InputError, match="unknown2000"):
        render(report(BODY + "\nSo says [@unknown2000].\n"))


def test_a_reference_to_a_section_is_refused_since_typst_knows_none_to_a_heading_without_number(report):
    with pytest.raises(InputError, match=r"Write \[words\]\(#sec-counting\)"):
        check_sources(report(BODY + "\nSee @sec-counting.\n"))


def test_an_image_outside_the_report_s_folder_is_refused_since_typst_reads_none(report):
    path = report(BODY + "\n![Wolves.](../wolves.svg){#fig-wolves}\n")
    (path.parent.parent / "wolves.svg").write_text(SVG, encoding="utf-8")
    with pytest.raises(InputError, match=r"beyond which Typst reads nothing"):
        check_sources(path)


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


def test_a_wide_image_gets_a_frame_that_scrolls_and_a_narrow_one_does_not(folder):
    images = "".join(
        f'<img src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}" alt="x" />'
        for svg in ('<svg width="500pt" height="90pt"></svg>', '<svg width="300pt" height="90pt"></svg>')
    )
    page = complete_page(PAGE.format(body=images), folder, script="")
    wide, narrow = re.findall(r'(<span class="wide"[^>]*tabindex="0">)?<img width="\d+"[^>]*>(?:</span>)?', page)
    assert wide and not narrow


FOOT = 62  # points: the margin that holds the page's number


def sheets(path):
    """(text above the foot, text of the foot) of each page of the PDF."""
    render(path)
    with pypdfium2.PdfDocument(path.parent / "report.pdf") as pdf:
        texts = [page.get_textpage() for page in pdf]
        return [(text.get_text_bounded(bottom=FOOT), text.get_text_bounded(top=FOOT)) for text in texts]


def test_a_figure_leaves_room_on_its_page_for_its_caption(report):
    path = report("![Very many foxes, each on a line of its own. " + "Tall. " * 60 + "](tall.svg){#fig-tall}\n")
    (path.parent / "tall.svg").write_text(SVG.replace('"20" height="10"', '"400pt" height="2000pt"'), encoding="utf-8")
    feet = [foot.strip() for _, foot in sheets(path)]
    assert feet == [str(number) for number in range(1, len(feet) + 1)]


def test_figures_move_so_that_text_fills_the_pages(report):
    figure = '![Foxes.](tall.svg){{#fig-{} fig-alt="Foxes."}}\n\n'
    body = "".join(f"{'Foxes are few. ' * 260}\n\n{figure.format(name)}" for name in "abcdef")
    path = report(body + "Owls are few. " * 300 + "See @fig-a and @fig-f.")
    (path.parent / "tall.svg").write_text(SVG.replace('"20" height="10"', '"400pt" height="450pt"'), encoding="utf-8")
    pages = sheets(path)
    assert len(pages) == 9  # one more where each figure waits for room behind its text
    assert "See Figure 1 and Figure 6" in " ".join("".join(above for above, _ in pages).replace("\u00a0", " ").split())


def test_no_page_ends_with_the_head_of_a_fold_out_or_the_caption_of_a_table(report):
    fold = '::: {{.fold summary="How it was measured"}}\nWith lamps, at dusk.\n:::\n\n'
    table = "| Animal | n |\n|:-----|--:|\n| Fox | 10 |\n\n: All of them seen. {{#tbl-{}}}\n\n"
    lines = ["Foxes are few.\n\n" * (number % 7) for number in range(90)]
    for piece, head in ((fold, "How it was measured"), (table, "All of them seen.")):
        pages = sheets(report("".join(line + piece.format(number) for number, line in enumerate(lines))))
        assert len(pages) > 5
        assert not [above for above, _ in pages if above.strip().endswith(head)]


NUMBERS = """| Fox | Owl | Wolf | Hare | Seen | Share |
|:-----------------------------------|:-----------------------------------|:------------------|:-------------------|:-----|:-----|
| A long word on foxes in the towns of the north, where lamps are many. | A word on owls that is just as long as the one on foxes. | Wolves are not seen in towns, or seldom so. | Hares are seen in the fields. | 931 of 4,547 | 0.92 % to 1.5 % |

: Animals. {#tbl-animals}
"""


def test_a_number_with_what_it_is_of_keeps_to_one_line(report):
    path = report(NUMBERS)
    lines = [" ".join(line.split()) for line in sheets(path)[0][0].replace("\u00a0", " ").splitlines()]
    assert any("931 of 4,547" in line for line in lines) and any("0.92 % to 1.5 %" in line for line in lines)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    assert "931\u00a0of\u00a04,547" in page and "0.92\u00a0%\u00a0to\u00a01.5\u00a0%" in page


def test_a_table_is_as_wide_as_its_numbers_need_on_the_screen(report):
    path = report(NUMBERS + "\n" + BODY.replace("{#tbl-animals}", "{#tbl-few}").replace("@tbl-animals", "@tbl-few"))
    render(path)
    page = (path.parent / "report.html").read_text(encoding="utf-8")
    assert re.search(r'<table\b[^>]*id="tbl-animals"[^>]*min-width: \d+rem', page)
    assert not re.search(r'<table\b[^>]*id="tbl-few"[^>]*min-width', page) and "<col style" not in page


def test_every_minus_is_the_same_sign(report):
    table = "\n| Owl | change |\n|:--|--:|\n| one | -0.04 (-0.18 to +0.13) |\n\n: Owls. {#tbl-owls}\n"
    for text in render(report(f"Foxes fall by -0.04 (-0.18 to +0.13), well-known since 2020-10.\n{table}")):
        assert text.count("\u22120.04 (\u22120.18 to +0.13)") == 2
        assert "well-known since 2020-10" in text


def tall_figures(folder, height):
    (folder / "tall.svg").write_text(SVG.replace('"20" height="10"', f'"300pt" height="{height}pt"'), encoding="utf-8")
    return "![Foxes.](tall.svg){#fig-%s}\n\n"


@pytest.mark.parametrize("height", [100, 450])
def test_a_figure_stands_in_its_section(report, height):
    figure = tall_figures(report("").parent, height)
    parts = [f"# Part {n} begins\n\n{'Foxes are few. ' * 140}\n\n{figure % n}{'So. ' * 60}\n\n" for n in "abcdef"]
    text = " ".join("".join(above for above, _ in sheets(report("".join(parts)))).replace("\u00a0", " ").split())
    places = [text.index(words) for n, letter in enumerate("abcdef", 1) for words in (f"Part {letter}", f"Figure {n}:")]
    assert places == sorted(places)


def test_a_table_of_few_rows_is_kept_in_one_piece(report):
    rows = "".join(f"| animal {n} | {n} |\n" for n in range(11))
    table = "| Animal | n |\n|:--|--:|\n" + rows + "\n: Counted. {#tbl-%s}\n\n"
    lines = ["Foxes are few.\n\n" * (7 + 3 * number) for number in range(9)]
    pages = [above for above, _ in sheets(report("".join(line + table % n for n, line in enumerate(lines))))]
    assert len(pages) > 5
    assert all(above.count("animal 0") == above.count("animal 10") for above in pages)


def test_the_longest_column_of_a_table_is_the_widest_in_the_pdf(report):
    cells = [
        "Owls in barns hunt by night in the towns of the north of the land",
        "Foxes hunt at dusk. " * 12,
        "Hares hide by day in the fields there, and in woods at the coast",
    ]
    body = "| Owl | Fox | Hare |\n|:-----------------------|:----|:-----------------------|\n| " + " | ".join(cells)
    path = report(body + " |\n\n: Animals. {#tbl-animals}\n")
    filters = [f"--lua-filter={CROSSREF}", "--lua-filter=boxes.lua"]
    command = [pypandoc.get_pandoc_path(), path.name, "--to", "typst", *filters]
    written = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True).stdout
    owl, fox, hare = (
        float(share) for share in re.search(r"columns: \(([^)]*)\)", written)[1].replace("%", "").split(",")
    )
    assert fox > owl and fox > hare
