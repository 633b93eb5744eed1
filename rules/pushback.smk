"""This part finds where the assistant pushes back: refusal, challenge, redirection, boundary, and why.
Reads: data/interim/{dataset}/selected/ and affect/, config/codebook.yaml.
Writes: data/interim/{dataset}/pushback/."""


rule detect_pushback:
    """Pushback of each assistant message of the conversations that are compared, by the codebook's cues in their context."""
    input:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        affect="data/interim/{dataset}/affect/{shard}.parquet",
        codebook=config["classify"]["codebook"],
    output:
        pushback="data/interim/{dataset}/pushback/{shard}.parquet",
    log:
        "logs/detect_pushback/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/detect_pushback/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("detect_pushback"),
    script:
        "../scripts/detect_pushback.py"


rule evaluate_pushback:
    """The rules' pushback beside the labels', wherever the texts are at hand: the error rates; run by name."""
    input:
        labels=config["validate"]["labels"],
        codebook=config["classify"]["codebook"],
        conversations=[
            f"data/interim/{dataset}/conversations/{shard}.parquet"
            for dataset in TRAINING
            for shard in SHARDS[dataset]
        ],
    output:
        held_out="data/models/pushback_held_out.csv",
    log:
        "logs/evaluate_pushback.log",
    benchmark:
        "benchmarks/evaluate_pushback.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("evaluate_pushback"),
    script:
        "../scripts/evaluate_pushback.py"
