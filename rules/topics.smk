"""This part asks what affective conversations are about: topics found in each category, and the concerns that the study names.
Reads: data/interim/{dataset}/selected/ and affect/, config/concerns.yaml, resources/labels/concerns.csv.
Writes: data/interim/{dataset}/: gathered, topics, topic_terms and concerns; where a language model names topics, data/judge/{run}/topics/; results/{run}/tables/concerns.csv and its figure; on request data/models/concerns_evaluation.csv.
"""


rule gather_affective:
    """The human messages of the conversations that the study counts, for everything that looks into them alone."""
    input:
        selected=all_shards("data/interim/{dataset}/selected/{shard}.parquet"),
        affect=all_shards("data/interim/{dataset}/affect/{shard}.parquet"),
    output:
        gathered="data/interim/{dataset}/gathered.parquet",
    log:
        "logs/gather_affective/{dataset}.log",
    benchmark:
        "benchmarks/gather_affective/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("gather_affective"),
    script:
        "../scripts/gather_affective.py"


rule discover_topics:
    """TF-IDF, SVD and k-means within each category; words that too few conversations use are never shown."""
    input:
        gathered="data/interim/{dataset}/gathered.parquet",
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
        settings={key: value for key, value in config["topics"].items() if key != "naming"},
        floor=config["privacy"]["min_conversations"],
        seed=config["seed"],
        code=code("discover_topics"),
    script:
        "../scripts/discover_topics.py"


rule name_topics:
    """Names for the published topics by a language model, which is shown their published words and nothing else (topics.naming: llm)."""
    input:
        topics=BY_WORDS,
        replay=recording,
    output:
        topics=BY_NAMES,  # not in the provenance page, which would print the endpoint and the recording
        answers=f"data/judge/{RUN}/topics/answers.jsonl",
    log:
        f"logs/name_topics/{RUN}.log",
    benchmark:
        f"benchmarks/name_topics/{RUN}.jsonl"
    conda:
        "../environment.yml"
    resources:
        endpoint=1,  # as for judge_shard
    params:
        settings=config["classify"]["llm"],
        run=RUN,
        code=code("name_topics"),
    script:
        "../scripts/name_topics.py"


rule find_concerns:
    """Which of the study's concerns each affective conversation speaks of, by declared phrases."""
    input:
        gathered="data/interim/{dataset}/gathered.parquet",
        taxonomy=config["concerns"]["taxonomy"],
    output:
        concerns="data/interim/{dataset}/concerns.parquet",
    log:
        "logs/find_concerns/{dataset}.log",
    benchmark:
        "benchmarks/find_concerns/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("find_concerns"),
    script:
        "../scripts/find_concerns.py"


rule evaluate_concerns:
    """The phrases' concerns beside the labels', wherever the texts are at hand; run by name."""
    input:
        labels="resources/labels/concerns.csv",
        taxonomy=config["concerns"]["taxonomy"],
        conversations=[
            f"data/interim/{dataset}/conversations/{shard}.parquet"
            for dataset in TRAINING
            for shard in SHARDS[dataset]
        ],
    output:
        evaluation="data/models/concerns_evaluation.csv",
    log:
        "logs/evaluate_concerns.log",
    benchmark:
        "benchmarks/evaluate_concerns.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("evaluate_concerns"),
    script:
        "../scripts/evaluate_concerns.py"


rule estimate_concerns:
    """Shares of each category's conversations that speak of each concern, and of professional use in counselling."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        concerns=each_dataset("data/interim/{dataset}/concerns.parquet"),
        taxonomy=config["concerns"]["taxonomy"],
        evaluation=config["concerns"]["evaluation"],
    output:
        concerns=report(f"results/{RUN}/tables/concerns.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/estimate_concerns/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_concerns/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        floors=FLOORS,
        seed=config["seed"],
        code=code("estimate_concerns"),
    script:
        "../scripts/estimate_concerns.py"


rule plot_concerns:
    """The study's concerns within each category."""
    input:
        concerns=f"results/{RUN}/tables/concerns.csv",
    output:
        figure=report(
            f"results/{RUN}/figures/concerns.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
    log:
        f"logs/plot_concerns/{RUN}.log",
    benchmark:
        f"benchmarks/plot_concerns/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_concerns"),
    script:
        "../scripts/plot_concerns.py"
