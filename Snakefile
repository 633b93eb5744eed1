"""How people use an AI assistant for support, advice and companionship: an open replication on public conversations."""

from snakemake.utils import min_version

min_version("9.19")


configfile: "config/config.yaml"


include: "rules/configuration.smk"  # checked, before anything runs
include: "rules/common.smk"  # shards, paths and settings named
include: "rules/acquire.smk"  # conversations as published, in one schema
include: "rules/select.smk"  # English, valid, not duplicated; a funnel
include: "rules/classify.smk"  # content creation, affective, six categories
include: "rules/pushback.smk"  # does the assistant resist, how and why
include: "rules/sentiment.smk"  # what the human expresses, message by message
include: "rules/topics.smk"  # what is talked about in each category
include: "rules/course.smk"  # how the talk drifts, what long ones are about, who holds them
include: "rules/validate.smk"  # labels against instruments, planted truth against recovered
include: "rules/analyse.smk"  # estimates with their uncertainty, figures
include: "rules/claims.smk"  # claims with verdicts, and other published numbers
include: "rules/report.smk"  # the study's sections, ours beside theirs


rule all:
    """The report of this run, in HTML and PDF, after the privacy audit."""
    default_target: True
    input:
        html=f"results/{RUN}/report/report.html",
        pdf=f"results/{RUN}/report/report.pdf",
        audit=f"results/{RUN}/privacy_audit.csv",
    localrule: True
