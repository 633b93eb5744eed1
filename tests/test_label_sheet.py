"""The sheet for readers: in a real browser from file://, by keyboard, over a reload, out and in again; and as table and tasks."""

import json
import re
import threading
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, HTTPServer

import polars as pl
import pytest
import yaml
from browser import CHROMIUM, browser
from conftest import ROOT

from shared.contracts import CATEGORIES, PUSHBACK_KINDS
from shared.readings import fields_of, label_studio_config, read_readings
from shared.sheet import blank_table, label_studio_tasks, page

CODEBOOK = yaml.safe_load((ROOT / "config" / "codebook.yaml").read_text(encoding="utf-8"))
FIELDS = fields_of(CODEBOOK)
NAMES = {"dataset": "harbour", "sheet": "0123456789ab"}
HOSTILE = """</script><script>document.title = "broken in"</script><img src="https://example.org/x.png" onerror="document.title='broken in'">
<style>body { display: none }</style> {{ data }} <!-- \u202e\u2028 "quotes", commas"""


def talk(name, n_human=2, text="The tide was out and so was my patience."):
    said = [{"role": "human", "text": text}, {"role": "assistant", "text": "And now?"}]
    return {"conversation_id": name, "n_human": n_human, "messages": said * n_human}


TALKS = [talk("h1"), talk("h2", text=HOSTILE), talk("h3", n_human=6)]


def write_page(path, talks=TALKS, third_reading=False):
    parts = {
        name: (ROOT / "resources" / "sheet" / f"sheet.{end}").read_text(encoding="utf-8")
        for name, end in {"template": "html", "style": "css", "script": "js"}.items()
    }
    path.write_text(page(talks, FIELDS, CODEBOOK, third_reading=third_reading, **NAMES, **parts), encoding="utf-8")
    return path


def count(tab):
    return tab.value("document.getElementById('count').textContent")


def shown(tab):
    return tab.value("document.getElementById('heading').textContent")


def pressed(tab):
    return tab.value(
        "[...document.querySelectorAll('[aria-pressed=true]')].map(b => b.dataset.field + ' ' + b.dataset.value)"
    )


def name_reader(tab, name):
    tab.click("#reader")
    tab.value("document.getElementById('reader').select()")
    tab.press(*name, "Escape")


def export(tab, folder, name):
    folder.mkdir(exist_ok=True)
    tab.downloads(folder)
    tab.click("#export")
    for _ in range(100):
        if (folder / name).exists():
            return folder / name
        tab.until("new Promise(done => setTimeout(() => done(true), 100))")
    raise AssertionError(f"{name} was not downloaded: {list(folder.iterdir())}")


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed; .ci/run installs it")


@needs_chromium
def test_labels_made_by_keyboard_outlive_the_browser_and_are_imported_unchanged(tmp_path):
    sheet = write_page(tmp_path / "sheet.html").as_uri()
    with browser(tmp_path / "profile") as tab:
        tab.open(sheet)
        assert (shown(tab), count(tab)) == ("Conversation 1 of 3", "0 of 3 read")
        name_reader(tab, "ann")
        tab.press("2", "3", "6", "q", "e", "u", "a", "s", "s")
        tab.press("m", "c", "a", "p", "Escape")
        assert count(tab) == "1 of 3 read"
        tab.press("n", *'Unsure, "really"', "Escape", "Enter")
        assert shown(tab) == "Conversation 2 of 3"
        tab.press("1", "4")
    with browser(tmp_path / "profile") as tab:
        tab.open(sheet)
        assert (shown(tab), count(tab)) == ("Conversation 2 of 3", "2 of 3 read")
        assert pressed(tab) == ["content_creation 1", "affective 0"]
        tab.press("ArrowRight", "2", "4")
        assert "Sentiment" in tab.value("document.getElementById('missing').textContent")
        tab.press("x", "j")
        assert count(tab) == "3 of 3 read"
        table = read_readings([export(tab, tmp_path / "out", "harbour_ann.csv")], FIELDS, dataset="harbour")
        assert tab.problems == []
    assert table["conversation_id"].to_list() == ["h1", "h2", "h3"]
    assert table["reader"].unique().to_list() == ["ann"]
    first, second, third = table.to_dicts()
    assert (first["categories"], first["professional"]) == ("interpersonal|counselling", "1")
    assert (first["pushback"], first["pushback_reason"], first["sure"]) == ("refusal", "capability", "2")
    assert first["notes"] == 'Unsure, "really"'
    assert (second["content_creation"], second["affective"], second["categories"]) == ("1", "0", "")
    assert (third["sentiment_start"], third["sentiment_end"]) == ("-1", "0")


@needs_chromium
def test_an_earlier_export_is_taken_up_in_another_browser(tmp_path):
    sheet = write_page(tmp_path / "sheet.html").as_uri()
    with browser(tmp_path / "one") as tab:
        tab.open(sheet)
        name_reader(tab, "ben")
        tab.press("2", "3", "r", "n", *"A line", "Escape")
        exported = export(tab, tmp_path / "out", "harbour_ben.csv")
    with browser(tmp_path / "two") as tab:
        tab.open(sheet)
        tab.attach("#import", exported)
        tab.until("document.getElementById('count').textContent.startsWith('1 ')")
        assert pressed(tab) == ["content_creation 0", "affective 1", "categories companionship"]
        assert tab.value("document.getElementById('reader').value") == "ben"
        assert tab.value("document.getElementById('notes').value") == "A line"
        assert export(tab, tmp_path / "again", "harbour_ben.csv").read_bytes() == exported.read_bytes()


@needs_chromium
def test_a_second_reader_in_the_same_browser_does_not_see_the_first_one_s_answers(tmp_path):
    with browser(tmp_path / "profile") as tab:
        tab.open(write_page(tmp_path / "sheet.html").as_uri())
        name_reader(tab, "ann")
        tab.press("2", "4")
        name_reader(tab, "ben")
        assert (pressed(tab), count(tab)) == ([], "0 of 3 read")
        name_reader(tab, "ann")
        assert count(tab) == "1 of 3 read"


@needs_chromium
def test_what_a_conversation_says_is_shown_as_text_and_nothing_is_asked_of_the_network(tmp_path):
    sheet = write_page(tmp_path / "sheet.html", talks=[TALKS[1]]).as_uri()
    with browser(tmp_path / "profile") as tab:
        tab.open(sheet)
        assert tab.value("document.querySelector('#messages .text').textContent") == HOSTILE
        assert tab.value("document.title") == "Labels: harbour"
        assert tab.value("document.querySelectorAll('#messages img, #messages script, #messages style').length") == 0
        assert [url for url in tab.requests if not url.startswith(("file:", "data:"))] == []


@needs_chromium
def test_even_code_that_ran_in_the_page_could_tell_nobody(tmp_path):
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    with HTTPServer(("127.0.0.1", 0), Listener) as server, browser(tmp_path / "profile") as tab:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        tab.open(write_page(tmp_path / "sheet.html").as_uri())
        tab.value(f"fetch('{address}/fetch').then(() => 1, () => 0)")
        tab.value(
            f"new Promise(done => {{ const i = new Image(); i.onerror = i.onload = done; i.src = '{address}/image'; }})"
        )
        tab.value(f"navigator.sendBeacon('{address}/beacon')")
        policy = [problem for problem in tab.problems if "Content Security Policy" in problem]
        server.shutdown()
    assert asked == []
    assert len(policy) >= 2


@needs_chromium
def test_a_third_reader_is_told_what_the_readers_differ_on_and_not_what_they_said(tmp_path):
    talks = [TALKS[0] | {"differ": "affective"}]
    with browser(tmp_path / "profile") as tab:
        tab.open(write_page(tmp_path / "third.html", talks, third_reading=True).as_uri())
        assert tab.value("document.getElementById('differ').textContent") == "The readers differ on: affective."
        name_reader(tab, "eve")
        tab.press("2", "4")
        table = read_readings([export(tab, tmp_path / "out", "harbour_eve.csv")], FIELDS, dataset="harbour")
    assert table["third_reading"].to_list() == [True]


def test_the_page_lets_nothing_in_but_its_own_script_and_style(tmp_path):
    text = write_page(tmp_path / "sheet.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"https?://|@import|url\(", re.sub(r'<script type="application/json".*', "", text))


def test_a_conversation_cannot_end_the_element_that_holds_it(tmp_path):
    text = write_page(tmp_path / "sheet.html").read_text(encoding="utf-8")
    embedded = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1)
    assert json.loads(embedded)["conversations"] == TALKS


def test_the_page_asks_for_every_class_and_kind_of_the_codebook():
    options = {field["name"]: [value for value, _ in field["options"]] for field in FIELDS}
    assert options["categories"] == CATEGORIES
    assert options["pushback"] == PUSHBACK_KINDS
    assert options["pushback_reason"] == list(CODEBOOK["pushback"]["reasons"])


def test_no_key_chooses_two_things():
    keys = "".join(field["keys"] for field in FIELDS) + "nm"
    assert len(set(keys)) == len(keys)
    assert all(len(field["keys"]) in (0, len(field["options"])) for field in FIELDS)


def test_the_table_has_the_columns_of_an_export_and_begins_no_cell_with_a_formula(tmp_path):
    path = tmp_path / "anna.csv"
    table = blank_table([talk("h1", text="=1+1")], FIELDS, **NAMES)
    assert table["text"][0].startswith("HUMAN: =1+1")
    table.with_columns(content_creation=pl.lit("0"), affective=pl.lit("0")).write_csv(path)
    assert read_readings([path], FIELDS, dataset="harbour")["reader"].to_list() == ["anna"]


def test_label_studio_gets_a_choice_for_each_option_and_the_tasks_what_the_import_asks_back():
    interface = ElementTree.fromstring(label_studio_config(FIELDS))
    choices = {field.get("name"): [entry.get("alias") for entry in field] for field in interface.iter("Choices")}
    assert choices == {field["name"]: [value for value, _ in field["options"]] for field in FIELDS}
    keys = [entry.get("hotkey") for entry in interface.iter("Choice") if entry.get("hotkey")]
    assert len(set(keys)) == len(keys)
    task = label_studio_tasks(TALKS, **NAMES)[1]["data"]
    assert (task["conversation_id"], task["dialogue"][0]["text"]) == ("h2", HOSTILE)


def test_nothing_that_readers_see_tells_the_classifier_s_answer(tmp_path):
    text = write_page(tmp_path / "sheet.html").read_text(encoding="utf-8")
    shared = text + json.dumps(label_studio_tasks(TALKS, **NAMES)) + blank_table(TALKS, FIELDS, **NAMES).write_csv()
    assert not re.search('p_affective|stratum|inclusion|candidate|weight"', shared)
