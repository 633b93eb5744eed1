"""This part brings conversations in, as published, and puts them into one schema.
Reads: the source described in config (a package, local files).
Writes: data/raw/{dataset}/{shard}.*, data/interim/{dataset}/conversations/ and rejects/: what could not be read, and why."""


def local_file(wildcards):
    """A local source's file is an input, so a changed file reruns what follows; a package has none."""
    is_local = config["sources"][wildcards.dataset]["kind"] == "local"
    return SHARDS[wildcards.dataset][wildcards.shard] if is_local else []


rule fetch_shard:
    """One shard as published, checksum verified, with a record of where it came from."""
    input:
        local=local_file,
    output:
        shard="data/raw/{dataset}/{shard}.{extension}",
        origin="data/raw/{dataset}/{shard}.{extension}.origin.json",
    log:
        "logs/fetch_shard/{dataset}/{shard}.{extension}.log",
    benchmark:
        "benchmarks/fetch_shard/{dataset}/{shard}.{extension}.jsonl"
    conda:
        "../environment.yml"
    params:
        source=lambda wildcards: config["sources"][wildcards.dataset],
        code=code("job"),
    script:
        "../scripts/fetch_shard.py"


rule normalise_shard:
    """Conversations in one schema; parts joined, rejects counted with their reasons."""
    input:
        shard=raw_file,
    output:
        conversations="data/interim/{dataset}/conversations/{shard}.parquet",
        rejects="data/interim/{dataset}/rejects/{shard}.parquet",
    log:
        "logs/normalise_shard/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/normalise_shard/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        source=lambda wildcards: config["sources"][wildcards.dataset],
        code=code("contracts", "job", "records"),
    script:
        "../scripts/normalise_shard.py"
