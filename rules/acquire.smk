"""This part brings conversations in, as published, and puts them into one schema.
Reads: the source described in config (a Hugging Face data set, addresses, a package, local files).
Writes: data/raw/{dataset}/MANIFEST.json of a Hugging Face data set, data/raw/{dataset}/{shard}.*, data/interim/{dataset}/conversations/, fingerprints/ and rejects/: what could not be read, and why.
"""


rule resolve_source:
    """A Hugging Face data set's revision as one commit, with size and checksum of every shard."""
    output:
        # kept while the rule runs again, so that a branch is resolved once; delete the file to resolve it anew
        manifest=update("data/raw/{dataset}/MANIFEST.json"),
    log:
        "logs/resolve_source/{dataset}.log",
    benchmark:
        "benchmarks/resolve_source/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        source=described("repo", "revision", "n_shards", "pattern"),
        code=code("resolve_source"),
    script:
        "../scripts/resolve_source.py"


rule fetch_shard:
    """One shard as published, checksum verified, with a record of where it came from."""
    input:
        local=local_file,
        manifest=manifest_file,
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
        source=published,
        code=code("fetch_shard"),
    script:
        "../scripts/fetch_shard.py"


rule normalise_shard:
    """Conversations in one schema; parts joined, rejects counted with their reasons, and keys of the human text, by which duplicates are found."""
    input:
        shard=raw_file,
    output:
        conversations="data/interim/{dataset}/conversations/{shard}.parquet",
        rejects="data/interim/{dataset}/rejects/{shard}.parquet",
        fingerprints="data/interim/{dataset}/fingerprints/{shard}.parquet",
    log:
        "logs/normalise_shard/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/normalise_shard/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        source=described("kind", "member", "parts", "available"),
        code=code("normalise_shard"),
    script:
        "../scripts/normalise_shard.py"
