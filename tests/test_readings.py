"""From readers' files to labels: what the codebook does not allow, Label Studio's export, and who decides where readers differ."""

import json

import polars as pl
import pytest
import yaml
from adjudicate_labels import COLUMNS, adjudicate_labels
from compare_readings import compare_readings
from conftest import ROOT
from import_labels import import_labels

from shared.job import InputError
from shared.labels import read_labels
from shared.readings import fields_of, label_studio_config, only_draw, read_readings

FIELDS = fields_of(yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8")))
NAMES = [field["name"] for field in FIELDS]
BLANK = dict.fromkeys(NAMES, "")
PLAIN = BLANK | {"content_creation": "0", "affective": "0"}
DEAR = BLANK | {"content_creation": "0", "affective": "1", "categories": "coaching"}
DRAW = "0123456789ab"


def row(name, answers=PLAIN, **more):
    return {"source": "harbour", "conversation_id": name, "reader": "ann", "sheet": DRAW} | answers | more


def write(path, *rows):
    pl.DataFrame(rows).write_csv(path)
    return path


def read(*paths):
    return read_readings(list(paths), FIELDS, dataset="harbour")


def readings(tmp_path, **by_reader):
    """A file for each reader, of their rows; readers whose name begins with "third" read again what the others differ on."""
    return read(
        *(
            write(
                tmp_path / f"{name}.csv",
                *(entry | {"reader": name, "third_reading": str(int(name.startswith("third")))} for entry in rows),
            )
            for name, rows in by_reader.items()
        )
    )


# --- files


@pytest.mark.parametrize(
    ("answers", "column", "words"),
    [
        (PLAIN | {"affective": "yes"}, "affective", ["expected 1, 0", "found 'yes'"]),
        (PLAIN | {"affective": ""}, "affective", ["expected one of 1, 0", "found nothing"]),
        (DEAR | {"categories": "coaching|cooking"}, "categories", ["interpersonal", "found 'coaching|cooking'"]),
        (DEAR | {"categories": "coaching|coaching"}, "categories", ["found 'coaching|coaching'"]),
        (DEAR | {"categories": ""}, "categories", ["found nothing"]),
        (PLAIN | {"categories": "coaching"}, "categories", ["nothing unless affective has 1"]),
        (DEAR | {"categories": "counselling"}, "professional", ["found nothing"]),
        (DEAR | {"professional": "1"}, "professional", ["nothing unless categories has counselling"]),
        (PLAIN | {"pushback": "refusal"}, "pushback_reason", ["found nothing"]),
        (PLAIN | {"pushback_reason": "privacy"}, "pushback_reason", ["nothing unless pushback is filled"]),
        (PLAIN | {"sentiment_start": "3"}, "sentiment_start", ["expected -2, -1, 0, 1, 2"]),
        (PLAIN | {"sentiment_start": "1"}, "sentiment_end", ["found nothing"]),
        (PLAIN | {"sure": "4"}, "sure", ["expected 1, 2, 3"]),
    ],
)
def test_what_the_codebook_does_not_allow_is_told_by_file_row_and_column(tmp_path, answers, column, words):
    path = write(tmp_path / "ann.csv", row("h1"), row("h2", answers))
    with pytest.raises(InputError) as fault:
        read(path)
    assert f"{path}, row 3, column {column}: " in str(fault.value)
    assert all(word in str(fault.value) for word in words)


def test_all_faults_of_a_file_are_counted_and_the_first_ones_told(tmp_path):
    path = write(tmp_path / "ann.csv", *(row(f"h{n}", PLAIN | {"affective": "?"}) for n in range(9)))
    with pytest.raises(InputError, match=r"row 2, .*row 6, .*and 4 more"):
        read(path)


def test_conversations_of_another_data_set_are_refused(tmp_path):
    with pytest.raises(InputError, match="column source: expected harbour, found 'station'"):
        read(write(tmp_path / "ann.csv", row("h1", source="station")))


def test_a_table_without_a_column_of_the_codebook_is_refused(tmp_path):
    path = tmp_path / "ann.csv"
    pl.DataFrame([row("h1")]).drop("pushback").write_csv(path)
    with pytest.raises(InputError, match=r"ann\.csv: expected the columns of sheet\.csv; missing: pushback"):
        read(path)


def test_a_conversation_that_one_reader_read_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match="h1 was read twice by ann"):
        read(write(tmp_path / "one.csv", row("h1")), write(tmp_path / "two.csv", row("h1", DEAR)))


def test_rows_that_are_not_filled_in_yet_are_no_readings(tmp_path):
    table = read(write(tmp_path / "ann.csv", row("h1"), row("h2", BLANK)))
    assert table["conversation_id"].to_list() == ["h1"]


def test_a_reader_without_a_name_goes_by_the_name_of_the_file(tmp_path):
    assert read(write(tmp_path / "ben.csv", row("h1", reader="")))["reader"].to_list() == ["ben"]


def test_a_spreadsheet_s_byte_order_mark_and_blanks_do_no_harm(tmp_path):
    path = write(tmp_path / "ann.csv", row("h1", DEAR | {"categories": " coaching "}))
    path.write_text("\ufeff" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert read(path).select("conversation_id", "categories").rows() == [("h1", "coaching")]


def annotation(by, **chosen):
    results = [
        {"from_name": name, "to_name": "conversation", "type": "choices", "value": {"choices": value}}
        for name, value in chosen.items()
        if name != "notes"
    ]
    if "notes" in chosen:
        results.append(
            {"from_name": "notes", "to_name": "conversation", "type": "textarea", "value": {"text": chosen["notes"]}}
        )
    return {"id": 1, "completed_by": by, "was_cancelled": False, "result": results}


def label_studio(path, *annotations):
    data = {"source": "harbour", "conversation_id": "h1", "sheet": DRAW, "third_reading": "0", "dialogue": []}
    path.write_text(
        json.dumps([{"id": 1, "data": data, "annotations": list(annotations), "predictions": []}]), encoding="utf-8"
    )
    return path


def test_label_studio_s_export_is_read_by_annotator(tmp_path):
    one = annotation(7, content_creation=["0"], affective=["1"], categories=["coaching", "romantic"], notes=["hard"])
    two = annotation({"id": 8, "email": "ben@example.org"}, content_creation=["0"], affective=["0"])
    table = read(label_studio(tmp_path / "export.json", one, two))
    assert table.select("conversation_id", "reader", "sheet").rows() == [
        ("h1", "7", DRAW),
        ("h1", "ben@example.org", DRAW),
    ]
    assert table.select("affective", "categories", "notes").rows() == [
        ("1", "coaching|romantic", "hard"),
        ("0", "", ""),
    ]


def test_what_label_studio_s_annotators_cancelled_does_not_count(tmp_path):
    cancelled = annotation(7, content_creation=["0"], affective=["1"]) | {"was_cancelled": True}
    assert read(label_studio(tmp_path / "export.json", cancelled)).height == 0


def test_label_studio_s_answers_are_held_to_the_codebook_too(tmp_path):
    with pytest.raises(InputError, match=r"export\.json, row 1, column categories: expected one of"):
        read(label_studio(tmp_path / "export.json", annotation(7, content_creation=["0"], affective=["1"])))


@pytest.mark.parametrize("text", ['[{"affective": "1", "annotator": 1}]', "{}}", '{"a": 1}'])
def test_another_json_than_label_studio_s_export_is_refused_with_what_to_do(tmp_path, text):
    path = tmp_path / "export.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="not JSON-MIN"):
        read(path)


def test_every_field_of_the_interface_is_a_field_of_the_import():
    assert all(f'name="{name}"' in label_studio_config(FIELDS) for name in NAMES)


# --- who decides


def labels_of(table, drawn=None):
    return {entry["conversation_id"]: entry for entry in adjudicate_labels(table, drawn, dataset="harbour").to_dicts()}


def test_readers_who_agree_decide_and_one_reader_is_said_to_be_one(tmp_path):
    found = labels_of(readings(tmp_path, ann=[row("h1", DEAR), row("h2")], ben=[row("h1", DEAR)]))
    assert (found["h1"]["categories"], found["h1"]["decided_by"], found["h1"]["readings"]) == (
        "coaching",
        "agreement",
        "2",
    )
    assert (found["h2"]["affective"], found["h2"]["decided_by"], found["h2"]["professional"]) == (
        "0",
        "one reader",
        "0",
    )


def test_where_readers_differ_nothing_is_decided_until_a_third_has_read_it(tmp_path):
    table = readings(tmp_path, ann=[row("h1", DEAR), row("h2")], ben=[row("h1"), row("h2")])
    assert compare_readings(table).rows() == [("h1", "affective", "ann: 1 coaching ; ben: 0  ", "nobody")]
    with pytest.raises(InputError, match="differ on 1 conversations .*h1.*disagreements.html"):
        labels_of(table)


def test_the_third_reader_decides_what_the_others_differ_on_and_nothing_else(tmp_path):
    third = row("h1", DEAR | {"content_creation": "1", "categories": "interpersonal"})
    table = readings(tmp_path, ann=[row("h1", DEAR)], ben=[row("h1")], third_eve=[third])
    assert compare_readings(table)["decided_by"].to_list() == ["third_eve"]
    found = labels_of(table)["h1"]
    assert (found["affective"], found["categories"], found["content_creation"]) == ("1", "interpersonal", "0")
    assert (found["decided_by"], found["readings"]) == ("third_eve (affective)", "3")


def test_two_of_three_readers_decide_without_another(tmp_path):
    table = readings(tmp_path, ann=[row("h1", DEAR)], ben=[row("h1")], cleo=[row("h1", DEAR)])
    assert labels_of(table)["h1"]["affective"] == "1"
    assert compare_readings(table).height == 0


def test_fields_that_depend_on_one_another_are_decided_together(tmp_path):
    other = DEAR | {"categories": "interpersonal"}
    table = readings(tmp_path, ann=[row("h1", DEAR)], ben=[row("h1", other)], third_eve=[row("h1")])
    found = labels_of(table)["h1"]
    assert (found["affective"], found["categories"]) == ("0", "")


@pytest.mark.parametrize(("one", "two", "start"), [("-1", "-2", "-1.5"), ("1", "1", "1"), ("-1", "1", None)])
def test_levels_of_sentiment_one_apart_are_averaged_and_others_go_to_a_third(tmp_path, one, two, start):
    both = [row("h1", PLAIN | {"sentiment_start": level, "sentiment_end": "0"}) for level in (one, two)]
    table = readings(tmp_path, ann=[both[0]], ben=[both[1]])
    if start is None:
        assert compare_readings(table)["part"].to_list() == ["sentiment"]
    else:
        found = labels_of(table)["h1"]
        assert (found["sentiment_start"], found["sentiment_end"]) == (start, "0")


def test_how_sure_a_label_is_is_what_the_least_sure_reader_says(tmp_path):
    table = readings(tmp_path, ann=[row("h1", PLAIN | {"sure": "3"})], ben=[row("h1", PLAIN | {"sure": "1"})])
    assert labels_of(table)["h1"]["sure"] == "1"


DRAWN = pl.DataFrame(
    [
        ("h1", "over .6", 2, 2),
        ("h2", "over .6", 2, 2),
        ("h3", "under .02", 90, 3),
        ("h4", "under .02", 90, 3),
        ("h5", "under .02", 90, 3),
    ],
    schema=["conversation_id", "stratum", "n_stratum", "n_drawn"],
    orient="row",
)


def test_labels_of_a_whole_draw_weigh_the_inverse_of_their_probability_and_add_up_to_the_population(tmp_path):
    found = labels_of(readings(tmp_path, ann=[row(f"h{n}") for n in range(1, 6)]), DRAWN)
    assert [float(entry["weight"]) for entry in found.values()] == [1, 1, 30, 30, 30]


def test_labels_of_a_draw_that_is_read_in_part_stand_for_all_of_their_stratum(tmp_path):
    found = labels_of(readings(tmp_path, ann=[row("h1"), row("h2"), row("h4"), row("h5")]), DRAWN)
    assert [float(entry["weight"]) for entry in found.values()] == [1, 1, 45, 45]


def test_what_was_not_drawn_has_no_weight(tmp_path):
    assert labels_of(readings(tmp_path, ann=[row("h9")]), DRAWN)["h9"]["weight"] == ""


def test_readings_of_two_draws_are_not_joined(tmp_path):
    table = readings(tmp_path, ann=[row("h1"), row("h2", sheet="ba9876543210")])
    with pytest.raises(InputError, match="2 draws"):
        only_draw(table, dataset="harbour")


# --- on to the instruments


def measures(*rows):
    table = pl.DataFrame(rows, schema=["conversation_id", "affective", "compared"], orient="row")
    return table.with_columns(content_creation=False)


def test_labels_stand_beside_the_measures_as_a_label_file_that_anything_can_read(tmp_path):
    path = tmp_path / "labels.csv"
    adjudicate_labels(readings(tmp_path, ann=[row("h1", DEAR)]), DRAWN, dataset="harbour").write_csv(path)
    found = import_labels(read_labels(path), measures(("h1", True, True), ("h2", False, True)), dataset="harbour")
    assert pl.read_csv(path).columns == COLUMNS
    assert found.select("conversation_id", "weight", "label_affective", "label_categories").row(0) == (
        "h1",
        2.0,
        True,
        ["coaching"],
    )


def test_own_labels_take_the_place_of_all_others_of_the_data_set(tmp_path):
    def file(name, dataset, conversation):
        table = adjudicate_labels(readings(tmp_path, ann=[row(conversation)]), None, dataset=dataset)
        table.write_csv(tmp_path / name)
        return str(tmp_path / name)

    shipped = [file("shipped.csv", "harbour", "h1"), file("others.csv", "station", "s1")]
    own = [file("own.csv", "harbour", "h2")]
    assert read_labels(shipped, own=own)["conversation_id"].to_list() == ["s1", "h2"]
    assert read_labels([*shipped, *own], own=own).height == 2


def test_compared_conversations_stand_for_the_others_of_their_kind(tmp_path):
    path = tmp_path / "labels.csv"
    table = readings(tmp_path, ann=[row("h1"), row("h2"), row("h3"), row("h4")])
    adjudicate_labels(table, DRAWN, dataset="harbour").write_csv(path)
    found = import_labels(
        read_labels(path),
        measures(
            ("h1", True, True), ("h2", False, True), ("h3", False, False), ("h4", False, True), ("h5", False, False)
        ),
        dataset="harbour",
    )
    assert found["weight"].to_list() == [1, 1, 45, 45]
    assert found["weight_compared"].to_list() == [1, 2, None, 90]
