"""This part follows affective conversations over their course: how the talk drifts, what long ones are about, and who holds them.
Reads: data/interim/{dataset}/gathered.parquet, concerns.parquet, measures.parquet and origins.parquet; the classifier's weights.
Writes: data/interim/{dataset}/windows.parquet; results/{run}/tables/: drift, long_conversations, who; the figure of drift.
"""


rule classify_windows:
    """The category of each stage of an affective conversation, as the offline classifier reads it."""
    input:
        gathered="data/interim/{dataset}/gathered.parquet",
        codebook=config["classify"]["codebook"],
        model=MODEL,
    output:
        windows="data/interim/{dataset}/windows.parquet",
    log:
        "logs/classify_windows/{dataset}.log",
    benchmark:
        "benchmarks/classify_windows/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings={
            "min_human_messages": config["course"]["min_human_messages"],
            "min_human_messages_roleplay": config["classify"]["min_human_messages_roleplay"],
        },
        code=code("classify_windows"),
    script:
        "../scripts/classify_windows.py"


rule estimate_drift:
    """Moves between types of talk from a conversation's first window to its last, beside shuffled windows."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        windows=each_dataset("data/interim/{dataset}/windows.parquet"),
    output:
        drift=report(f"results/{RUN}/tables/drift.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/estimate_drift/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_drift/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        floors=FLOORS,
        seed=config["seed"],
        code=code("estimate_drift"),
    script:
        "../scripts/estimate_drift.py"


rule plot_drift:
    """Flows between types of talk from a conversation's first window to its last."""
    input:
        drift=f"results/{RUN}/tables/drift.csv",
    output:
        figure=report(f"results/{RUN}/figures/drift.svg", caption="../report/captions/figure.rst", category="Figures"),
    log:
        f"logs/plot_drift/{RUN}.log",
    benchmark:
        f"benchmarks/plot_drift/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_drift"),
    script:
        "../scripts/plot_drift.py"


rule estimate_long_conversations:
    """How long affective conversations differ from shorter ones, in type, category and concern."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        concerns=each_dataset("data/interim/{dataset}/concerns.parquet"),
        taxonomy=config["concerns"]["taxonomy"],
    output:
        long=report(
            f"results/{RUN}/tables/long_conversations.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/estimate_long_conversations/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_long_conversations/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        long=config["course"]["long"],
        settings=config["estimate"],
        floors=FLOORS,
        seed=config["seed"],
        code=code("estimate_long_conversations"),
    script:
        "../scripts/estimate_long_conversations.py"


rule estimate_who:
    """How few people hold many affective conversations, and their share by country, language, model and month."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        origins=each_dataset("data/interim/{dataset}/origins.parquet"),
        capabilities=f"results/{RUN}/tables/capabilities.csv",
    output:
        who=report(f"results/{RUN}/tables/who.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/estimate_who/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_who/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        floors=FLOORS,
        seed=config["seed"],
        code=code("estimate_who"),
    script:
        "../scripts/estimate_who.py"
