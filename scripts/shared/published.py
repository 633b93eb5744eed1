"""What a reader could get out of a published file: its text in every way of reading it, its tables, and the files that it holds in turn."""

import base64
import binascii
import ctypes
import html
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

import pypdfium2
import pypdfium2.raw as pdfium

from shared.job import InputError

PLAIN = {".csv", ".qmd", ".md", ".txt", ".bib", ".css", ".lua", ".typ", ".js", ".json"}
MARKUP = {".html", ".htm", ".xhtml", ".xml", ".svg"}
# Files inside of a page, by their media type. Fonts and code come with the renderer; whatever else is no text cannot be read.
MEDIA = {"text/csv": ".csv", "text/html": ".html", "image/svg+xml": ".svg", "application/pdf": ".pdf"}
RENDERER = re.compile(r"font/|application/(x-)?(font|javascript)|text/(css|javascript)")
# Every pattern is linear on long strings: it begins where a word does, or stops at the next character of its own kind.
HELD = r"""(?i)data:((?:[\w.+-]{1,80}/[\w.+-]{1,80})?)((?:;[\w.+=%-]{1,200})*),([^"'\s<>()\\]*)(?:["']\s+download=["']([^"']*))?"""
ATTRIBUTE = r"""(?s)(?<![\w:-])([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')"""
APART = r"(?is)<(script|style)\b[^>]*>(?P<code>.*?)(?:</\1\s*>|\Z)|<!--(?P<comment>.*?)(?:-->|\Z)"
TAG = r"<(?:/?[A-Za-z]|\?|!(?!\[CDATA))[^<>]*>"  # a bare "<" is none, so that it swallows nothing
# Of the page that `snakemake --report` writes: its libraries' code and licences. What the run put in stands in scripts that begin with `var name =`.
PROVENANCE, LIBRARIES = (
    "provenance.html",
    r"""(?s)<meta name="viewport"[^>]*>|<(script|style)\b[^>]*>(?!\s*var (?!packages\b)\w+ = ).*?</\1>""",
)
GEOMETRY = {"d", "points", "transform", "viewBox", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}
# What is deleted from words: hyphens where a word may be cut, which pdfium gives as U+FFFE, and signs of no width.
UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufffe"
ACCENTS = "\u0300-\u036f"  # that stand after their letter
DEEPEST = 3  # markup inside of an attribute or a script, and entities inside of entities


@dataclass
class Reading:
    """A file as it may be read. A page's words may be cut by tags, so that it is read with tags as nothing too (`joined`): right for words and
    wrong for numbers, since neighbouring cells run together."""

    texts: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    tables: list[tuple[str, str]] = field(default_factory=list)  # (file name, CSV)
    held: list[tuple[str, str, bytes]] = field(default_factory=list)  # (file name or "", suffix, content)


def read_published(paths: list[Path]) -> dict[Path, Reading]:
    """Every file, and what it holds: a published file is read once, wherever it is held again.

    Raises:
        InputError: a file cannot be read, or holds another version of a published one.
    """
    contents = {path: path.read_bytes() for path in paths}
    known, by_name = set(contents.values()), {path.name: path for path in paths}
    readings = {}
    for path, content in contents.items():
        readings[path] = reading = read_file(path.name, path.suffix, content, where=str(path))
        reading.texts.append(path.stem.replace("_", " "))
        for name, suffix, held in reading.held:  # grows as it is gone through
            if held in known:
                continue
            if name in by_name:
                advice = "Make it anew (make provenance)" if path.name == PROVENANCE else "Run the workflow again"
                raise InputError(
                    f"{path}: expected in it the {name} of this run, found another than {by_name[name]}: the page is of an earlier run. "
                    f"{advice}, or remove it."
                )
            inner = read_file(name, suffix, held, where=f"{path}, in which {name or 'a file'}")
            for part in ("texts", "joined", "tables", "held"):
                getattr(reading, part).extend(getattr(inner, part))
    return readings


def read_file(name: str, suffix: str, content: bytes, *, where: str) -> Reading:
    """One file by its suffix: a PDF by its pages, outline, links and metadata, markup by its content, attributes, comments and scripts."""
    suffix = suffix.lower()
    if suffix == ".pdf":
        return Reading([reading for text in _pdf_texts(content) for reading in _unescaped(text)])
    if suffix not in PLAIN | MARKUP:
        kinds = ", ".join(sorted(PLAIN | MARKUP | {".pdf"}))
        raise InputError(
            f"{where}: expected a file that the privacy audit can read ({kinds}), found '{suffix}'. Remove it from the results."
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InputError(f"{where}: expected text in UTF-8, found {fault}. Write it in UTF-8 or remove it.") from None
    if suffix in MARKUP:
        return _markup(re.sub(LIBRARIES, " ", text) if name == PROVENANCE else text)
    return Reading(_unescaped(text), tables=[(name, text)] if suffix == ".csv" else [])


def _markup(text: str, depth: int = 0) -> Reading:
    reading, apart = Reading(), []

    def take_held(match):
        kind, parameters, content, download = match.groups()
        encoded = re.search("(?i);base64$", parameters)
        try:
            content = base64.b64decode(unquote(content) + "==") if encoded else unquote_to_bytes(content)
        except (binascii.Error, ValueError):
            return match[0]
        if not RENDERER.match(kind.lower()):
            named = re.search(r"filename=([^;]+)", parameters)
            suffix = MEDIA.get(kind.lower()) or _text_or_binary(content, kind)
            reading.held.append((download or (unquote(named[1]) if named else ""), suffix, content))
        return " " if encoded else match[0]

    def take_apart(match):
        apart.append(match["code"] if match["comment"] is None else match["comment"])
        return " "

    bare = re.sub(APART, take_apart, re.sub(HELD, take_held, text))
    values = [double or single for name, double, single in re.findall(ATTRIBUTE, bare) if name not in GEOMETRY]
    reading.texts += _unescaped(re.sub(TAG, " ", bare))
    reading.joined += _unescaped(re.sub(TAG, "", bare))
    for part in (*values, *apart):
        ways = _unescaped(part)
        reading.texts += ways
        if depth < DEEPEST:
            for inner in (_markup(way, depth + 1) for way in ways if re.search(TAG, way)):
                reading.texts += inner.texts
                reading.joined += inner.joined
                reading.held += inner.held
    return reading


def _text_or_binary(content, kind):
    """The suffix by which a file of a type without one in MEDIA is read; its type where it is no text."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return f".{kind}"
    return ".txt"


def seen(text: str) -> str:
    """The text as it is seen: without UNSEEN, and with every accent part of its letter (NFC)."""
    return unicodedata.normalize("NFC", re.sub(f"[{UNSEEN}]", "", text))


def _unescaped(text: str) -> list[str]:
    """The text with its entities resolved, and further readings of it: with the escapes of JSON and with those of web addresses resolved."""
    for _ in range(DEEPEST):
        text = html.unescape(text)
    text = seen(text)
    ways = [text]
    if "\\" in text:
        plain = re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", _character, text)
        ways.append(seen(plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))
    if re.search(r"%[0-9a-fA-F]{2}", text):
        ways.append(seen(unquote(text.replace("+", " "))))
    return ways


def _character(escape):
    return chr(int(escape[1], 16)) if escape[1] else " " if escape[2] in "nrtbf" else escape[2]


def _pdf_texts(content: bytes) -> list[str]:
    pdf = pypdfium2.PdfDocument(content)
    pages = list(pdf)
    texts = ["\n".join(page.get_textpage().get_text_range() for page in pages)]
    texts += [*pdf.get_metadata_dict().values(), *(entry.get_title() for entry in pdf.get_toc())]
    return [*texts, *(address for page in pages for address in _links_of(pdf, page))]


def _links_of(pdf, page):
    """Addresses of a page's link annotations."""
    place, link = ctypes.c_int(0), pdfium.FPDF_LINK()
    while pdfium.FPDFLink_Enumerate(page, ctypes.byref(place), ctypes.byref(link)):
        action = pdfium.FPDFLink_GetAction(link)
        length = pdfium.FPDFAction_GetURIPath(pdf, action, None, 0) if action else 0
        if length:
            buffer = ctypes.create_string_buffer(length)
            pdfium.FPDFAction_GetURIPath(pdf, action, buffer, length)
            yield buffer.value.decode("utf-8", "replace")
