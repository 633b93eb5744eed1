"""The workflow as a whole: its form, its contracts with itself, and what it says of a bad configuration."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, snakemake

RULE_FILES = sorted((ROOT / "rules").glob("*.smk"))
RULES = {
    name: body
    for path in RULE_FILES
    for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
OF_READERS = {"plan_labels", "draw_label_sample", "compare_readings", "adjudicate_labels", "join_held_out"}
TRAINED = {"classify": "affect", "pushback": "pushback", "sentiment": "sentiment"}
OF_THE_JUDGE = {"plan_judging", "judge_shard", "judge_pushback", "evaluate_judge"}


def test_lint_is_clean():
    done = snakemake("--lint", cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "ruff", "check", "scripts", "tests"],
        ["-m", "ruff", "format", "--check", "scripts", "tests"],
        ["-m", "snakefmt", "--check", "Snakefile", "rules"],
    ],
    ids=lambda command: " ".join(command[1:3]),
)
def test_code_is_formatted(command):
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_forced_dry_run_of_the_default_run_plans_every_stage():
    done = snakemake("--forceall", "--dry-run", cwd=ROOT)
    assert done.returncode == 0, done.stdout
    on_request = {
        "resolve_source",
        "train_classifier",
        "train_sentiment",
        "train_pushback",
        "evaluate_concerns",
        *OF_READERS,
        "name_topics",
        *OF_THE_JUDGE,
    }
    missing = [name for name in RULES if name not in on_request and not re.search(rf"^{name}\s", done.stdout, re.M)]
    assert missing == []
    assert not any(re.search(rf"^{name}\s", done.stdout, re.M) for name in {"name_topics", *OF_THE_JUDGE})


def test_dry_run_with_names_by_a_model_plans_them_and_no_judge():
    options = ["topics={naming: llm}", "classify={llm: {model: m}}"]
    done = snakemake("--forceall", "--dry-run", "--config", *options, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    asking = {"name_topics", *OF_THE_JUDGE}
    assert {name for name in asking if re.search(rf"^{name}\s", done.stdout, re.M)} == {"name_topics"}


@pytest.mark.parametrize(
    ("classifier", "detector", "absent"),
    [("llm", "offline", {"judge_pushback"}), ("offline", "llm", {"judge_shard"}), ("llm", "llm", set())],
)
def test_dry_run_with_a_judge_plans_it_beside_the_instruments_that_stand_in_for_it(classifier, detector, absent):
    options = [f"classify={{classifier: {classifier}, llm: {{model: m}}}}", f"pushback={{detector: {detector}}}"]
    done = snakemake("--forceall", "--dry-run", "--config", *options, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    known = {"classify_shard", "detect_pushback", *OF_THE_JUDGE}
    assert {name for name in known if re.search(rf"^{name}\s", done.stdout, re.M)} == known - absent


@pytest.mark.parametrize(
    "target", ["data/labels/control/sheet.html", "train_classifier", "train_pushback", "evaluate_concerns"]
)
def test_rules_on_request_can_be_planned(target):
    done = snakemake("--dry-run", target, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("rule", RULES)
def test_rule_script_log_and_benchmark_share_their_name(rule):
    body = RULES[rule]
    assert f'"../scripts/{rule}.py"' in body
    assert re.search(rf'log:\n\s+f?"logs/{rule}[/.]', body)
    assert re.search(rf'benchmark:\n\s+f?"benchmarks/{rule}[/.]', body)
    assert f'code=code("{rule}")' in body


@pytest.mark.parametrize("rule", RULES)
def test_rule_has_a_docstring_and_a_public_function_of_its_name(rule):
    assert re.match(r'\s+"""[A-Z0-9].+', RULES[rule])
    tree = ast.parse((ROOT / "scripts" / f"{rule}.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert rule in names | imported


def test_every_script_belongs_to_a_rule():
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == set(RULES)


def test_public_functions_are_documented():
    bare = []
    for path in (ROOT / "scripts").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and node.name != "main" and not ast.get_docstring(node):
                bare.append(f"{path.name}:{node.name}")
    assert bare == []


def test_each_rule_file_says_what_it_does_reads_and_writes():
    for path in RULE_FILES:
        docstring = path.read_text(encoding="utf-8").split('"""')[1].strip().splitlines()
        assert len(docstring) >= 3
        assert docstring[1].startswith("Reads:") and docstring[2].startswith("Writes:"), path.name


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_the_head_of_a_rule_file_names_each_output_or_its_folder(path):
    text = path.read_text(encoding="utf-8")
    head = text.split('"""')[1].split("Writes:")[1]
    folders = [word.rstrip(".,;") for word in head.split() if word.rstrip(".,;").endswith("/")]
    blocks = "".join(re.findall(r"^    output:\n((?:        .*\n)+)", text, re.MULTILINE))
    outputs = [
        name.replace("{{", "{").replace("}}", "}").replace("{RUN}", "{run}")
        for name in re.findall(r'"([^"]+/[^"]+)"', blocks)
        if not name.startswith("../") and re.match(r"[^{]+$", name.split("/")[-1].split(".")[0])
    ]
    untold = [
        name
        for name in outputs
        if not any(f"/{folder}" in f"/{name}" for folder in folders)
        and not re.search(rf"\b{name.split('/')[-1].split('.')[0]}\b", head)
    ]
    assert untold == []


def test_a_change_in_an_imported_module_reruns_the_rules_that_import_it_and_no_others(demo):
    module = demo / "scripts" / "shared" / "pushback.py"
    before = module.read_text(encoding="utf-8")
    try:
        module.write_text(before + "\n# changed\n", encoding="utf-8")
        planned = snakemake("--configfile", "config/demo.yaml", "--dry-run", cwd=demo).stdout
    finally:
        module.write_text(before, encoding="utf-8")
    assert re.search(r"^detect_pushback\s", planned, re.M)
    assert not re.search(r"^(score_sentiment|classify_shard|select_shard)\s", planned, re.M)


def test_requirements_and_environment_agree():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"][-1]["pip"] == pins
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in pins)


def test_every_configuration_key_is_described():
    readme = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    schema = yaml.safe_load((ROOT / "config" / "config.schema.yaml").read_text(encoding="utf-8"))

    def keys(node):
        for name, child in node.get("properties", {}).items():
            yield name
            yield from keys(child)

    named = [*keys(schema), *keys(schema["$defs"]["source"])]
    assert [name for name in named if f"`{name}`" not in readme] == []


def test_no_workflow_file_names_a_path_of_one_machine():
    for path in [ROOT / "Snakefile", *RULE_FILES, *(ROOT / "scripts").rglob("*.py"), *(ROOT / "config").glob("*")]:
        assert not re.search(r"(^|[\s\"'=(])/(home|root|work|tmp)/", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["sentimnt={a: 1}"], ["unknown key 'sentimnt'", "Allowed there", "config/README.md"]),
        (["control=sharegpt"], ["unknown key 'control' in the top level"]),
        (["select={langauges: [en]}"], ["unknown key 'langauges' in select", "languages"]),
        (["seed=many"], ["seed", "many"]),
        (["datasets=[nowhere]"], ["data set 'nowhere' is not described", "sharegpt"]),
        (["sentiment={window: 4}"], ["min_human_messages", "twice"]),
        (["sentiment={cut_points: [0.5, 0.1, 0.2, 0.3]}"], ["cut_points must rise"]),
        (["sentiment={cut_points: [-0.5, 0.1, 0.1, 0.3]}"], ["cut_points must rise"]),
        (["select={near_duplicate_similarity: .nan}"], ["near_duplicate_similarity", "nan", "Jaccard"]),
        (["classify={llm: {max_cost: .inf}}"], ["max_cost", "inf", "currency"]),
        (["select={languages: [en, xx]}"], ["no language 'xx'", "resources/languages.csv"]),
        (["select={languages: [en, English]}"], ["languages.1", "English", "ISO 639-1"]),
        (["classify={codebook: mine.yaml}"], ["classify.codebook", "'mine.yaml'", "check the path"]),
        (["classify={model: mine.csv}"], ["classify.model", "'mine.csv'", "_held_out.csv", "data/models/affect.csv"]),
        (["pushback={model: mine.csv}"], ["pushback.model", "'mine.csv'", "data/models/pushback.csv"]),
        (["pushback={labels: mine.csv}"], ["pushback.labels", "'mine.csv'"]),
        (["sentiment={model: data/models/senti.csv}"], ["sentiment.model", "'data/models/senti.csv'"]),
        (["concerns={taxonomy: mine.yaml}"], ["concerns.taxonomy", "'mine.yaml'"]),
        (["concerns={evaluation: mine.csv}"], ["concerns.evaluation", "'mine.csv'"]),
        (["validate={labels: [data/labels/sharegpt/labels.csv]}"], ["validate.labels", "data/labels/sharegpt"]),
        (["estimate={confidence: 95}"], ["estimate.confidence", "95"]),
        (["classify={classifier: llm}"], ["classify.llm.model names no model"]),
        (["pushback={detector: llm}"], ["pushback.detector is llm", "classify.llm.model names no model"]),
        (["classify={classifier: gpt}"], ["classify.classifier", "offline", "llm"]),
        (["classify={llm: {api_key_variable: sk-123}}"], ["classify.llm.api_key_variable", "never the key itself"]),
        (["classify={llm: {base_url: 'https://me:pw@example.org/v1'}}"], ["base_url", "without user or password"]),
        (["classify={classifier: llm, llm: {model: m, replay: no.jsonl}}"], ["classify.llm.replay", "no.jsonl"]),
        (["select={person: {max_countries: 0}}"], ["select.person.max_countries", "0"]),
        (["sources={control: {user_key_until: 2024-09-31}}"], ["control.user_key_until", "day", "2024-09-30"]),
        (["sources={sharegpt: {user_key_until: 2024-09-30}}"], ["asks for users and times", "available"]),
    ],
    ids=lambda value: value[0],
)
def test_bad_configuration_is_refused_in_one_sentence(overrides, words):
    done = snakemake("--dry-run", "--config", *overrides, cwd=ROOT)
    assert done.returncode != 0
    sentence = next(line for line in done.stdout.splitlines() if line.startswith("Configuration:"))
    assert all(word in sentence for word in words), sentence
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("part", TRAINED)
def test_a_model_without_its_error_rates_is_refused(tmp_path, part):
    (tmp_path / "mine.csv").touch()
    done = snakemake("--dry-run", "--config", f"{part}={{model: {tmp_path}/mine.csv}}", cwd=ROOT)
    assert done.returncode != 0
    assert f"{part}.model: there is no file '{tmp_path}/mine_held_out.csv'" in done.stdout


def test_files_that_rules_make_need_not_be_there(project):
    readings = project / "data/labels/control/readings"
    readings.mkdir(parents=True)
    (readings / "anne.csv").touch()
    made = [
        "validate={labels: [data/labels/control/labels.csv]}",
        "concerns={evaluation: data/models/concerns_evaluation.csv}",
        *(f"{part}={{model: data/models/{name}.csv}}" for part, name in TRAINED.items()),
    ]
    done = snakemake("--configfile", "config/demo.yaml", "--dry-run", "--config", *made, cwd=project)
    assert done.returncode == 0, done.stdout
    for rule in ("train_classifier", "train_pushback", "train_sentiment", "evaluate_concerns", "adjudicate_labels"):
        assert re.search(rf"^{rule}\s", done.stdout, re.M), rule


def test_a_run_elsewhere_than_in_the_folder_of_the_snakefile_is_refused(tmp_path):
    preset = ROOT / "config" / "demo.yaml"
    done = snakemake("--dry-run", f"--configfile={preset}", "--snakefile", f"{ROOT}/Snakefile", cwd=tmp_path)
    assert done.returncode != 0
    assert f"run it in the folder of the Snakefile, {ROOT}." in done.stdout


def test_more_conversations_published_than_there_were_are_refused(tmp_path):
    preset = tmp_path / "preset.yaml"
    removed = "{n_public: 9, n_all: 3, why: left out, source: a page}"
    preset.write_text(f"sources: {{sharegpt: {{removed: {removed}}}}}", encoding="utf-8")
    done = snakemake("--dry-run", f"--configfile={preset}", cwd=ROOT)
    assert done.returncode != 0 and "sources.sharegpt.removed has n_public above n_all" in done.stdout


def test_a_second_reader_that_is_not_installed_is_told_of_before_the_run(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['presidio_analyzer'] = None", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = snakemake("--dry-run", "--config", "privacy={second_reader: presidio}", cwd=ROOT)
    assert done.returncode != 0 and "Hint: pip install presidio-analyzer" in done.stdout


@pytest.mark.parametrize("setting", ["select={near_duplicate_similarity: 0.95}", "sources={sharegpt: {parts: false}}"])
def test_numbers_and_truths_inside_a_map_on_the_command_line_are_such(setting):
    done = snakemake("--dry-run", "--config", setting, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_audit_knows_the_words_of_the_configuration_in_use(tmp_path):
    for name in ("preset.yaml", "codebook.yaml", "concerns.yaml"):
        (tmp_path / name).write_text((ROOT / "config" / name.replace("preset", "demo")).read_text(), encoding="utf-8")
    settings = [f"classify={{codebook: {tmp_path}/codebook.yaml}}", f"concerns={{taxonomy: {tmp_path}/concerns.yaml}}"]
    planned = snakemake("-nF", f"--configfile={tmp_path}/preset.yaml", "--config", *settings, cwd=ROOT).stdout
    (read,) = re.findall(r"^rule audit_privacy:\n    input: (.*)", planned, re.M)
    assert {"preset.yaml", "codebook.yaml", "concerns.yaml"} <= {Path(path).name for path in read.split(", ")}
    assert not {"config/codebook.yaml", "config/concerns.yaml"} & {*read.split(", ")}


def test_what_the_network_will_be_asked_for_is_said_before_anything_starts(project):
    planned = snakemake("--dry-run", cwd=project).stdout
    assert "To download: sharegpt, 1 of 1 files, 27.1 MB." in planned


def test_missing_files_of_a_local_source_are_named():
    done = snakemake("--dry-run", "--configfile", "config/own-logs.yaml", "--config", "files=nowhere/*.jsonl", cwd=ROOT)
    assert done.returncode != 0
    assert "no file matches 'nowhere/*.jsonl'" in done.stdout and "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", ["is a folder", "/*.json'"]),
        ("/*{1}.jsonl", ["has braces", "rename it"]),
        ("/*.jsonl", ["b{1}.jsonl' has braces", "rename it"]),
        ("/*.csv", ["cannot read", "rows that hold one message each must be grouped by conversation"]),
    ],
)
def test_own_files_that_cannot_be_taken_are_named(tmp_path, pattern, words):
    for name in ("b{1}.jsonl", "c.csv"):
        (tmp_path / name).write_text("")
    done = snakemake("-n", "--configfile=config/own-logs.yaml", "--config", f"files={tmp_path}{pattern}", cwd=ROOT)
    sentence = next(line for line in done.stdout.splitlines() if line.startswith("Configuration:"))
    assert done.returncode != 0 and all(word in sentence for word in words), sentence


def test_own_files_of_one_name_are_told_apart_and_one_without_a_conversation_ends_the_run(project):
    for folder in ("ann", "ben"):
        (project / "own" / folder).mkdir(parents=True)
        (project / "own" / folder / "talks.jsonl").write_text('{"title": "Ducks"}')
    raw = [f"data/raw/own-logs/0000{number}.jsonl" for number in (0, 1)]
    targets = [*raw, "data/interim/own-logs/conversations/00000.parquet"]
    done = snakemake(
        "-k", "--configfile=config/own-logs.yaml", "--config", "files=own/**/*.jsonl", "--", *targets, cwd=project
    )
    recorded = [json.loads((project / f"{target}.origin.json").read_text())["file"] for target in raw]
    assert recorded == ["ann/talks.jsonl", "ben/talks.jsonl"]
    log = (project / "logs/normalise_shard/own-logs/00000.log").read_text()
    assert done.returncode != 0 and not (project / targets[-1]).exists()
    assert "none of its 1 records can be read" in log and "the record's keys are title" in log
    assert "1 rejects: no list of messages" in log and "Ducks" not in log and "Traceback" not in log


def test_list_rules_reads_like_a_table_of_contents():
    done = snakemake("--list-rules", cwd=ROOT)
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.split() and line.split()[0] in RULES]
    assert [name for name in RULES if name not in listed] == []


def test_nothing_that_a_run_makes_is_committed():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    made = [name for name in listed.stdout.split() if Path(name).parts[0] in {"data", "results", "logs", "benchmarks"}]
    assert made == []


def test_files_without_own_logs_among_the_data_sets_are_refused():
    done = snakemake("--dry-run", "--config", "files=data/own/*.jsonl", cwd=ROOT)
    assert done.returncode != 0 and "add --configfile config/own-logs.yaml" in done.stdout
