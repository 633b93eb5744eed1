"""This part writes the report in the study's own sections, renders it, and makes sure that no person's words are in it.
Reads: results/{run}/tables/, figures/ and claims.csv; report/.
Writes: results/{run}/report/ (report.qmd, what a renderer reads beside it, report.html, report.pdf), results/{run}/privacy_audit.csv.
"""

TABLES = [
    "funnel",
    "prevalence",
    "topics",
    "concerns",
    "drift",
    "long_conversations",
    "who",
    "pushback",
    "pushback_kinds",
    "pushback_reasons",
    "reasons",
    "pushback_standardised",
    "pushback_parted",
    "pushback_evaluation",
    "sentiment",
    "sentiment_evaluation",
    "sentiment_controls",
    "sentiment_path",
    "specification_curve",
    "selections",
    "capabilities",
    "traps",
    "languages",
    "agreement",
    "classifier_evaluation",
    "classifier_calibration",
    "classifier_confusions",
    "instrument_check",
    "coverage",
    "power",
    "external",
    *(["judge"] if JUDGED else []),
]
FIGURES = [
    "claims",
    "prevalence",
    "topics",
    "concerns",
    "drift",
    "pushback",
    "sentiment",
    "sentiment_controls",
    "sentiment_path",
    "specification_curve",
    "evaluation",
    "calibration",
    "coverage",
]
# What a renderer reads beside the report; Typst reads nothing outside the report's folder, so the figures lie there too.
BESIDE = ["references.bib", "style.css", "boxes.lua", "typst-show.typ"]
RENDERED = expand(f"results/{RUN}/report/{{name}}", name=BESIDE + [f"figures/{figure}.svg" for figure in FIGURES])
SECTIONS = sorted(str(path.relative_to(BASE)) for path in (BASE / "report" / "sections").glob("*.qmd"))
# The project's texts and the configuration of this run, whose words are no person's.
OWN_WORDS = [
    "report/report.qmd",
    *SECTIONS,
    *expand("report/{name}", name=BESIDE),
    "report/page.js",
    config["classify"]["codebook"],
    config["concerns"]["taxonomy"],
    CLAIMS,
    "config/external.yaml",
    "config/study.yaml",
    *map(os.path.relpath, workflow.configfiles),
]


rule write_report:
    """The report as plain Quarto markdown: every value resolved, a missing one is an error."""
    input:
        template="report/report.qmd",
        sections=SECTIONS,
        beside=expand("report/{name}", name=BESIDE),
        codebook=config["classify"]["codebook"],
        weights=MODEL,
        pushback_weights=PUSHBACK_MODEL,
        rules="config/claims.yaml",
        study="config/study.yaml",
        languages="resources/languages.csv",
        manifests=[f"data/raw/{name}/MANIFEST.json" for name in DATASETS if config["sources"][name]["kind"] == "hf"],
        claims=f"results/{RUN}/claims.csv",
        tables=expand(f"results/{RUN}/tables/{{table}}.csv", table=TABLES),
        figures=expand(f"results/{RUN}/figures/{{figure}}.svg", figure=FIGURES),
    output:
        report=f"results/{RUN}/report/report.qmd",
        beside=RENDERED,
    log:
        f"logs/write_report/{RUN}.log",
    benchmark:
        f"benchmarks/write_report/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        config=run_config,
        code=code("write_report"),
    script:
        "../scripts/write_report.py"


rule render_report:
    """HTML and PDF: by Quarto where it is installed, by pandoc and Typst where it is not, from the same file."""
    input:
        report=f"results/{RUN}/report/report.qmd",
        beside=RENDERED,
        script="report/page.js",
        tables=expand(f"results/{RUN}/tables/{{table}}.csv", table=TABLES),
        claims=f"results/{RUN}/claims.csv",
        crossref="report/pandoc/crossref.lua",
    output:
        html=f"results/{RUN}/report/report.html",
        pdf=f"results/{RUN}/report/report.pdf",
    log:
        f"logs/render_report/{RUN}.log",
    benchmark:
        f"benchmarks/render_report/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        code=code("render_report"),
    script:
        "../scripts/render_report.py"


rule audit_privacy:
    """Fails the run if anything under results/ holds a person's words, an address, a key or id, or a cell under its floor."""
    input:
        html=f"results/{RUN}/report/report.html",
        pdf=f"results/{RUN}/report/report.pdf",
        report=f"results/{RUN}/report/report.qmd",
        claims=f"results/{RUN}/claims.csv",
        tables=expand(f"results/{RUN}/tables/{{table}}.csv", table=TABLES),
        figures=expand(f"results/{RUN}/figures/{{figure}}.svg", figure=FIGURES),
        conversations=[
            f"data/interim/{dataset}/conversations/{shard}.parquet"
            for dataset in DATASETS
            for shard in SHARDS[dataset]
        ],
        own_words=lambda wildcards: OWN_WORDS,  # written out, a preset's path would stand in the provenance page
    output:
        audit=f"results/{RUN}/privacy_audit.csv",
    log:
        f"logs/audit_privacy/{RUN}.log",
    benchmark:
        f"benchmarks/audit_privacy/{RUN}.jsonl"
    conda:
        "../environment.yml"
    threads: 2
    params:
        run=RUN,
        privacy=config["privacy"],
        endpoint=urlsplit(config["classify"]["llm"]["base_url"]).hostname if ASKING else None,
        code=code("audit_privacy"),
    script:
        "../scripts/audit_privacy.py"
