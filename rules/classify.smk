"""This part decides what each conversation is: content creation, affective, and which of six categories.
Reads: data/interim/{dataset}/selected/, config/codebook.yaml, the weights or the endpoint that the configuration names.
Writes: data/interim/{dataset}/affect/; where an LLM judges, answers/affect/, data/judge/{run}/ and results/{run}/tables/judge.csv; on request the classifier trained anew, in data/models/.
"""


rule classify_shard:
    """Probabilities and decisions of each conversation, by sieve, cues and words."""
    input:
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        codebook=config["classify"]["codebook"],
        model=MODEL,
        held_out=held_out_of(MODEL),
    output:
        affect=f"data/interim/{{dataset}}/{BY_CLASSIFIER}/{{shard}}.parquet",
    log:
        "logs/classify_shard/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/classify_shard/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    params:
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        others_compared=others_of_a_shard,
        seed=config["seed"],
        code=code("classify_shard"),
    script:
        "../scripts/classify_shard.py"


rule plan_judging:
    """The LLM judge's prompt, and what the whole run would ask of it and cost, before it is asked anything."""
    input:
        codebook=config["classify"]["codebook"],
        selected=[
            f"data/interim/{dataset}/selected/{shard}.parquet" for dataset in PROCESSED for shard in SHARDS[dataset]
        ],
        classes=lambda wildcards: [
            f"data/interim/{dataset}/{BY_CLASSIFIER if wildcards.task == 'affect' else 'affect'}/{shard}.parquet"
            for dataset in PROCESSED
            for shard in SHARDS[dataset]
        ],
    output:
        prompt=f"data/judge/{RUN}/{{task}}/prompt.txt",
        plan=f"data/judge/{RUN}/{{task}}/plan.csv",
    log:
        f"logs/plan_judging/{RUN}_{{task}}.log",
    benchmark:
        f"benchmarks/plan_judging/{RUN}_{{task}}.jsonl"
    conda:
        "../environment.yml"
    params:
        settings=config["classify"]["llm"],
        # Before the classes are judged, pushback is planned with the offline ones; once they are there, anew and with what was spent.
        planned=lambda wildcards: JUDGED if wildcards.task == "affect" else [wildcards.task],
        run=RUN,
        seed=config["seed"],
        code=code("plan_judging"),
    script:
        "../scripts/plan_judging.py"


rule judge_shard:
    """The LLM judge's labels of what the sieve let through and of a random sample of what it dropped (classify.classifier: llm)."""
    input:
        codebook=config["classify"]["codebook"],
        selected="data/interim/{dataset}/selected/{shard}.parquet",
        offline=f"data/interim/{{dataset}}/{BY_CLASSIFIER}/{{shard}}.parquet",
        plan=f"data/judge/{RUN}/affect/plan.csv",  # within the caps
        replay=recording,
    output:
        affect=f"data/interim/{{dataset}}/{BY_JUDGE}/{{shard}}.parquet",
        answers="data/interim/{dataset}/answers/affect/{shard}.jsonl",
    log:
        "logs/judge_shard/{dataset}/{shard}.log",
    benchmark:
        "benchmarks/judge_shard/{dataset}/{shard}.jsonl"
    conda:
        "../environment.yml"
    resources:
        endpoint=1,  # the profile has one: shards are judged one after the other, and the settings' limits hold for the run
    params:
        settings=config["classify"]["llm"],
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        others_compared=others_of_a_shard,
        run=RUN,
        seed=config["seed"],
        code=code("judge_shard"),
    script:
        "../scripts/judge_shard.py"


rule evaluate_judge:
    """The judge's decisions beside the labels, from which its error rates come, and what it was asked."""
    input:
        labels=config["validate"]["labels"],
        messages=config["pushback"]["labels"],
        own=[f"data/labels/{dataset}/labels.csv" for dataset in OWN_LABELLED],
        control_labels="resources/control/labels.csv",
        measures=expand("data/interim/{dataset}/measures.parquet", dataset=PROCESSED),
        pushback=[
            f"data/interim/{dataset}/pushback/{shard}.parquet" for dataset in PROCESSED for shard in SHARDS[dataset]
        ],
        answers=[
            f"data/interim/{dataset}/answers/{task}/{shard}.jsonl"
            for task in JUDGED
            for dataset in PROCESSED
            for shard in SHARDS[dataset]
        ],
    output:
        **{task: f"data/judge/{RUN}/{task}/held_out.csv" for task in JUDGED},
        judge=report(f"results/{RUN}/tables/judge.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/evaluate_judge/{RUN}.log",
    benchmark:
        f"benchmarks/evaluate_judge/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        judged=JUDGED,
        processed=PROCESSED,
        datasets=DATASETS,
        floors=FLOORS,
        confidence=config["estimate"]["confidence"],
        min_human_messages_roleplay=config["classify"]["min_human_messages_roleplay"],
        code=code("evaluate_judge"),
    script:
        "../scripts/evaluate_judge.py"


rule train_classifier:
    """The classifier from its labels, with a model card; run by name, or by classify.model: data/models/affect.csv."""
    input:
        labels=config["validate"]["labels"],
        control_labels="resources/control/labels.csv",
        codebook=config["classify"]["codebook"],
        card="resources/cards/affect.md",
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
        settings=config["estimate"],
        seed=config["seed"],
        code=code("train_classifier"),
    script:
        "../scripts/train_classifier.py"
