"""This part asks how far the instruments can be trusted: against labels, and against planted truth.
Reads: data/interim/{dataset}/, resources/labels/, resources/control/.
Writes: data/interim/{dataset}/labels.parquet and label_sample/; results/{run}/tables/: agreement, instrument check."""


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
