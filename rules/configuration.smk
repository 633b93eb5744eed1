"""This part compares the configuration with its schema and with itself: a fault ends the run in one sentence before anything is done.
Reads: config/config.yaml, what the command line adds to it, and config/config.schema.yaml.
Writes: nothing."""

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


def check_config():
    """Compare the merged configuration with its schema and with itself; the first fault ends the run in a sentence."""
    schema = read_yaml(BASE / "config" / "config.schema.yaml")
    ordered = typed(config, schema, schema["$defs"])
    config.clear()
    config.update(ordered)
    validator = jsonschema.Draft202012Validator(schema)
    for fault in sorted(validator.iter_errors(config), key=lambda f: list(map(str, f.path))):
        where = ".".join(map(str, fault.absolute_path)) or "the top level"
        if fault.validator == "additionalProperties" and isinstance(fault.schema.get("properties"), dict):
            allowed = ", ".join(sorted(fault.schema["properties"]))
            unknown = ", ".join(sorted(set(fault.instance) - set(fault.schema["properties"])))
            stop(
                f"unknown key '{unknown}' in {where}. Allowed there: {allowed}. Hint: config/README.md describes every key."
            )
        hint = fault.schema.get("description", "config/README.md describes every key.")
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
    if sorted(config["sentiment"]["cut_points"]) != config["sentiment"]["cut_points"]:
        stop(f"sentiment.cut_points must rise, found {config['sentiment']['cut_points']}.")


check_config()
if "files" in config:
    if "own-logs" not in config["datasets"]:
        stop("files is set, but own-logs is not among datasets. Hint: add --configfile config/own-logs.yaml.")
    config["sources"]["own-logs"]["files"] = [pattern.strip() for pattern in config["files"].split(",")]
