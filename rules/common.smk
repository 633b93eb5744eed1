"""What every part shares: the shards of a data set, who judges and labels, fingerprints of imported modules.
Reads: the checked configuration.
Writes: nothing."""

import glob
import hashlib
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

# Jobs are short and make large tables: memory that they free is kept for the next table, since taking it from the system anew costs a sixth of their time.
os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:2,dirty_decay_ms:-1,muzzy_decay_ms:-1")  # of Polars
for threshold in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"):  # of everything else on Linux
    os.environ.setdefault(threshold, str(1 << 30))

SHARED = BASE / "scripts" / "shared"
RUN = config["run"]
MODEL = config["classify"]["model"]
PUSHBACK_MODEL = config["pushback"]["model"]
DATASETS = config["datasets"]
TITLES = {dataset: config["sources"][dataset]["title"] for dataset in DATASETS}
CONTROL = "control"  # the source of known truth, for the instrument check; it never feeds a finding
# Human messages from which conversations are scored at all: the study's rule, and those of the specification curve.
SHORTEST = [config["sentiment"]["min_human_messages"], *config["sentiment"]["specifications"]["min_human_messages"]]
FLOORS = {name: config["privacy"][name] for name in ("min_conversations", "min_users")}
PROCESSED = list(dict.fromkeys([*DATASETS, CONTROL]))


def local_files(dataset):
    """Files of a local source in a fixed order, from its paths and patterns."""
    patterns = config["sources"][dataset]["files"]
    if not patterns:
        stop(f"sources.{dataset}.files is empty. Hint: name your files, e.g. --config files='data/own/*.jsonl'.")
    files = []
    for pattern in patterns:
        found = sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())
        if Path(pattern).is_dir():
            stop(
                f"sources.{dataset}.files: '{pattern}' is a folder. Hint: name the files in it, e.g. '{Path(pattern) / '*.json'}'."
            )
        braces = next((path for path in [pattern, *found] if "{" in path or "}" in path), None)
        if braces:
            stop(
                f"sources.{dataset}.files: '{braces}' has braces, which no name of a file may have here. Hint: rename it, or name several patterns, separated by commas."
            )
        if not found:
            stop(
                f"sources.{dataset}.files: no file matches '{pattern}', looked for in {Path.cwd()}. Hint: check the path, and quote patterns on the command line."
            )
        files += found
    return list(dict.fromkeys(files))


def path_within(dataset, path):
    """A local file's path below the folder in which its pattern begins: it tells files of one name apart, and no folder above."""
    fixed = [os.path.dirname(re.split(r"[*?[]", pattern)[0]) for pattern in config["sources"][dataset]["files"]]
    below = [Path(path).relative_to(folder) for folder in fixed if Path(path).is_relative_to(folder)]
    return str(max(below, key=lambda way: len(way.parts)))


def shards_of(dataset):
    """{shard: file name as published}: what is fetched, normalised and measured as one unit of work."""
    source = config["sources"][dataset]
    if source["kind"] == "pypi":
        return {"00000": f"{source['package']}-{source['version']}.whl"}
    if source["kind"] == "hf":
        names = [source["pattern"].format(shard=n, n_shards=source["n_shards"]) for n in range(source["n_shards"])]
        return {f"{number:05d}": name for number, name in enumerate(names)}
    if source["kind"] == "http":
        return {f"{number:05d}": urlsplit(url).path for number, url in enumerate(source["urls"])}
    return {f"{number:05d}": path for number, path in enumerate(local_files(dataset))}


EXTENSIONS = ["jsonl.gz", "json.gz", "jsonl.zst", "json.zst", "jsonl", "ndjson", "json", "parquet", "whl", "zip"]
TRAINING = config["classify"]["training_sources"]
SHARDS = {dataset: shards_of(dataset) for dataset in dict.fromkeys([*PROCESSED, *TRAINING])}


wildcard_constraints:
    dataset="|".join(map(re.escape, SHARDS)),
    shard=r"\d{5}",
    extension="|".join(map(re.escape, EXTENSIONS)),
    task="affect|pushback",


def extension_of(dataset, shard):
    """Extension of the published file, in small letters; two for compressed ones (jsonl.gz)."""
    name = Path(SHARDS[dataset][shard]).name.lower()
    for extension in EXTENSIONS:
        if name.endswith(f".{extension}"):
            return extension
    stop(
        f"sources.{dataset}: cannot read '{SHARDS[dataset][shard]}'. Files end in: {', '.join(EXTENSIONS)}. Hint: make JSON lines of it; rows that hold one message each must be grouped by conversation, config/README.md shows how."
    )


def raw_file(wildcards):
    """The shard as fetched, with the extension it was published under."""
    return f"data/raw/{wildcards.dataset}/{wildcards.shard}.{extension_of(wildcards.dataset, wildcards.shard)}"


def local_file(wildcards):
    """A local source's file is an input, so a changed file reruns what follows; other kinds have none."""
    is_local = config["sources"][wildcards.dataset]["kind"] == "local"
    return SHARDS[wildcards.dataset][wildcards.shard] if is_local else []


def manifest_file(wildcards):
    """The manifest of a Hugging Face data set is an input: another commit is fetched anew."""
    return "data/raw/{dataset}/MANIFEST.json" if config["sources"][wildcards.dataset]["kind"] == "hf" else []


def published(wildcards):
    """Params function: where this shard is published, so that another shard's address or a new title reruns nothing."""
    source = config["sources"][wildcards.dataset]
    if source["kind"] == "http":
        number = int(wildcards.shard)
        return {"kind": "http", "url": source["urls"][number], "sha256": source["sha256s"][number]}
    if source["kind"] == "local":
        return {"kind": "local", "file": path_within(wildcards.dataset, SHARDS[wildcards.dataset][wildcards.shard])}
    return described("kind", "package", "version", "sha256")(wildcards)


def still_to_download(dataset):
    """How many shards of a data set are not here yet, and their bytes; None where nobody has said how large they are."""
    source, manifest = config["sources"][dataset], Path(f"data/raw/{dataset}/MANIFEST.json")
    missing = [
        shard
        for shard in SHARDS[dataset]
        if not Path(f"data/raw/{dataset}/{shard}.{extension_of(dataset, shard)}").exists()
    ]
    if source["kind"] == "hf" and manifest.exists():
        sizes = {shard: file["size"] for shard, file in read_yaml(manifest)["files"].items()}
        if sizes.keys() >= set(missing):
            return len(missing), sum(sizes[shard] for shard in missing)
    return len(missing), source.get("bytes") if len(missing) == len(SHARDS[dataset]) else None


def announce_downloads():
    """Say before anything starts, in a dry run too, what the network will be asked for."""
    for dataset in DATASETS:
        kind = config["sources"][dataset]["kind"]
        n_missing, n_bytes = still_to_download(dataset) if kind != "local" else (0, 0)
        if n_missing:
            hint = f"; data/raw/{dataset}/MANIFEST.json as target asks the hub and downloads nothing else"
            size = f"unknown size{hint if kind == 'hf' else ''}" if n_bytes is None else f"{n_bytes / 1e6:,.1f} MB"
            print(f"To download: {dataset}, {n_missing} of {len(SHARDS[dataset])} files, {size}.", file=sys.stderr)


if workflow.is_main_process:
    announce_downloads()


def described(*keys):
    """Params function: what the rule needs of its source's description, so that a new title reruns nothing."""
    return lambda wildcards: {key: value for key, value in config["sources"][wildcards.dataset].items() if key in keys}


def reading_files(dataset):
    """The files of whoever read conversations of a data set."""
    folder = Path("data/labels") / dataset / "readings"
    return sorted(str(path) for path in folder.glob("*") if path.suffix in {".csv", ".json"})


def own_labels(wildcards):
    """Input function: labels made from readings of the data set, which take the place of all others of it; none where nobody read it here."""
    return [f"data/labels/{wildcards.dataset}/labels.csv"] if reading_files(wildcards.dataset) else []


# What an LLM judges in this run, and by which key.
JUDGES = {
    "affect": ("classify.classifier", config["classify"]["classifier"]),
    "pushback": ("pushback.detector", config["pushback"]["detector"]),
}
JUDGED = [task for task, (_, who) in JUDGES.items() if who == "llm"]
REPLAY = config["classify"]["llm"]["replay"]
# The keys by which a run asks a language model, be it for names alone.
ASKING = [key for key, who in [*JUDGES.values(), ("topics.naming", config["topics"]["naming"])] if who == "llm"]
if ASKING and not config["classify"]["llm"]["model"]:
    stop(
        f"{ASKING[0]} is llm, but classify.llm.model names no model. Hint: set it and base_url to what your endpoint serves."
    )


def recording(wildcards):
    """Input function: recorded answers, if there are any; written into a rule, their path would stand in the provenance page."""
    return REPLAY or []


def filled_by(task):
    """(offline instrument's, judge's) name of the table that everything after reads by the name of the task, whoever fills it."""
    return (f"{task}_offline", task) if task in JUDGED else (task, f"{task}_judged")


def instrument_held_out(task, model):
    """The decisions beside labels of whoever fills a table: its error rates are never another's."""
    return f"data/judge/{RUN}/{task}/held_out.csv" if task in JUDGED else held_out_of(model)


# The table of topics that everything after reads, and what becomes of the one that nobody reads.
TOPICS, UNNAMED_TOPICS = f"results/{RUN}/tables/topics.csv", f"data/judge/{RUN}/topics/topics.csv"
BY_WORDS, BY_NAMES = (UNNAMED_TOPICS, TOPICS) if "topics.naming" in ASKING else (TOPICS, UNNAMED_TOPICS)
BY_CLASSIFIER, BY_JUDGE = filled_by("affect")
BY_DETECTOR, BY_PUSHBACK_JUDGE = filled_by("pushback")
INSTRUMENT_HELD_OUT = instrument_held_out("affect", MODEL)
PUSHBACK_INSTRUMENT_HELD_OUT = instrument_held_out("pushback", PUSHBACK_MODEL)
# Where data sets have labels of their own, the error rates come from these.
OWN_LABELLED = [dataset for dataset in DATASETS if reading_files(dataset)]
HELD_OUT = f"data/labels/held_out/{RUN}_affect.csv" if OWN_LABELLED else INSTRUMENT_HELD_OUT
PUSHBACK_HELD_OUT = f"data/labels/held_out/{RUN}_pushback.csv" if OWN_LABELLED else PUSHBACK_INSTRUMENT_HELD_OUT


def all_shards(pattern):
    """Input function: every shard of the rule's {dataset} in `pattern`."""
    return lambda wildcards: [
        pattern.format(dataset=wildcards.dataset, shard=shard) for shard in SHARDS[wildcards.dataset]
    ]


def others_of_a_shard(wildcards):
    """Params function: how many conversations of a shard that are not affective are compared; the data set's number spread evenly."""
    return -(-config["classify"]["others_compared"] // len(SHARDS[wildcards.dataset]))


def each_dataset(pattern):
    """Every data set that the findings are about, in `pattern`."""
    return [pattern.format(dataset=dataset) for dataset in DATASETS]


def shared_imports(path):
    """Names of the modules of scripts/shared/ that a Python file imports, directly or through one another."""
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"^from shared\.(\w+) import", text, re.MULTILINE))
    for several in re.findall(r"^from shared import (.+)$", text, re.MULTILINE):
        names |= {name.strip() for name in several.split(",")}
    return names.union(*(shared_imports(SHARED / f"{name}.py") for name in names))


def run_config(wildcards):
    """Params function: the settings of the run, what it rests on, and what the settings would be by default."""
    told = {"run": RUN, "datasets": DATASETS, "sources": used_sources(wildcards), "own_labelled": OWN_LABELLED}
    return settings_of(config) | told | {"defaults": settings_of(read_yaml(BASE / "config" / "config.yaml"))}


def settings_of(whole):
    """A configuration without data sets, and without what tells of a user's machine or endpoint."""
    settings = {key: value for key, value in whole.items() if key not in {"run", "datasets", "sources", "files"}}
    llm = {key: value for key, value in settings["classify"]["llm"].items() if key not in OF_ONE_MACHINE}
    return settings | {"classify": settings["classify"] | {"llm": llm}}


OF_ONE_MACHINE = {"base_url", "api_key_variable", "cache", "replay"}
WHICH_FILES = {"files", "pattern", "n_shards", "urls", "sha256s", "bytes"}


def used_sources(wildcards):
    """Params function: the descriptions of the data sets that the findings are about; which files were read is not among them."""
    return {
        dataset: {key: value for key, value in config["sources"][dataset].items() if key not in WHICH_FILES}
        for dataset in DATASETS
    }


def code(script):
    """Fingerprint of the shared modules that a script imports: Snakemake tracks the script, not its imports."""
    digest = hashlib.sha256()
    for name in sorted(shared_imports(BASE / "scripts" / f"{script}.py")):
        digest.update((SHARED / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]
