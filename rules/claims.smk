"""This part judges the study's claims, says how sure the verdicts are, and sets other published numbers beside ours.
Reads: results/{run}/tables/, resources/models/ (labels at hand), config/claims.yaml, config/external.yaml.
Writes: results/{run}/claims.csv, tables/power.csv, tables/external.csv, figures/claims.svg."""

CLAIMS = "config/claims.yaml"
# The tables that the claims name; what is wrong with a claim is said by judge_claims.
CLAIMED = sorted(
    {claim["value"]["table"] for claim in read_yaml(BASE / CLAIMS)["claims"] if claim.get("value", {}).get("table")}
)


rule judge_claims:
    """The study's claims, one by one, by declared rules that are the same for every data set."""
    input:
        claims=CLAIMS,
        capabilities=f"results/{RUN}/tables/capabilities.csv",
        tables=expand(f"results/{RUN}/tables/{{table}}.csv", table=CLAIMED),
    output:
        claims=f"results/{RUN}/claims.csv",
    log:
        f"logs/judge_claims/{RUN}.log",
    benchmark:
        f"benchmarks/judge_claims/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        code=code("judge_claims"),
    script:
        "../scripts/judge_claims.py"


rule estimate_power:
    """How many labels or conversations would decide the claims that are open, and which verdicts stand for all claims at once."""
    input:
        rules=CLAIMS,
        claims=f"results/{RUN}/claims.csv",
        held_out=HELD_OUT,
    output:
        power=report(f"results/{RUN}/tables/power.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/estimate_power/{RUN}.log",
    benchmark:
        f"benchmarks/estimate_power/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        confidence=config["estimate"]["confidence"],
        code=code("estimate_power"),
    script:
        "../scripts/estimate_power.py"


rule compare_external:
    """Numbers that others published on such conversations, each beside the nearest of ours."""
    input:
        external="config/external.yaml",
        capabilities=f"results/{RUN}/tables/capabilities.csv",
        prevalence=f"results/{RUN}/tables/prevalence.csv",
    output:
        external=report(f"results/{RUN}/tables/external.csv", caption="../report/captions/table.rst", category="Tables"),
    log:
        f"logs/compare_external/{RUN}.log",
    benchmark:
        f"benchmarks/compare_external/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        datasets=DATASETS,
        code=code("compare_external"),
    script:
        "../scripts/compare_external.py"


rule plot_claims:
    """The verdicts on all claims at a glance."""
    input:
        claims=f"results/{RUN}/claims.csv",
    output:
        figure=report(f"results/{RUN}/figures/claims.svg", caption="../report/captions/figure.rst", category="Figures"),
    log:
        f"logs/plot_claims/{RUN}.log",
    benchmark:
        f"benchmarks/plot_claims/{RUN}.jsonl"
    conda:
        "../environment.yml"
    params:
        titles=TITLES,
        code=code("plot_claims"),
    script:
        "../scripts/plot_claims.py"
