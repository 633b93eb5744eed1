"""This part decides what each conversation is: content creation, affective, and which of six categories.
Reads: data/interim/{dataset}/selected/, config/codebook.yaml, the weights that the configuration names.
Writes: data/interim/{dataset}/affect/; on request data/models/: the classifier trained anew."""


rule classify_shard:
    """Probabilities and decisions of each conversation, by sieve, cues and words."""
    input:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        codebook=config["classify"]["codebook"],
        model=MODEL,
        held_out=held_out_of(MODEL),
    output:
        affect="data/interim/{dataset}/affect/{shard}.parquet",
    log:
        "logs/classify_shard/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/classify_shard/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        code=code("classify_shard"),
    script:
        "../scripts/classify_shard.py"


rule train_classifier:
    """The classifier from its labels, with a model card; run by name, or by classify.model: data/models/affect.csv."""
    input:
        labels=config["validate"]["labels"],
        control_labels="resources/control/labels.csv",
        codebook=config["classify"]["codebook"],
        conversations=[
            f"data/interim/{dataset}/conversations/{shard}.parquet"
            for dataset in TRAINING
            for shard in SHARDS[dataset]
        ],
    output:
        model="data/models/affect.csv",
        held_out="data/models/affect_held_out.csv",
        card="data/models/affect.md",
    log:
        "logs/train_classifier.log",
    benchmark:
        "benchmarks/train_classifier.jsonl"
    conda:
        "../environment.yml"
    params:
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        seed=config["seed"],
        code=code("train_classifier"),
    script:
        "../scripts/train_classifier.py"
