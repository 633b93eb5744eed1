"""This part scores what the human expresses, message by message.
Reads: data/interim/{dataset}/selected/ and affect/.
Writes: data/interim/{dataset}/sentiment/."""


rule score_sentiment:
    """VADER per sentence of each human message of the conversations that are compared, if long enough to have a start and an end."""
    input:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        affect="data/interim/{dataset}/affect/{shard}.parquet",
    output:
        sentiment="data/interim/{dataset}/sentiment/{shard}.parquet",
    log:
        "logs/score_sentiment/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/score_sentiment/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        min_human_messages=config["sentiment"]["min_human_messages"],
        cut_points=config["sentiment"]["cut_points"],
        code=code("score_sentiment"),
    script:
        "../scripts/score_sentiment.py"
