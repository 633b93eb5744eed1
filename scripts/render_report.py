"""Render the resolved report to HTML and PDF: by Quarto where it is on the PATH, otherwise by pandoc and Typst from the same file."""

import base64
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pypandoc
import typst

from shared.job import InputError, logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# data: is what the page itself holds.
POLICY = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline' data:; script-src 'unsafe-inline' data:"
FRAME = '<{tag} class="wide" role="group" aria-label="{kind}" tabindex="0">'
LEGIBLE = 480  # pixels: a narrower image can be read on a phone without scrolling
# What a renderer prints, at exit status 0, for something that it could not resolve.
UNRESOLVED = {
    r"\?@[\w-]+": "a cross-reference to something that does not exist",
    r"\?(var|meta):\w+": "a variable without a value",
    r"\{\{[<%{]?|[>%}]?\}\}|\{%": "a template or shortcode that nothing resolved",
    r"<strong>\??[\w-]+\?</strong>": "a citation that is not in references.bib",
    r"(?<![\w/.\\-])@(fig|tbl|sec)-[\w-]+": "a cross-reference that nothing resolved",
}


def check_rendered(text: str, name: str) -> None:
    """Raise InputError if rendered text shows a value, reference or citation that was not resolved."""
    for pattern, meaning in UNRESOLVED.items():
        if found := re.search(pattern, text):
            raise InputError(
                f"{name}: expected every value and reference to be resolved, found {meaning}: '{found[0]}'. Mend the template under report/."
            )


def check_sources(report: Path) -> None:
    """Raise InputError if the resolved markdown has something that a renderer would pass over, or one of the two cannot set."""
    text = report.read_text(encoding="utf-8")
    if swallowed := re.search(r"^\S.*\n(?:#{1,3} .*|\|.*\n\|:?-.*)$", text, re.MULTILINE):
        raise InputError(
            f"{report.name}: expected a blank line before every heading and table, found none at '{swallowed[0][:80]}'. "
            "Mend the template under report/."
        )
    if section := re.search(r"(?<![?\w])@sec-[\w-]+", text):
        raise InputError(
            f"{report.name}: expected references to sections as links, found '{section[0]}': Typst refers to headings with numbers alone. "
            f"Write [words](#{section[0][1:]}) in the template under report/."
        )
    check_rendered(re.sub(r"(?<!\?)@(fig|tbl)-[\w-]+", "", text), report.name)
    for image in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text):
        path = (report.parent / image).resolve()
        if not path.is_file() or not path.is_relative_to(report.parent.resolve()):
            raise InputError(
                f"{report.name}: expected the image {image} in the report's folder, beyond which Typst reads nothing, found none there ({path}). "
                "A plot rule has not run, or its name changed."
            )


def render_with_quarto(quarto: str, report: Path) -> None:
    """HTML and PDF beside the report.

    Raises:
        InputError: Quarto failed, or warned of something that it could not resolve.
    """
    for target in ("html", "typst"):
        done = subprocess.run(
            [quarto, "render", report.name, "--to", target], cwd=report.parent, capture_output=True, text=True
        )
        print(done.stdout, done.stderr, sep="\n")
        if done.returncode or re.search(
            r"^.*WARN.*(resolve|citeproc|citation|not found|missing).*$", done.stderr, re.M | re.I
        ):
            raise InputError(
                f"quarto render --to {target} ended with status {done.returncode}; its words are above. Mend the template under report/."
            )


def render_with_pandoc(report: Path, *, crossref: Path) -> None:
    """HTML and PDF beside the report, with numbered figures and tables as Quarto makes them, from what Quarto needs beside it and no more.

    Raises:
        InputError: pandoc or Typst failed or warned, with its words.
    """
    folder = report.parent
    source, template = folder / "report.typ", folder / "template.typ"
    template.write_text((folder / "typst-show.typ").read_text(encoding="utf-8") + "\n$body$\n", encoding="utf-8")
    common = [
        pypandoc.get_pandoc_path(),
        report.name,
        "--from",
        "markdown",
        f"--lua-filter={crossref.resolve()}",
        "--lua-filter=boxes.lua",
        "--citeproc",
        "--fail-if-warnings",
        "--standalone",
    ]
    targets = [
        [
            "--to",
            "html5",
            "--output",
            "report.html",
            "--toc",
            "--toc-depth=3",
            "--shift-heading-level-by=1",
            "--css=style.css",
            "--embed-resources",
            "--mathml",
            "--section-divs",
        ],
        ["--to", "typst", "--output", source.name, f"--template={template.name}"],
    ]
    try:
        for target in targets:
            done = subprocess.run([*common, *target], cwd=folder, capture_output=True, text=True)
            print(done.stdout, done.stderr, sep="\n")
            if done.returncode:
                raise InputError(
                    f"pandoc ended with status {done.returncode}: {done.stderr.strip()} Mend the template under report/."
                )
        typst.compile(str(source), output=str(folder / "report.pdf"), root=str(folder), timestamp=0)
    except typst.TypstError as error:
        raise InputError(f"Typst could not set the PDF: {error}. Mend the template under report/.") from error
    finally:
        for path in (source, template):
            path.unlink(missing_ok=True)


def complete_page(html: str, folder: Path, *, script: str) -> str:
    """The page as one file that asks nobody for anything, whichever renderer made it.

    Links to tables become the tables themselves, images get their size, tables and wide images a frame that scrolls and can be reached with the keyboard,
    and a policy forbids the page to load anything.

    Args:
        folder: what links in `html` are relative to.
        script: what the page offers besides reading.
    """

    def table(match):
        path = folder / match[1]
        content = base64.b64encode(path.read_bytes()).decode()
        return f'href="data:text/csv;base64,{content}" download="{path.name}"'

    def image(match):
        drawing = base64.b64decode(match[2]).decode("utf-8")
        sides = re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)[^>]*?\bheight="([\d.]+)', drawing).groups()
        width, height = (round(float(points) * 4 / 3) for points in sides)  # a point is 4/3 of a pixel
        drawn = f'<img width="{width}" height="{height}" {match[1]}{match[3]}>'
        return FRAME.format(tag="span", kind="Figure") + drawn + "</span>" if width > LEGIBLE else drawn

    html = re.sub(r'href="(\.\./[\w./-]+\.csv)"', table, html)
    html = html.replace('<img role="img" aria-label=', "<img alt=")
    html = re.sub(r'<img\s+([^>]*src="data:image/svg\+xml;base64,([^"]+)")([^>]*?)/?>', image, html)
    if "<main" not in html:
        html = html.replace("</nav>", "</nav>\n<main>", 1).replace("</body>", "</main>\n</body>")
    html = html.replace("<table", FRAME.format(tag="div", kind="Table") + "\n<table")
    html = html.replace("</table>", "</table>\n</div>")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    html = re.sub(r"<head>", f"<head>\n{policy}", html, count=1)
    return html.replace("</body>", f"<script>\n{script}</script>\n</body>")


def render_report(report: Path, *, crossref: Path, folder: Path, script: str) -> None:
    """Check, render, and check again what came out.

    Args:
        report: the resolved markdown, with what is rendered with it beside it.
        folder: what its links to tables are relative to.
        crossref, script: see render_with_pandoc, complete_page.
    """
    check_sources(report)
    quarto = shutil.which("quarto")
    if quarto:
        render_with_quarto(quarto, report)
    else:
        print("Quarto is not on the PATH: pandoc and Typst render the same file.")
        render_with_pandoc(report, crossref=crossref)
    page = report.parent / "report.html"
    html = complete_page(page.read_text(encoding="utf-8"), folder, script=script)
    page.write_text(html, encoding="utf-8")
    visible = re.sub(r"(?s)<(style|script)\b.*?</\1>|data:[\w/+-]+;base64,[A-Za-z0-9+/=]+", "", html)
    check_rendered(re.sub(r"(?s)<svg\b.*?</svg>", "", visible), "report.html")


def main():
    paths, output = snakemake.input, snakemake.output
    folder = Path(paths.report).parent
    # Rendered in a folder outside the results, so that a failure or a kill leaves nothing half-made there.
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        for path in (paths.report, *paths.beside):
            copy = work / Path(path).relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
        render_report(
            work / Path(paths.report).name,
            crossref=Path(paths.crossref),
            folder=folder,
            script=Path(paths.script).read_text(encoding="utf-8"),
        )
        shutil.move(work / "report.html", output.html)
        shutil.move(work / "report.pdf", output.pdf)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
