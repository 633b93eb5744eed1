"""This part scores what the human expresses, message by message, and asks how far the scores can be trusted.
Reads: data/interim/{dataset}/selected/, affect/ and measures.parquet, config/codebook.yaml, the weights that the configuration names, labels.
Writes: data/interim/{dataset}/sentiment/; results/{run}/tables/: sentiment_evaluation, sentiment_controls, sentiment_path, specification_curve, the last three as figures too; on request the linear score trained anew, in data/models/.
"""


rule score_sentiment:
    """VADER per sentence of each human message of the conversations that are compared, and the linear score, if long enough to have a start and an end."""
    input:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        affect="data/interim/{dataset}/affect/{shard}.parquet",
        codebook=config["classify"]["codebook"],
        model=config["sentiment"]["model"],
    output:
        sentiment="data/interim/{dataset}/sentiment/{shard}.parquet",
    log:
        "logs/score_sentiment/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/score_sentiment/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        min_human_messages=min(SHORTEST),
        cut_points=config["sentiment"]["cut_points"],
        code=code("score_sentiment"),
    script:
        "../scripts/score_sentiment.py"


rule train_sentiment:
    """The linear score from the labelled first and last messages, with a model card; run by name, or by sentiment.model: data/models/sentiment.csv."""
    input:
        labels=config["validate"]["labels"],
        codebook=config["classify"]["codebook"],
        card="resources/cards/sentiment.md",
        conversations=[
            f"data/interim/{dataset}/conversations/{shard}.parquet"
            for dataset in TRAINING
            for shard in SHARDS[dataset]
        ],
        control_labels="resources/control/labels.csv",
        control=[f"data/interim/{CONTROL}/conversations/{shard}.parquet" for shard in SHARDS[CONTROL]],
    output:
        model="data/models/sentiment.csv",
        held_out="data/models/sentiment_held_out.csv",
        card="data/models/sentiment.md",
    log:
        "logs/train_sentiment.log",
    benchmark:
        "benchmarks/train_sentiment.jsonl"
    conda:
        "../environment.yml"
    params:
        window=config["sentiment"]["window"],
        cut_points=config["sentiment"]["cut_points"],
        settings=config["estimate"],
        seed=config["seed"],
        code=code("train_sentiment"),
    script:
        "../scripts/train_sentiment.py"


rule evaluate_sentiment:
    """VADER and the linear score beside the labels: order of windows and changes, and bias of the mean."""
    input:
        held_out=held_out_of(config["sentiment"]["model"]),
    output:
        evaluation=report(
            f"results/{RUN}/tables/sentiment_evaluation.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/evaluate_sentiment/{RUN}.log",
    benchmark:
        f"benchmarks/evaluate_sentiment/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=config["estimate"],
        seed=config["seed"],
        code=code("evaluate_sentiment"),
    script:
        "../scripts/evaluate_sentiment.py"


SENTIMENT = [f"data/interim/{dataset}/sentiment/{shard}.parquet" for dataset in DATASETS for shard in SHARDS[dataset]]
# By how many human messages conversations are counted: numbers that differ by a few would tell of these.
LENGTHS_COUNTED = {name: config["sentiment"][name] for name in ("min_human_messages", "window")} | {
    "specifications": config["sentiment"]["specifications"]["min_human_messages"],
    "drift": config["course"]["min_human_messages"],
    "long": config["course"]["long"],
}


rule control_sentiment:
    """The change of sentiment under controls: like conversations, permuted order, without openings and courtesy, by opening and length; its path."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        sentiment=SENTIMENT,
        codebook=config["classify"]["codebook"],
        model=config["sentiment"]["model"],
    output:
        controls=report(
            f"results/{RUN}/tables/sentiment_controls.csv", caption="../report/captions/table.rst", category="Tables"
        ),
        path=report(
            f"results/{RUN}/tables/sentiment_path.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/control_sentiment/{RUN}.log",
    benchmark:
        f"benchmarks/control_sentiment/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        lengths=LENGTHS_COUNTED,
        cut_points=config["sentiment"]["cut_points"],
        settings=config["estimate"],
        privacy=FLOORS,
        seed=config["seed"],
        code=code("control_sentiment"),
    script:
        "../scripts/control_sentiment.py"


rule vary_sentiment:
    """The specification curve: the change of sentiment under every combination of instrument, text, scale, length and window."""
    input:
        measures=each_dataset("data/interim/{dataset}/measures.parquet"),
        sentiment=SENTIMENT,
        codebook=config["classify"]["codebook"],
        model=config["sentiment"]["model"],
    output:
        curve=report(
            f"results/{RUN}/tables/specification_curve.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/vary_sentiment/{RUN}.log",
    benchmark:
        f"benchmarks/vary_sentiment/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        lengths=LENGTHS_COUNTED,
        windows=config["sentiment"]["specifications"]["window"],
        cut_points=config["sentiment"]["cut_points"],
        settings=config["estimate"],
        privacy=FLOORS,
        seed=config["seed"],
        code=code("vary_sentiment"),
    script:
        "../scripts/vary_sentiment.py"


rule plot_sentiment_controls:
    """Figures of the change of sentiment under each control, and of its path message by message."""
    input:
        controls=f"results/{RUN}/tables/sentiment_controls.csv",
        path=f"results/{RUN}/tables/sentiment_path.csv",
    output:
        controls=report(
            f"results/{RUN}/figures/sentiment_controls.svg",
            caption="../report/captions/figure.rst",
            category="Figures",
        ),
        path=report(
            f"results/{RUN}/figures/sentiment_path.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
    log:
        f"logs/plot_sentiment_controls/{RUN}.log",
    benchmark:
        f"benchmarks/plot_sentiment_controls/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_sentiment_controls"),
    script:
        "../scripts/plot_sentiment_controls.py"


rule plot_specifications:
    """Figure of the specification curve."""
    input:
        curve=f"results/{RUN}/tables/specification_curve.csv",
    output:
        figure=report(
            f"results/{RUN}/figures/specification_curve.svg",
            caption="../report/captions/figure.rst",
            category="Figures",
        ),
    log:
        f"logs/plot_specifications/{RUN}.log",
    benchmark:
        f"benchmarks/plot_specifications/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_specifications"),
    script:
        "../scripts/plot_specifications.py"
