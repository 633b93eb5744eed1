"""Labels of one's own become the error rates of the run: in tables, and from the sheet to the estimate in a real run."""

import shutil

import polars as pl
import pytest
from conftest import snakemake
from join_held_out import join_held_out

from shared.contracts import PUSHBACK_KINDS
from shared.evaluation import pushback_beside_labels

KEYS = {"weight": 1.0, "stratum": "a"}


def rows(*decisions):
    """Rows of (source, id, predicted, true)."""
    columns = ["source", "conversation_id", "predicted_affective", "true_affective"]
    return pl.DataFrame(decisions, schema=columns, orient="row").with_columns(**{k: pl.lit(v) for k, v in KEYS.items()})


def test_own_labels_replace_all_rows_of_their_source_and_of_no_other():
    found = join_held_out(rows(("harbour", "h1", 0, 0), ("station", "s1", 1, 1)), rows(("harbour", "h2", 1, 0)))
    assert found.select("source", "conversation_id").rows() == [("station", "s1"), ("harbour", "h2")]


def test_a_decision_that_was_cross_validated_stands_beside_the_new_label():
    shipped = rows(("harbour", "h1", 0, 1)).with_columns(p_affective=pl.lit(0.2))
    found = join_held_out(shipped, rows(("harbour", "h1", 1, 1), ("harbour", "h2", 1, 0)))
    assert found.select("predicted_affective", "true_affective").rows() == [(0, 1), (1, 0)]


def test_pushback_that_was_not_looked_for_is_no_decision():
    labelled = pl.DataFrame(
        {
            "conversation_id": ["h1", "h2"],
            "stratum": ["a", "a"],
            "compared": [True, False],
            "weight_compared": [3.0, None],
            "label_affective": [False, False],
            "label_pushback": [["refusal"], ["refusal"]],
            "label_shortened": [False, False],
            "pushback": [True, False],
            **{kind: [kind == "refusal", False] for kind in PUSHBACK_KINDS},
        }
    )
    found = pushback_beside_labels(labelled, dataset="harbour")
    assert found.select("source", "conversation_id", "weight").rows() == [("harbour", "h1", 3.0)]
    assert found.select("predicted_any", "true_any", "predicted_refusal", "true_boundary").row(0) == (1, 1, 1, 0)


@pytest.fixture(scope="module")
def labelled(demo, tmp_path_factory):
    """The demo run with a sheet drawn, and half of it read by two who know the truth and differ on one conversation."""
    folder = tmp_path_factory.mktemp("labelled") / "demo"
    shutil.copytree(demo, folder, symlinks=True)
    options = ["--configfile=config/demo.yaml", "--config", "validate={label_budget: 80}"]
    done = snakemake(*options, "--", "data/labels/control/sheet.html", cwd=folder)
    assert done.returncode == 0, done.stdout
    truth = pl.read_csv(folder / "resources/control/labels.csv", infer_schema=False).fill_null("")
    columns = ["content_creation", "affective", "categories", "professional"]
    sheet = pl.read_csv(folder / "data/labels/control/sheet.csv", infer_schema=False).drop("text", *columns)
    read = sheet.join(truth.select("conversation_id", *columns), on="conversation_id", maintain_order="left")
    readings = folder / "data/labels/control/readings"
    readings.mkdir()
    first = pl.col("conversation_id") == read["conversation_id"][0]
    for reader, answer in {"ann": pl.lit("0"), "ben": pl.lit("1")}.items():
        table = read.with_columns(
            reader=pl.lit(reader), content_creation=pl.when(first).then(answer).otherwise("content_creation")
        )
        table.write_csv(readings / f"{reader}.csv")
    return folder, options, read


def test_a_run_stops_where_readers_differ_and_goes_on_when_a_third_has_decided(labelled):
    folder, options, read = labelled
    target = ["--", "results/demo/tables/prevalence.csv"]
    done = snakemake(*options, *target, cwd=folder)
    assert done.returncode != 0
    assert "readers differ on 1 conversations" in done.stdout and "Traceback (most" not in done.stdout
    assert (folder / "data/labels/control/disagreements.html").exists()
    third = read.head(1).with_columns(reader=pl.lit("eve"), third_reading=pl.lit("1"))
    third.write_csv(folder / "data/labels/control/readings/eve.csv")
    done = snakemake(*options, *target, cwd=folder)
    assert done.returncode == 0, done.stdout
    labels = pl.read_csv(folder / "data/labels/control/labels.csv")
    assert labels.height == 80 and labels["weight"].sum() == pytest.approx(
        pl.read_parquet(folder / "data/interim/control/measures.parquet").height, rel=1e-4
    )
    assert (
        labels.filter(pl.col("decided_by").str.starts_with("eve"))["conversation_id"].to_list()
        == read["conversation_id"].head(1).to_list()
    )
    shares = pl.read_csv(folder / "results/demo/tables/prevalence.csv").filter(
        group="affective", weighting="conversation"
    )
    assert shares["correction"].to_list() == ["labelled probability sample of control"]
    truth = pl.read_csv(folder / "resources/control/labels.csv", infer_schema=False)
    selected = pl.read_parquet(folder / "data/interim/control/measures.parquet", columns=["conversation_id"])
    share = (truth.join(selected, on="conversation_id")["affective"] == "1").mean()
    assert shares["ci_low"][0] - 0.05 < share < shares["ci_high"][0] + 0.05
