"""This part groups the affective conversations of each category into topics, named by their distinctive words.
Reads: data/interim/{dataset}/selected/ and affect/.
Writes: data/interim/{dataset}/topics.parquet and topic_terms.parquet."""


rule discover_topics:
    """TF-IDF, SVD and k-means within each category; words that too few conversations use are never shown."""
    input:
        selected=all_shards("data/interim/{dataset}/selected/{shard}.parquet"),
        affect=all_shards("data/interim/{dataset}/affect/{shard}.parquet"),
    output:
        topics="data/interim/{dataset}/topics.parquet",
        terms="data/interim/{dataset}/topic_terms.parquet",
    log:
        "logs/discover_topics/{dataset}.log",
    benchmark:
        "benchmarks/discover_topics/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=config["topics"],
        floor=config["privacy"]["min_conversations"],
        seed=config["seed"],
        code=code("discover_topics"),
    script:
        "../scripts/discover_topics.py"
