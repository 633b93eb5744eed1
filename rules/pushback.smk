"""This part finds where the assistant pushes back: refusal, challenge, redirection, boundary, and why.
Reads: data/interim/{dataset}/ (selected/, affect/, measures, origins), config/codebook.yaml, the weights or the endpoint that the configuration names.
Writes: data/interim/{dataset}/pushback/ and, where an LLM judges, answers/pushback/; results/{run}/tables/: pushback_evaluation, pushback_standardised, pushback_parted; on request the model trained anew, in data/models/.
"""


rule detect_pushback:
    """Pushback of each assistant message of the conversations that are compared, by cues and words in their context."""
    input:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        affect="data/interim/{dataset}/affect/{shard}.parquet",
        codebook=config["classify"]["codebook"],
        model=PUSHBACK_MODEL,
        held_out=held_out_of(PUSHBACK_MODEL),
    output:
        pushback=f"data/interim/{{dataset}}/{BY_DETECTOR}/{{shard}}.parquet",
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


rule judge_pushback:
    """The LLM judge's findings in the conversations that are compared (pushback.detector: llm)."""
    input:
        codebook=config["classify"]["codebook"],
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        affect="data/interim/{dataset}/affect/{shard}.parquet",
        offline=f"data/interim/{{dataset}}/{BY_DETECTOR}/{{shard}}.parquet",
        plan=f"data/judge/{RUN}/pushback/plan.csv",  # within the caps
        replay=recording,
    output:
        pushback=f"data/interim/{{dataset}}/{BY_PUSHBACK_JUDGE}/{{shard}}.parquet",
        answers="data/interim/{dataset}/answers/pushback/{shard}.jsonl",
    log:
        "logs/judge_pushback/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/judge_pushback/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    resources:
        endpoint=1,  # as for judge_shard
    params:
        settings=config["classify"]["llm"],
        run=RUN,
        code=code("judge_pushback"),
    script:
        "../scripts/judge_pushback.py"


rule train_pushback:
    """The pushback model from its labels, with a model card; run by name, or by pushback.model: data/models/pushback.csv."""
    input:
        labels=config["validate"]["labels"],
        messages=config["pushback"]["labels"],
        control_labels="resources/control/labels.csv",
        codebook=config["classify"]["codebook"],
        card="resources/cards/pushback.md",
        conversations=[
            f"data/interim/{dataset}/conversations/{shard}.parquet"
            for dataset in TRAINING
            for shard in SHARDS[dataset]
        ],
    output:
        model="data/models/pushback.csv",
        held_out="data/models/pushback_held_out.csv",
        card="data/models/pushback.md",
    log:
        "logs/train_pushback.log",
    benchmark:
        "benchmarks/train_pushback.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=config["estimate"],
        seed=config["seed"],
        code=code("train_pushback"),
    script:
        "../scripts/train_pushback.py"


rule evaluate_pushback:
    """How well pushback is found, any and each kind: by the model, cross-validated on the labels that come with it, or by the judge."""
    input:
        held_out=PUSHBACK_INSTRUMENT_HELD_OUT,
    output:
        evaluation=report(
            f"results/{RUN}/tables/pushback_evaluation.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/evaluate_pushback/{RUN}.log",
    benchmark:
        f"benchmarks/evaluate_pushback/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=config["estimate"],
        seed=config["seed"],
        code=code("evaluate_pushback"),
    script:
        "../scripts/evaluate_pushback.py"


rule compare_pushback:
    """Pushback at equal lengths of conversation, and by model family and period where the data allow."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        origins=each_dataset("data/interim/{dataset}/origins.parquet"),
        capabilities=f"results/{RUN}/tables/capabilities.csv",
    output:
        standardised=f"results/{RUN}/tables/pushback_standardised.csv",
        parted=f"results/{RUN}/tables/pushback_parted.csv",
    log:
        f"logs/compare_pushback/{RUN}.log",
    benchmark:
        f"benchmarks/compare_pushback/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        floors=FLOORS,
        seed=config["seed"],
        code=code("compare_pushback"),
    script:
        "../scripts/compare_pushback.py"
