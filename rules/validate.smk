"""This part asks how far the instruments can be trusted: against labels, and against planted truth.
Reads: data/interim/{dataset}/, resources/labels/, resources/control/, the classifier's cross-validated predictions.
Writes: data/interim/{dataset}/labels.parquet and label_sample/; results/{run}/tables/: agreement, classifier_*, instrument check; figures of the classifier.
"""


rule draw_label_sample:
    """A stratified probability sample to be read and labelled: sheet with texts, codebook, inclusion probabilities; run by name."""
    input:
        codebook=config["classify"]["codebook"],
        selected=all_shards("data/interim/{dataset}/selected/{shard}.parquet"),
        affect=all_shards("data/interim/{dataset}/affect/{shard}.parquet"),
    output:
        sample="data/interim/{dataset}/label_sample/sample.csv",
        sheet="data/interim/{dataset}/label_sample/sheet.jsonl",
        codebook="data/interim/{dataset}/label_sample/codebook.md",
    log:
        "logs/draw_label_sample/{dataset}.log",
    benchmark:
        "benchmarks/draw_label_sample/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        budget=config["validate"]["label_budget"],
        seed=config["seed"],
        code=code("draw_label_sample"),
    script:
        "../scripts/draw_label_sample.py"


rule import_labels:
    """The labels of a data set's conversations, beside what the instruments say of them."""
    input:
        labels=config["validate"]["labels"],
        measures="data/interim/{dataset}/measures.parquet",
    output:
        labels="data/interim/{dataset}/labels.parquet",
    log:
        "logs/import_labels/{dataset}.log",
    benchmark:
        "benchmarks/import_labels/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("import_labels"),
    script:
        "../scripts/import_labels.py"


rule measure_agreement:
    """Precision, recall and kappa of each instrument against the labels, weighted to the population."""
    input:
        held_out=HELD_OUT,
        labels=each_dataset("data/interim/{dataset}/labels.parquet"),
    output:
        agreement=f"results/{RUN}/tables/agreement.csv",
    log:
        f"logs/measure_agreement/{RUN}.log",
    benchmark:
        f"benchmarks/measure_agreement/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        settings=config["estimate"],
        seed=config["seed"],
        code=code("measure_agreement"),
    script:
        "../scripts/measure_agreement.py"


rule evaluate_classifier:
    """How good the classifier is by class, source and length, how well calibrated, and what it confuses; with intervals."""
    input:
        held_out=held_out_of(MODEL),
    output:
        evaluation=f"results/{RUN}/tables/classifier_evaluation.csv",
        calibration=f"results/{RUN}/tables/classifier_calibration.csv",
        confusions=f"results/{RUN}/tables/classifier_confusions.csv",
    log:
        f"logs/evaluate_classifier/{RUN}.log",
    benchmark:
        f"benchmarks/evaluate_classifier/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=config["estimate"],
        seed=config["seed"],
        code=code("evaluate_classifier"),
    script:
        "../scripts/evaluate_classifier.py"


rule plot_evaluation:
    """Figure of the appendix: the classifier's precision, recall and F1."""
    input:
        evaluation=f"results/{RUN}/tables/classifier_evaluation.csv",
    output:
        figure=f"results/{RUN}/figures/evaluation.svg",
    log:
        f"logs/plot_evaluation/{RUN}.log",
    benchmark:
        f"benchmarks/plot_evaluation/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("plot_evaluation"),
    script:
        "../scripts/plot_evaluation.py"


rule plot_calibration:
    """Figure of the appendix: the classifier's probabilities against the labels."""
    input:
        calibration=f"results/{RUN}/tables/classifier_calibration.csv",
    output:
        figure=f"results/{RUN}/figures/calibration.svg",
    log:
        f"logs/plot_calibration/{RUN}.log",
    benchmark:
        f"benchmarks/plot_calibration/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("plot_calibration"),
    script:
        "../scripts/plot_calibration.py"


rule check_instrument:
    """Planted against recovered values, on the half of the control corpus that no instrument learnt from."""
    input:
        measures=f"data/interim/{CONTROL}/measures.parquet",
        labels="resources/control/labels.csv",
    output:
        check=f"results/{RUN}/tables/instrument_check.csv",
    log:
        f"logs/check_instrument/{RUN}.log",
    benchmark:
        f"benchmarks/check_instrument/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        code=code("check_instrument"),
    script:
        "../scripts/check_instrument.py"
