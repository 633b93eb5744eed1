"""This part keeps what can be analysed: valid conversations, once each, in a language that the instruments read.
Reads: data/interim/{dataset}/conversations/ and fingerprints/.
Writes: data/interim/{dataset}/duplicates.parquet, selected/ with the count of conversations at every filter, origins.parquet.
"""


rule find_duplicates:
    """Exact and near duplicates over all shards of a data set; the first one stays."""
    input:
        fingerprints=all_shards("data/interim/{dataset}/fingerprints/{shard}.parquet"),
    output:
        duplicates="data/interim/{dataset}/duplicates.parquet",
    log:
        "logs/find_duplicates/{dataset}.log",
    benchmark:
        "benchmarks/find_duplicates/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        similarity=config["select"]["near_duplicate_similarity"],
        code=code("find_duplicates"),
    script:
        "../scripts/find_duplicates.py"


rule select_shard:
    """The conversations that are analysed, and how many each filter removed."""
    input:
        conversations="data/interim/{dataset}/conversations/{shard}.parquet",
        rejects="data/interim/{dataset}/rejects/{shard}.parquet",
        duplicates="data/interim/{dataset}/duplicates.parquet",
    output:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        funnel="data/interim/{dataset}/selected/{shard}.funnel.csv",
        origins="data/interim/{dataset}/selected/{shard}.origins.parquet",
    log:
        "logs/select_shard/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/select_shard/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        languages=config["select"]["languages"],
        opening_words=config["select"]["template"]["words"],
        code=code("select_shard"),
    script:
        "../scripts/select_shard.py"


rule mark_origins:
    """Behind which conversations one person stands, and which begin like many others; over all shards, without texts."""
    input:
        origins=all_shards("data/interim/{dataset}/selected/{shard}.origins.parquet"),
    output:
        origins="data/interim/{dataset}/origins.parquet",
    log:
        "logs/mark_origins/{dataset}.log",
    benchmark:
        "benchmarks/mark_origins/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        person=config["select"]["person"],
        template=config["select"]["template"],
        source=described("user_key_until"),
        code=code("mark_origins"),
    script:
        "../scripts/mark_origins.py"
