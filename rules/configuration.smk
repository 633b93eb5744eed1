"""This part compares the configuration with its schema and with itself: a fault ends the run in one sentence before anything is done.
Reads: config/config.yaml, what the command line adds to it, config/config.schema.yaml and resources/languages.csv.
Writes: nothing."""

import csv
import math
import sys
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import yaml

BASE = Path(workflow.basedir)


def stop(sentence):
    """End with one sentence on the configuration instead of a traceback."""
    print(f"Configuration: {sentence}", file=sys.stderr)
    sys.exit(1)


if workflow.is_main_process and not Path("config/config.yaml").is_file():
    stop(f"there is no config/config.yaml in {Path.cwd()}. Hint: run it in the folder of the Snakefile, {BASE}.")
# A number that is none (nan) or has no end passes every bound, so neither counts as a number.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "number",
        lambda _, value: isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value),
    ),
)


def read_yaml(path):
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def typed(value, schema, parts):
    """`value` with the numbers that its schema asks for: inside {...} on the command line Snakemake hands every number over as text.

    Keys stand in the schema's order: Snakemake puts those of the command line first, and rules whose params differ in their order alone would run again.
    `parts` are the schema's $defs.
    """
    if "$ref" in schema:
        schema = parts[schema["$ref"].removeprefix("#/$defs/")]
    if isinstance(value, dict):
        named, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        keys = [key for key in named if key in value] + [key for key in value if key not in named]
        return {key: typed(value[key], named.get(key, others), parts) for key in keys}
    if isinstance(value, list):
        return [typed(entry, schema.get("items", {}), parts) for entry in value]
    if isinstance(value, str) and schema.get("type") in {"integer", "number", "boolean"}:
        return yaml.safe_load(value)
    return value


def check_source(name, source):
    """What the schema cannot say of a source: lists and numbers that belong together, a day that there is, a pattern that names every shard otherwise."""
    if "removed" in source and source["removed"]["n_public"] > source["removed"]["n_all"]:
        stop(
            f"sources.{name}.removed has n_public above n_all. Hint: n_all counts the conversations before the removal."
        )
    if "user_key_until" in source:
        try:
            date.fromisoformat(source["user_key_until"])
        except ValueError as fault:
            stop(f'sources.{name}.user_key_until: {fault}. Hint: a day, as "2024-09-30".')
        if not {"user", "time"} <= set(source["available"]):
            stop(f"sources.{name}.user_key_until asks for users and times. Hint: add user and time to its `available`.")
    if source["kind"] == "http" and len(source["urls"]) != len(source["sha256s"]):
        stop(
            f"sources.{name} has {len(source['urls'])} urls and {len(source['sha256s'])} sha256s. Hint: one checksum for each URL, in the same order."
        )
    if source["kind"] == "hf":
        try:
            names = {source["pattern"].format(shard=n, n_shards=source["n_shards"]) for n in range(source["n_shards"])}
        except (KeyError, IndexError, ValueError, AttributeError) as fault:
            stop(
                f"sources.{name}.pattern: cannot fill in '{source['pattern']}' ({fault}). Hint: it may hold {{shard:05d}} and {{n_shards:05d}}."
            )
        if len(names) < source["n_shards"]:
            stop(
                f"sources.{name}.pattern: '{source['pattern']}' names the same file for every shard. Hint: write {{shard:05d}} where the number of the shard stands."
            )


def hint_of(fault, schema):
    """What the schema says of the value at fault; an entry of a list that it does not describe is described as the list."""
    there, hint = schema, None
    for step in fault.absolute_schema_path:  # which leaves "$ref" out
        if isinstance(there, dict) and "$ref" in there:
            there = schema["$defs"][there["$ref"].rpartition("/")[2]]
        hint = None if step == "properties" else hint
        there = there[step]
        hint = there.get("description", hint) if isinstance(there, dict) else hint
    return hint or "config/README.md describes every key."


def held_out_of(model):
    """The cross-validated predictions that were written beside a model: its error rates never come from another one."""
    return f"{model.removesuffix('.csv')}_held_out.csv"


def check_files():
    """Every file that a key names is there, or made by a rule. Where results are finished, Snakemake does without an input that is missing, and the report would tell of an instrument that never ran."""
    models = {f"{part}.model": config[part]["model"] for part in ("classify", "pushback", "sentiment")}
    files = [
        ("classify.codebook", config["classify"]["codebook"]),
        ("pushback.labels", config["pushback"]["labels"]),
        *((f"concerns.{key}", path) for key, path in config["concerns"].items()),
        *(("validate.labels", path) for path in config["validate"]["labels"]),
        *(("classify.llm.replay", path) for path in [config["classify"]["llm"]["replay"]] if path),
        *((key, path) for key, model in models.items() for path in (model, held_out_of(model))),
    ]
    trained = {key: f"data/models/{name}.csv" for key, name in zip(models, ("affect", "pushback", "sentiment"))}
    made = {*trained.values(), *map(held_out_of, trained.values()), "data/models/concerns_evaluation.csv"}
    for dataset in [*config["datasets"], *config["classify"]["training_sources"]]:
        if any(Path("data/labels", dataset, "readings").glob("*")):
            made.add(f"data/labels/{dataset}/labels.csv")
    for key, path in files:
        if path not in made and not Path(path).is_file():
            hint = "check the path."
            if key in models:
                hint = f"name a model beside which its _held_out.csv lies, from which its error rates come, or {trained[key]} to train one."
            stop(f"{key}: there is no file '{path}', looked for in {Path.cwd()}. Hint: {hint}")


def check_config():
    """Compare the merged configuration with its schema and with itself; the first fault ends the run in a sentence."""
    schema = read_yaml(BASE / "config" / "config.schema.yaml")
    ordered = typed(config, schema, schema["$defs"])
    config.clear()
    config.update(ordered)
    validator = Validator(schema)
    for fault in sorted(validator.iter_errors(config), key=lambda f: list(map(str, f.path))):
        where = ".".join(map(str, fault.absolute_path)) or "the top level"
        if fault.validator == "additionalProperties" and isinstance(fault.schema.get("properties"), dict):
            allowed = ", ".join(sorted(fault.schema["properties"]))
            unknown = ", ".join(sorted(set(fault.instance) - set(fault.schema["properties"])))
            stop(
                f"unknown key '{unknown}' in {where}. Allowed there: {allowed}. Hint: config/README.md describes every key."
            )
        hint = hint_of(fault, schema)
        stop(f"{where}: {fault.message}. Hint: {hint}")
    for name in [*config["datasets"], *config["classify"]["training_sources"]]:
        if name not in config["sources"]:
            stop(f"data set '{name}' is not described under sources. Known: {', '.join(config['sources'])}.")
    for name, source in config["sources"].items():
        check_source(name, source)
    if config["sentiment"]["min_human_messages"] < 2 * config["sentiment"]["window"]:
        stop(
            "sentiment.min_human_messages must be at least twice sentiment.window, or the first and last messages overlap."
        )
    if config["privacy"]["second_reader"] == "presidio" and not find_spec("presidio_analyzer"):
        stop("privacy.second_reader is presidio, which is not installed. Hint: pip install presidio-analyzer, or none.")
    if sorted(set(config["sentiment"]["cut_points"])) != config["sentiment"]["cut_points"]:
        stop(f"sentiment.cut_points must rise from each to the next, found {config['sentiment']['cut_points']}.")
    with (BASE / "resources" / "languages.csv").open(encoding="utf-8") as lines:
        codes = {row["code"] for row in csv.DictReader(lines)}
    if unknown := [code for code in config["select"]["languages"] if code not in codes]:
        stop(f"select.languages: there is no language '{unknown[0]}'. Hint: codes stand in resources/languages.csv.")
    if workflow.is_main_process:
        check_files()


check_config()
if "files" in config:
    if "own-logs" not in config["datasets"]:
        stop("files is set, but own-logs is not among datasets. Hint: add --configfile config/own-logs.yaml.")
    config["sources"]["own-logs"]["files"] = [pattern.strip() for pattern in config["files"].split(",")]
