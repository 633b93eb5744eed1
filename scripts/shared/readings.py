"""What readers say of conversations under the codebook: the fields, the ways in and out (CSV, Label Studio), and what cannot be."""

import csv
import json
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import quoteattr

import polars as pl

from shared.contracts import CATEGORIES
from shared.job import InputError

# Fields that depend on one another are decided together where readers differ.
PARTS = {
    "content_creation": ["content_creation"],
    "affective": ["affective", "categories", "professional"],
    "pushback": ["pushback", "pushback_reason"],
    "sentiment": ["sentiment_start", "sentiment_end"],
}
MANY = 5  # faults of a file that are told at once


def fields_of(codebook: dict) -> list[dict]:
    """What is asked of a reader, in order.

    Each field has name, title, kind (`one` or `several` of its options), options ([value, title] pairs), keys (of the options, in the sheet),
    required (where it is asked), and, where it is asked only of some, `needs`: [field, value that it must have; null: any].
    """
    classes, pushback, reading = codebook["classes"], codebook["pushback"], codebook["reading"]
    yes_no = [["1", "yes"], ["0", "no"]]

    def titles(names, entries):
        return [[name, entries[name]["title"]] for name in names]

    def field(name, title, options, keys, *, kind="one", required=True, needs=None, least_human_messages=0):
        entry = {"name": name, "title": title, "kind": kind, "options": options, "keys": keys, "required": required}
        return entry | {"needs": needs, "least_human_messages": least_human_messages}

    levels = [[str(value), f"{value} {title}"] for value, title in reading["sentiment"]["levels"].items()]
    certainty = [[str(value), f"{value} {title}"] for value, title in reading["sure"]["levels"].items()]
    reasons = [[name, name.replace("_", " ")] for name in pushback["reasons"]]
    title = reading["sentiment"]["title"]
    six = {"least_human_messages": 6}
    return [
        field("content_creation", classes["content_creation"]["title"], yes_no, "12"),
        field("affective", classes["affective"]["title"], yes_no, "34"),
        field("sure", reading["sure"]["title"], certainty, "567", required=False, needs=["affective", None]),
        field(
            "categories", "Categories", titles(CATEGORIES, classes), "qwerty", kind="several", needs=["affective", "1"]
        ),
        field("professional", classes["professional"]["title"], yes_no, "ui", needs=["categories", "counselling"]),
        field(
            "pushback", "Pushback", titles(pushback["kinds"], pushback["kinds"]), "asdf", kind="several", required=False
        ),
        field("pushback_reason", "Main reason of the pushback", reasons, "", needs=["pushback", None]),
        field("sentiment_start", f"{title}, first three messages", levels, "zxcvb", required=False, **six),
        field(
            "sentiment_end", f"{title}, last three messages", levels, "ghjkl", needs=["sentiment_start", None], **six
        ),
    ]


def faults(row: dict[str, str], fields: list[dict]) -> list[tuple[str, str]]:
    """(column, what was expected and found) for each cell that the codebook does not allow; `row` has every field as text, lists joined by |."""
    found = []
    for field in fields:
        value, allowed = row[field["name"]], [option for option, _ in field["options"]]
        chosen = value.split("|") if value and field["kind"] == "several" else [value] if value else []
        unknown = [part for part in chosen if part not in allowed]
        asked = _asked(row, field)
        if unknown or len(set(chosen)) < len(chosen):
            joined = " (several joined by |)" if field["kind"] == "several" else ""
            found.append((field["name"], f"expected {', '.join(allowed)}{joined}, found '{value}'"))
        elif chosen and not asked:
            name, wanted = field["needs"]
            found.append(
                (
                    field["name"],
                    f"expected nothing unless {name} {f'has {wanted}' if wanted else 'is filled'}, found '{value}'",
                )
            )
        elif field["required"] and asked and not chosen:
            found.append((field["name"], f"expected one of {', '.join(allowed)}, found nothing"))
    return found


def _asked(row: dict[str, str], field: dict) -> bool:
    if not field["needs"]:
        return True
    name, wanted = field["needs"]
    return wanted in row[name].split("|") if wanted else bool(row[name])


def label_studio_config(fields: list[dict]) -> str:
    """The labelling interface of Label Studio (Settings, Labeling Interface, Code)."""
    lines = [
        "<View>",
        '  <Paragraphs name="conversation" value="$dialogue" layout="dialogue" nameKey="author" textKey="text"/>',
    ]
    for field in fields:
        condition = ""
        if field["needs"]:
            name, wanted = field["needs"]
            condition = f" (only where {name} {f'has {wanted}' if wanted else 'is filled'})"
        choice, required = (
            {"one": "single", "several": "multiple"}[field["kind"]],
            field["required"] and not field["needs"],
        )
        lines += [
            f"  <Header value={quoteattr(field['title'] + condition)}/>",
            f'  <Choices name="{field["name"]}" toName="conversation" choice="{choice}" required="{str(required).lower()}" showInline="true">',
        ]
        for (value, title), key in zip(field["options"], field["keys"].ljust(len(field["options"])), strict=True):
            hotkey = f' hotkey="{key}"' if key != " " else ""
            lines.append(f"    <Choice value={quoteattr(title)} alias={quoteattr(value)}{hotkey}/>")
        lines.append("  </Choices>")
    lines += ['  <TextArea name="notes" toName="conversation" placeholder="Notes"/>', "</View>"]
    return "\n".join(lines) + "\n"


def _from_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(file)]


def _from_label_studio(path: Path) -> list[dict[str, str]]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
        rows = []
        for task in tasks:
            for annotation in task["annotations"]:
                if annotation.get("was_cancelled"):
                    continue
                reader = annotation["completed_by"]
                reader = reader.get("email") or reader["id"] if isinstance(reader, dict) else reader
                row = {key: task["data"][key] for key in ("source", "conversation_id", "sheet", "third_reading")}
                row["reader"] = str(reader)
                for result in annotation["result"]:
                    value = result["value"]
                    row[result["from_name"]] = "|".join(value.get("choices") or value.get("text", []))
                rows.append(row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: expected Label Studio's export in the format JSON (not JSON-MIN), of the tasks of label_studio.json; found something else "
            f"({type(error).__name__}: {error}). Export it again."
        ) from error
    return rows


def read_readings(paths: list[str], fields: list[dict], *, dataset: str) -> pl.DataFrame:
    """Readers' files as one table.

    Args:
        paths: exports of the sheet or CSV tables of the same columns (.csv), or Label Studio's export (.json).
        fields: fields_of the codebook.
        dataset: whose conversations they are of.

    Returns:
        conversation_id, reader, sheet (the draw; empty if it was none of ours), third_reading (bool), the fields as text, notes.
        Rows of a CSV in which no field is filled were not read and are left out.

    Raises:
        InputError: names file, row and column of what the codebook does not allow.
    """
    names = [field["name"] for field in fields]
    rows, wrong = [], []
    for path in map(Path, paths):
        table = _from_label_studio(path) if path.suffix == ".json" else _from_csv(path)
        missing = [
            name for name in ["conversation_id", *names] if table and path.suffix == ".csv" and name not in table[0]
        ]
        if missing:
            raise InputError(
                f"{path}: expected the columns of sheet.csv; missing: {', '.join(missing)}. Fill in a copy of sheet.csv, or export from sheet.html."
            )
        for number, given in enumerate(table, start=2 if path.suffix == ".csv" else 1):
            row = dict.fromkeys(["conversation_id", "sheet", *names, "notes"], "") | given
            if not any(row[name] for name in names):
                continue
            if row["professional"] == "0" and "counselling" not in row["categories"].split("|"):
                row["professional"] = ""  # as label files say it of what is not asked
            found = faults(row, fields)
            if row.get("source", dataset) not in ("", dataset):
                found.append(("source", f"expected {dataset}, found '{row['source']}'"))
            if not row["conversation_id"]:
                found.append(("conversation_id", "expected an id, found nothing"))
            wrong += [f"{path}, row {number}, column {column}: {what}" for column, what in found]
            rows.append(
                {
                    "conversation_id": row["conversation_id"],
                    "reader": row.get("reader") or path.stem,
                    "sheet": row["sheet"],
                }
                | {"third_reading": row.get("third_reading") == "1"}
                | {name: row[name] for name in [*names, "notes"]}
            )
    if wrong:
        more = f" ... and {len(wrong) - MANY} more." if len(wrong) > MANY else ""
        raise InputError(f"{'; '.join(wrong[:MANY])}.{more} resources/labels/README.md describes each column.")
    schema = dict.fromkeys(["conversation_id", "reader", "sheet"], pl.String) | {"third_reading": pl.Boolean}
    table = pl.DataFrame(rows, schema=schema | dict.fromkeys([*names, "notes"], pl.String))
    twice = table.filter(pl.struct("conversation_id", "reader").is_duplicated())
    if twice.height:
        raise InputError(
            f"{twice['conversation_id'][0]} was read twice by {twice['reader'][0]} in {', '.join(map(str, paths))}. Keep one row; "
            "two readers need two names."
        )
    return table


def only_draw(readings: pl.DataFrame, *, dataset: str) -> str | None:
    """Name of the draw that the readings come from; none where they come from none.

    Raises:
        InputError: they come from two.
    """
    sheets = sorted(set(readings["sheet"]) - {""})
    if len(sheets) > 1:
        raise InputError(
            f"data/labels/{dataset}/readings/ holds readings of {len(sheets)} draws ({', '.join(sheets)}); their probabilities cannot be joined. "
            "Keep the files of one draw there."
        )
    return sheets[0] if sheets else None


def decide(readings: pl.DataFrame) -> list[dict]:
    """What each part of each conversation is decided to be.

    - First readings that agree, or more than half of them, decide. Sentiment by levels that are at most one apart is their mean.
    - Where they differ the third reading decides; third readings that differ among themselves decide nothing.

    Returns:
        A dict for each conversation and part of PARTS, sorted: conversation_id, part, answers (field -> text; none where undecided), differ (bool),
        decided_by (one reader, agreement, the third reader's name, or nobody), said (what each reader said).
    """
    decisions = []
    for (name,), rows in sorted(readings.group_by("conversation_id")):
        rows = sorted(rows.to_dicts(), key=lambda row: (row["third_reading"], row["reader"]))
        first = [row for row in rows if not row["third_reading"]] or rows
        third = [row for row in rows if row["third_reading"]]
        for part, fields in PARTS.items():

            def given(row, fields=fields):
                return tuple(row[field] for field in fields)

            said = Counter(map(given, first))
            common, n = said.most_common(1)[0]
            answers, by = (
                (common, "agreement" if len(first) > 1 else "one reader") if 2 * n > len(first) else (None, "nobody")
            )
            if answers is None and part == "sentiment":
                answers, by = _mean(said), "agreement"
            differ = answers is None
            if differ:
                by = "nobody"
                if len(set(map(given, third))) == 1:
                    answers, by = given(third[0]), third[0]["reader"]
            decisions.append(
                {
                    "conversation_id": name,
                    "part": part,
                    "answers": dict(zip(fields, answers, strict=True)) if answers is not None else None,
                    "differ": differ,
                    "decided_by": by,
                    "said": "; ".join(f"{row['reader']}: {' '.join(given(row))}" for row in rows),
                }
            )
    return decisions


def _mean(said: Counter) -> tuple[str, ...] | None:
    """Means of levels that lie at most one apart; none where they lie further apart or somebody said nothing."""
    columns = list(zip(*said.elements(), strict=True))
    if any("" in column for column in columns):
        return None
    numbers = [list(map(float, column)) for column in columns]
    if any(max(column) - min(column) > 1 for column in numbers):
        return None
    return tuple(f"{sum(column) / len(column):g}" for column in numbers)
