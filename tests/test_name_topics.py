"""Names of topics by a language model: what it is shown, what a name may be, and a run that asks a real endpoint on this machine."""

import json
import re

import endpoint
import polars as pl
import pytest
from audit_privacy import addresses_in, audit_privacy
from conftest import ROOT, copy_project, snakemake
from endpoint import SETTINGS, conversation_in
from name_topics import PROMPT, TASK, name_topics, to_name
from pydantic import ValidationError

from shared.endpoint import Refused
from shared.judge import Answers
from shared.judging import ask_all, recorded
from shared.published import Reading
from shared.tables import MERGED, UNNAMED


def judge_of(world, folder, **changes):
    return endpoint.judge_of(world, folder, TASK, **changes)


def topics(*rows):
    """Published topics: (category, words, shown)."""
    return pl.DataFrame(
        [
            {"dataset": "own", "category": category, "topic": words, "name": None, "suppressed": not shown}
            for category, words, shown in rows
        ],
        schema_overrides={"name": pl.String},
    )


BOATS = ("coaching", "harbour, mast, sails", True)
GARDENS = ("counselling", "spade, roses", True)


def test_the_model_is_shown_the_category_and_the_published_words_and_nothing_else(world, tmp_path):
    world.judge = lambda shown: {"name": "Sailing and harbours"}
    items = to_name(topics(BOATS), settings=SETTINGS)
    named = judge_of(world, tmp_path).ask(items[0]["content"])
    assert named == {"name": "Sailing and harbours", "answered_by": "judge-2025-01-01"}
    request = world.requests[0]
    assert conversation_in(request) == [{"type": "coaching"}, {"words": "harbour, mast, sails"}]
    system, user = request["messages"]
    assert system["content"] == PROMPT and user["content"].endswith("Name the topic.")


def test_hidden_merged_and_wordless_topics_are_not_asked_about_and_the_same_words_once():
    rows = [BOATS, ("coaching", "salt, pepper", False), ("coaching", MERGED, True), ("romantic", UNNAMED, True), BOATS]
    assert [item["topic"] for item in to_name(topics(*rows), settings=SETTINGS)] == ["harbour, mast, sails"]


@pytest.mark.parametrize(
    "name",
    [
        "Call 5551234",
        "Ask otti@example.org",
        "See example.org",
        "one two three four five six seven",
        "a" * 61,
        "",
        " ",
        "Boats; drop table",
        "Boats\nand more",
        "Boats (many)",
        "<b>Boats</b>",
        7,
        ["Boats"],
    ],
    ids=str,
)
def test_what_is_no_name_is_asked_again_and_then_left_out(world, tmp_path, name):
    world.judge = lambda shown: {"name": name}
    items = to_name(topics(BOATS), settings=SETTINGS)
    answers = Answers(tmp_path / "a")
    unanswered = ask_all(items, judge=judge_of(world, tmp_path), answers=answers)
    assert len(world.requests) == SETTINGS["tries"] and list(unanswered) == [items[0]["key"]]
    rows = recorded(items, answers, unanswered, settings=SETTINGS, task=TASK)
    assert name_topics(topics(BOATS), [row for row in rows if "unanswered" not in row])["name"].to_list() == [None]


@pytest.mark.parametrize(
    "name", ["Boats", "A skipper’s first sail", "Work-life balance, sleep and stress", "Être ou ne pas être", None]
)
def test_few_plain_words_are_a_name_and_so_is_none(name):
    assert TASK.answer(name=name).name == name
    assert not any(addresses_in(Reading([name or ""])).values())


def test_another_key_is_no_name():
    with pytest.raises(ValidationError):
        TASK.answer(name="Boats", quote="I sailed alone")


def test_names_stand_beside_the_words_of_every_data_set_that_has_them():
    table = pl.concat([topics(BOATS, GARDENS), topics(BOATS).with_columns(dataset=pl.lit("other"))])
    named = name_topics(table, [{"category": "coaching", "topic": "harbour, mast, sails", "name": "Boats"}])
    assert named["name"].to_list() == ["Boats", None, "Boats"]
    assert named.drop("name").equals(table.drop("name")) and named.columns == table.columns


def test_a_model_that_is_busy_is_asked_again_and_one_that_declines_is_not(world, tmp_path):
    content = to_name(topics(BOATS), settings=SETTINGS)[0]["content"]
    world.judge, world.faults = lambda shown: {"name": "Boats"}, [{"status": 503}, {"content": "Boats!"}]
    assert judge_of(world, tmp_path).ask(content)["name"] == "Boats" and len(world.requests) == 3
    world.faults = [{"message": {"refusal": "No."}, "content": None}]
    with pytest.raises(Refused):
        judge_of(world, tmp_path).ask(content)


def test_a_run_names_its_topics_once_and_again_from_a_recording(world, tmp_path):
    project = copy_project(tmp_path)
    world.judge = lambda shown: {"name": "Evenings at home"}
    llm = f"base_url: '{world.base_url}', model: judge, api_key_variable: JUDGE_KEY"
    targets = ["results/demo/tables/topics.csv", "results/demo/figures/topics.svg"]

    def run(*more, **settings):
        told = ", ".join([llm, *(f"{key}: {value}" for key, value in settings.items())])
        config = ["topics={naming: llm}", f"classify={{llm: {{{told}}}}}"]
        done = snakemake(*targets, *more, "--configfile=config/demo.yaml", "--config", *config, cwd=project)
        assert done.returncode == 0, done.stdout
        return pl.read_csv(project / targets[0])

    table = run()
    words = table.filter(pl.col("name").is_not_null())["topic"].to_list()
    # Several are asked at a time, in any order.
    assert words and sorted(line[1]["words"] for line in map(conversation_in, world.requests)) == sorted(words)
    assert not set(words) & {MERGED, UNNAMED}
    assert "Evenings at home" in (project / targets[1]).read_text(encoding="utf-8")
    recording = project / "data" / "judge" / "demo" / "topics" / "answers.jsonl"
    assert {json.loads(line)["answered_by"] for line in recording.open(encoding="utf-8")} == {"judge-2025-01-01"}
    asked, kept = len(world.requests), recording.rename(project / "answers.jsonl")
    again = run(replay=kept, cache="elsewhere")
    assert again.equals(table) and len(world.requests) == asked
    page = project / "results" / "demo" / "report" / "provenance.html"
    page.parent.mkdir()
    run("--report", str(page.relative_to(project)), replay=kept, cache="elsewhere")
    assert not re.search(rf"{world.base_url}|JUDGE_KEY|{kept}", page.read_text(encoding="utf-8"))
    published = [path for path in page.parents[1].rglob("*") if path.is_file()]
    assert audit_privacy(published, [], [], min_conversations=10, min_users=10, n_words=8)["n_findings"].sum() == 0


def test_a_name_asks_for_a_model():
    done = snakemake("-n", "--config", "topics={naming: llm}", cwd=ROOT)
    assert done.returncode == 1 and "topics.naming is llm, but classify.llm.model names no model" in done.stdout
