"""What readers are handed: a page that works offline, a table, Label Studio's tasks; all of the same conversations and fields."""

import base64
import hashlib
import html
import itertools
import json
from pathlib import Path

import jinja2
import polars as pl

from shared.codebook import codebook_text


def reading_guide(codebook: dict) -> str:
    """Markdown: the whole codebook as readers read it."""
    reading = codebook["reading"]["sentiment"]
    levels = ", ".join(f"{value} {title}" for value, title in reading["levels"].items())
    return "\n".join(
        [
            "# Classes of a conversation\n",
            codebook_text(codebook["classes"]),
            "# Pushback by the assistant\n",
            codebook_text(codebook["pushback"]["kinds"]),
            f"# {reading['title']}\n\n{reading['definition']}\n",
            f"- Levels: {levels}\n- Does not count: {reading['counts_not']}\n",
        ]
    )


def _as_html(markdown: str) -> str:
    """The headings, lists and paragraphs of reading_guide."""
    tags = {"#": "h1", "##": "h2", "-": "li"}
    blocks = []
    for mark, lines in itertools.groupby(filter(None, markdown.split("\n")), lambda line: line.split(" ")[0]):
        tag = tags.get(mark, "p")
        texts = [line.removeprefix(mark) if mark in tags else line for line in lines]
        items = "".join(f"<{tag}>{html.escape(text.strip())}</{tag}>\n" for text in texts)
        blocks.append(f"<ul>\n{items}</ul>\n" if mark == "-" else items)
    return "".join(blocks)


def _policy_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def page(
    talks: list[dict],
    fields: list[dict],
    codebook: dict,
    *,
    dataset: str,
    sheet: str,
    third_reading: bool,
    template: str,
    style: str,
    script: str,
) -> str:
    """The sheet as one HTML file: no network (its content policy forbids it), answers kept in the browser.

    Args:
        talks: conversation_id, n_human, messages (role, text), and for a third reading differ (what the readers differ on).
        fields: readings.fields_of.
        sheet: name of the draw, by which an import finds the inclusion probabilities.
        template, style, script: of resources/sheet/; only they may run, by their hashes.
    """
    data = {
        "dataset": dataset,
        "sheet": sheet,
        "third_reading": third_reading,
        "fields": fields,
        "conversations": talks,
    }
    # "<" could end the element, or begin another one.
    embedded = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return jinja2.Template(template, undefined=jinja2.StrictUndefined, keep_trailing_newline=True).render(
        title=html.escape(f"Labels: {dataset}{', third reading' if third_reading else ''}"),
        style=style,
        style_hash=_policy_hash(style),
        script=script,
        script_hash=_policy_hash(script),
        codebook=_as_html(reading_guide(codebook)),
        data=embedded,
    )


def blank_table(talks: list[dict], fields: list[dict], *, dataset: str, sheet: str) -> pl.DataFrame:
    """The sheet as a table to be filled in, a row a conversation; its text stands in the last column."""
    rows = [
        {
            "source": dataset,
            "conversation_id": talk["conversation_id"],
            "reader": "",
            "sheet": sheet,
            "third_reading": "0",
        }
        | dict.fromkeys([*(field["name"] for field in fields), "notes"], "")
        | {"text": "\n\n".join(f"{message['role'].upper()}: {message['text']}" for message in talk["messages"])}
        for talk in talks
    ]
    return pl.DataFrame(rows)


def label_studio_tasks(talks: list[dict], *, dataset: str, sheet: str) -> list[dict]:
    """Tasks as Label Studio imports them; what the import here needs to know comes back with its export."""
    return [
        {
            "data": {
                "source": dataset,
                "conversation_id": talk["conversation_id"],
                "sheet": sheet,
                "third_reading": "0",
                "dialogue": [{"author": message["role"], "text": message["text"]} for message in talk["messages"]],
            }
        }
        for talk in talks
    ]


def talks_of(paths: list[str], conversation_ids: list[str]) -> list[dict]:
    """conversation_id, n_human and messages of selected conversations, in the order of the ids; those that are not among them are left out."""
    tables = [
        pl.scan_parquet(path)
        .select("conversation_id", "n_human", "messages")
        .filter(pl.col("conversation_id").is_in(conversation_ids))
        .collect()
        for path in paths
    ]
    found = {talk["conversation_id"]: talk for table in tables for talk in table.to_dicts()}
    return [found[name] for name in conversation_ids if name in found]


def parts_of_page(paths) -> dict[str, str]:
    """template, style and script of `page`, from the inputs of a rule."""
    return {name: Path(paths[name]).read_text(encoding="utf-8") for name in ("template", "style", "script")}
