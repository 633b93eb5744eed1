"""This part asks how far the instruments can be trusted: against labels, and against planted truth.
Reads: data/interim/{dataset}/, resources/labels/, resources/control/, the classifier's cross-validated predictions.
Writes: data/labels/{dataset}/ and held_out/, data/interim/{dataset}/labels.parquet; results/{run}/tables/: agreement, classifier_evaluation, classifier_calibration, classifier_confusions, instrument_check, coverage; figures: evaluation, calibration, coverage.
"""

# What every sheet for readers is made of.
SHEET = {
    "codebook": config["classify"]["codebook"],
    "template": "resources/sheet/sheet.html",
    "style": "resources/sheet/sheet.css",
    "script": "resources/sheet/sheet.js",
}


rule plan_labels:
    """How many conversations to label, and where, to know the affective share as exactly as wanted; run by name."""
    input:
        held_out=held_out_of(MODEL),
        affect=all_shards(f"data/interim/{{dataset}}/{BY_CLASSIFIER}/{{shard}}.parquet"),
    output:
        plan="data/labels/{dataset}/plan.csv",
    log:
        "logs/plan_labels/{dataset}.log",
    benchmark:
        "benchmarks/plan_labels/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=lambda wildcards: {
            "dataset": wildcards.dataset,
            "half_widths": config["validate"]["half_widths"],
            "confidence": config["estimate"]["confidence"],
        },
        code=code("plan_labels"),
    script:
        "../scripts/plan_labels.py"


rule draw_label_sample:
    """A stratified probability sample to be read and labelled: an offline page, a table, tasks for Label Studio, the codebook; run by name."""
    input:
        **SHEET,
        plan="data/labels/{dataset}/plan.csv",
        held_out=held_out_of(MODEL),
        selected=all_shards("data/interim/{dataset}/selected/{shard}.parquet"),
        affect=all_shards(f"data/interim/{{dataset}}/{BY_CLASSIFIER}/{{shard}}.parquet"),
    output:
        sheet="data/labels/{dataset}/sheet.html",
        table="data/labels/{dataset}/sheet.csv",
        tasks="data/labels/{dataset}/label_studio.json",
        interface="data/labels/{dataset}/label_studio.xml",
        guide="data/labels/{dataset}/README.md",
    log:
        "logs/draw_label_sample/{dataset}.log",
    benchmark:
        "benchmarks/draw_label_sample/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        dataset="{dataset}",
        drawn="data/labels/{dataset}/drawn",
        readings="data/labels/{dataset}/readings",
        budget=config["validate"]["label_budget"],
        confidence=config["estimate"]["confidence"],
        seed=config["seed"],
        code=code("draw_label_sample"),
    script:
        "../scripts/draw_label_sample.py"


rule compare_readings:
    """What the readers of a data set differ on, and the page on which a third reads that again."""
    input:
        **SHEET,
        readings=lambda wildcards: reading_files(wildcards.dataset),
        selected=all_shards("data/interim/{dataset}/selected/{shard}.parquet"),
    output:
        disagreements="data/labels/{dataset}/disagreements.csv",
        sheet="data/labels/{dataset}/disagreements.html",
    log:
        "logs/compare_readings/{dataset}.log",
    benchmark:
        "benchmarks/compare_readings/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        dataset="{dataset}",
        code=code("compare_readings"),
    script:
        "../scripts/compare_readings.py"


rule adjudicate_labels:
    """One label a conversation from all its readings: who decided, and how many conversations it stands for."""
    input:
        codebook=config["classify"]["codebook"],
        readings=lambda wildcards: reading_files(wildcards.dataset),
        disagreements="data/labels/{dataset}/disagreements.html",  # is there to be read where this stops
    output:
        labels="data/labels/{dataset}/labels.csv",
    log:
        "logs/adjudicate_labels/{dataset}.log",
    benchmark:
        "benchmarks/adjudicate_labels/{dataset}.jsonl"
    conda:
        "../environment.yml"
    params:
        dataset="{dataset}",
        drawn="data/labels/{dataset}/drawn",
        code=code("adjudicate_labels"),
    script:
        "../scripts/adjudicate_labels.py"


rule import_labels:
    """The labels of a data set's conversations, beside what the instruments say of them."""
    input:
        labels=config["validate"]["labels"],
        own=own_labels,
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


rule join_held_out:
    """Error rates of the instruments from labels of one's own, where there are any."""
    input:
        affect=INSTRUMENT_HELD_OUT,
        pushback=PUSHBACK_INSTRUMENT_HELD_OUT,
        own=expand("data/labels/{dataset}/labels.csv", dataset=OWN_LABELLED),
        measures=expand("data/interim/{dataset}/measures.parquet", dataset=OWN_LABELLED),
        labelled=expand("data/interim/{dataset}/labels.parquet", dataset=OWN_LABELLED),
    output:
        affect=f"data/labels/held_out/{RUN}_affect.csv",
        pushback=f"data/labels/held_out/{RUN}_pushback.csv",
    log:
        f"logs/join_held_out/{RUN}.log",
    benchmark:
        f"benchmarks/join_held_out/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=OWN_LABELLED,
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        code=code("join_held_out"),
    script:
        "../scripts/join_held_out.py"


rule measure_agreement:
    """Agreement of each instrument with the labels, and of readers with one another, weighted to the population."""
    input:
        codebook=config["classify"]["codebook"],
        held_out=HELD_OUT,
        others=config["validate"]["labels"],
        readings=[path for dataset in OWN_LABELLED for path in reading_files(dataset)],
        labels=each_dataset("data/interim/{dataset}/labels.parquet"),
    output:
        agreement=report(
            f"results/{RUN}/tables/agreement.csv", caption="../report/captions/table.rst", category="Tables"
        ),
    log:
        f"logs/measure_agreement/{RUN}.log",
    benchmark:
        f"benchmarks/measure_agreement/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        own=OWN_LABELLED,
        floors=FLOORS,
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
        evaluation=report(
            f"results/{RUN}/tables/classifier_evaluation.csv",
            caption="../report/captions/table.rst",
            category="Tables",
        ),
        calibration=report(
            f"results/{RUN}/tables/classifier_calibration.csv",
            caption="../report/captions/table.rst",
            category="Tables",
        ),
        confusions=report(
            f"results/{RUN}/tables/classifier_confusions.csv",
            caption="../report/captions/table.rst",
            category="Tables",
        ),
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
        figure=report(
            f"results/{RUN}/figures/evaluation.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
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
        figure=report(
            f"results/{RUN}/figures/calibration.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
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
        check=report(
            f"results/{RUN}/tables/instrument_check.csv", caption="../report/captions/table.rst", category="Tables"
        ),
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


rule simulate_coverage:
    """How often the intervals hold a truth that is known, by estimator: simulated labels, decisions and users."""
    output:
        coverage=report(f"results/{RUN}/tables/coverage.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/simulate_coverage/{RUN}.log",
    benchmark:
        f"benchmarks/simulate_coverage/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        replications=config["validate"]["coverage_replications"],
        settings=config["estimate"],
        seed=config["seed"],
        code=code("simulate_coverage"),
    script:
        "../scripts/simulate_coverage.py"


rule plot_coverage:
    """Figure of the appendix: how often the intervals hold a known truth."""
    input:
        coverage=f"results/{RUN}/tables/coverage.csv",
    output:
        figure=report(
            f"results/{RUN}/figures/coverage.svg", caption="../report/captions/figure.rst", category="Figures"
        ),
    log:
        f"logs/plot_coverage/{RUN}.log",
    benchmark:
        f"benchmarks/plot_coverage/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        confidence=config["estimate"]["confidence"],
        code=code("plot_coverage"),
    script:
        "../scripts/plot_coverage.py"
