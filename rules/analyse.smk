"""This part turns measures into estimates with their uncertainty, and the study's four figures.
Reads: data/interim/{dataset}/, resources/models/ (error rates).
Writes: data/interim/{dataset}/measures.parquet; results/{run}/tables/ and figures/."""


rule join_measures:
    """One row per conversation with every measure of it, and no text."""
    input:
        selected=all_shards("data/interim/{dataset}/selected/{shard}.parquet"),
        origins="data/interim/{dataset}/origins.parquet",
        affect=all_shards("data/interim/{dataset}/affect/{shard}.parquet"),
        pushback=all_shards("data/interim/{dataset}/pushback/{shard}.parquet"),
        sentiment=all_shards("data/interim/{dataset}/sentiment/{shard}.parquet"),
    output:
        measures="data/interim/{dataset}/measures.parquet",
    log:
        "logs/join_measures/{dataset}.log",
    benchmark:
        "benchmarks/join_measures/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        window=config["sentiment"]["window"],
        code=code("join_measures"),
    script:
        "../scripts/join_measures.py"


rule count_funnel:
    """How many records and conversations are left after each filter."""
    input:
        funnels=[
            f"data/interim/{dataset}/selected/{shard}.funnel.csv" for dataset in DATASETS for shard in SHARDS[dataset]
        ],
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
    output:
        funnel=report(f"results/{RUN}/tables/funnel.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/count_funnel/{RUN}.log",
    benchmark:
        f"benchmarks/count_funnel/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        floors=FLOORS,
        code=code("count_funnel"),
    script:
        "../scripts/count_funnel.py"


rule estimate_prevalence:
    """How common affective conversations are: naive share and share corrected for the classifier's errors."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        held_out=HELD_OUT,
    output:
        prevalence=report(
            f"results/{RUN}/tables/prevalence.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/estimate_prevalence/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_prevalence/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        own_labelled=OWN_LABELLED,
        privacy=FLOORS,
        seed=config["seed"],
        code=code("estimate_prevalence"),
    script:
        "../scripts/estimate_prevalence.py"


rule compare_selections:
    """How many conversations, and which share found affective, by other ways to select: duplicates, templates, persons."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        origins=each_dataset("data/interim/{dataset}/origins.parquet"),
    output:
        selections=report(
            f"results/{RUN}/tables/selections.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/compare_selections/{RUN}.log",
    benchmark:
        f"benchmarks/compare_selections/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        floors=FLOORS,
        code=code("compare_selections"),
    script:
        "../scripts/compare_selections.py"


rule assess_capabilities:
    """Which analyses each data set allows, by what it records, what was removed from it, and what is in it."""
    input:
        origins=each_dataset("data/interim/{dataset}/origins.parquet"),
    output:
        capabilities=report(
            f"results/{RUN}/tables/capabilities.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/assess_capabilities/{RUN}.log",
    benchmark:
        f"benchmarks/assess_capabilities/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        sources=used_sources,
        floors=FLOORS,
        code=code("assess_capabilities"),
    script:
        "../scripts/assess_capabilities.py"


rule count_traps:
    """What each data set holds that would mislead: shared keys, wrong language tags, repeated texts, templates, removals."""
    input:
        origins=each_dataset("data/interim/{dataset}/origins.parquet"),
        selections=f"results/{RUN}/tables/selections.csv",
        prevalence=f"results/{RUN}/tables/prevalence.csv",
        languages="resources/languages.csv",
    output:
        traps=report(f"results/{RUN}/tables/traps.csv", caption="../report/captions/table.rst", category="Tables"),
        languages=report(
            f"results/{RUN}/tables/languages.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/count_traps/{RUN}.log",
    benchmark:
        f"benchmarks/count_traps/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        sources=used_sources,
        template=config["select"]["template"],
        floors=FLOORS,
        code=code("count_traps"),
    script:
        "../scripts/count_traps.py"


rule estimate_topics:
    """How the conversations of each category are spread over topics; topics under the floor are merged."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        topics=each_dataset("data/interim/{dataset}/topics.parquet"),
        terms=each_dataset("data/interim/{dataset}/topic_terms.parquet"),
    output:
        # What still waits for its names is not published.
        topics=(
            report(BY_WORDS, caption="../report/captions/table.rst", category="Tables")
            if BY_WORDS == TOPICS
            else BY_WORDS
        ),
    log:
        f"logs/estimate_topics/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_topics/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        privacy=FLOORS,
        code=code("estimate_topics"),
    script:
        "../scripts/estimate_topics.py"


rule estimate_pushback:
    """How often the assistant pushes back, by type of conversation; kinds and reasons."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        held_out=PUSHBACK_HELD_OUT,
        classes=HELD_OUT,
    output:
        pushback=report(f"results/{RUN}/tables/pushback.csv", caption="../report/captions/table.rst", category="Tables"),
        kinds=report(
            f"results/{RUN}/tables/pushback_kinds.csv", caption="../report/captions/table.rst", category="Tables"
        ),
        reasons=report(
            f"results/{RUN}/tables/pushback_reasons.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/estimate_pushback/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_pushback/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        own_labelled=OWN_LABELLED,
        privacy=FLOORS,
        seed=config["seed"],
        code=code("estimate_pushback"),
    script:
        "../scripts/estimate_pushback.py"


rule estimate_reasons:
    """Why the assistant pushes back: reasons that the study names, among the conversations with pushback of a type."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        labels=each_dataset("data/interim/{dataset}/labels.parquet"),
        held_out=PUSHBACK_HELD_OUT,
        classes=HELD_OUT,
        pushback=f"results/{RUN}/tables/pushback.csv",
        reasons=f"results/{RUN}/tables/pushback_reasons.csv",
    output:
        reasons=report(f"results/{RUN}/tables/reasons.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/estimate_reasons/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_reasons/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        own_labelled=OWN_LABELLED,
        floors=FLOORS,
        seed=config["seed"],
        code=code("estimate_reasons"),
    script:
        "../scripts/estimate_reasons.py"


rule estimate_sentiment:
    """Change of expressed sentiment from the first to the last human messages, beside non-affective conversations."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
    output:
        sentiment=report(
            f"results/{RUN}/tables/sentiment.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/estimate_sentiment/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_sentiment/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        lengths=LENGTHS_COUNTED,
        settings=config["estimate"],
        privacy=FLOORS,
        seed=config["seed"],
        code=code("estimate_sentiment"),
    script:
        "../scripts/estimate_sentiment.py"


rule plot_prevalence:
    """Figure 1: the distribution of affective conversation types."""
    input:
        prevalence=f"results/{RUN}/tables/prevalence.csv",
        claims="config/claims.yaml",
    output:
        figure=report(
            f"results/{RUN}/figures/prevalence.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
    log:
        f"logs/plot_prevalence/{RUN}.log",
    benchmark:
        f"benchmarks/plot_prevalence/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_prevalence"),
    script:
        "../scripts/plot_prevalence.py"


rule plot_topics:
    """Figure 2: topics within each category."""
    input:
        topics=f"results/{RUN}/tables/topics.csv",
    output:
        figure=report(f"results/{RUN}/figures/topics.svg", caption="../report/captions/figure.rst", category="Figures"),
    log:
        f"logs/plot_topics/{RUN}.log",
    benchmark:
        f"benchmarks/plot_topics/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_topics"),
    script:
        "../scripts/plot_topics.py"


rule plot_pushback:
    """Figure 3: rate of pushback by type of conversation."""
    input:
        pushback=f"results/{RUN}/tables/pushback.csv",
        claims="config/claims.yaml",
    output:
        figure=report(
            f"results/{RUN}/figures/pushback.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
    log:
        f"logs/plot_pushback/{RUN}.log",
    benchmark:
        f"benchmarks/plot_pushback/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_pushback"),
    script:
        "../scripts/plot_pushback.py"


rule plot_sentiment:
    """Figure 4: change of expressed sentiment by type of conversation."""
    input:
        sentiment=f"results/{RUN}/tables/sentiment.csv",
    output:
        figure=report(
            f"results/{RUN}/figures/sentiment.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
    log:
        f"logs/plot_sentiment/{RUN}.log",
    benchmark:
        f"benchmarks/plot_sentiment/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_sentiment"),
    script:
        "../scripts/plot_sentiment.py"
