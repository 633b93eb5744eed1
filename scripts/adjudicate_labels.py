"""One label a conversation from all its readings, with who decided and how many conversations it stands for."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import yaml

from shared.job import InputError, logged
from shared.labels import REQUIRED
from shared.readings import decide, fields_of, only_draw, read_readings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

COLUMNS = [*REQUIRED[:2], "stratum", *REQUIRED[2:], "pushback_reason", "sure", "readings", "decided_by"]


def adjudicate_labels(readings: pl.DataFrame, drawn: pl.DataFrame | None, *, dataset: str) -> pl.DataFrame:
    """The labels that the readings come to, in the columns of a label file.

    Args:
        readings: shared.readings.read_readings.
        drawn: draw_label_sample's table of the draw they come from; none where they come from none.
        dataset: its name.

    Returns:
        COLUMNS, as text, sorted by id. weight: conversations of the stratum / labelled ones of it, so that a sheet that is read in part still
        stands for the whole (its order is random); empty outside the draw. sure is the least of the readings. decided_by: agreement, one
        reader, or the third reader with the parts that they decided.

    Raises:
        InputError: readers differ on a conversation that no third has read.
    """
    decisions = decide(readings)
    undecided = sorted({found["conversation_id"] for found in decisions if found["answers"] is None})
    if undecided:
        raise InputError(
            f"{dataset}: readers differ on {len(undecided)} conversations that no third reader has decided ({', '.join(undecided[:3])} ...). Have them read "
            f"on data/labels/{dataset}/disagreements.html by somebody else and put the export into data/labels/{dataset}/readings/, or take files out of there."
        )
    rows = {}
    for found in decisions:
        row = rows.setdefault(found["conversation_id"], {"by": {}})
        row |= found["answers"]
        row["by"].setdefault(found["decided_by"], []).append(found["part"])
    thirds = readings.filter("third_reading")["reader"].unique().to_list()
    of_draw = {row["conversation_id"]: row for row in drawn.to_dicts()} if drawn is not None else {}
    labelled = Counter(of_draw[name]["stratum"] for name in rows if name in of_draw)
    sure = {
        name: min(filter(None, values), default="")
        for name, values in readings.group_by("conversation_id").agg("sure").iter_rows()
    }
    n_readings = dict(readings.group_by("conversation_id").len().iter_rows())
    table = []
    for name, row in rows.items():
        place = of_draw.get(name)
        by_third = [f"{reader} ({', '.join(parts)})" for reader, parts in row["by"].items() if reader in thirds]
        table.append(
            row
            | {
                "source": dataset,
                "conversation_id": name,
                "stratum": place["stratum"] if place else "",
                "weight": f"{place['n_stratum'] / labelled[place['stratum']]:.6g}" if place else "",
                "professional": row["professional"] or "0",
                "sure": sure[name],
                "readings": str(n_readings[name]),
                "decided_by": "; ".join(by_third) or next(iter(row["by"])),
            }
        )
    return pl.DataFrame(table, schema=dict.fromkeys(COLUMNS, pl.String))


def main():
    paths, params = snakemake.input, snakemake.params
    with open(paths.codebook, encoding="utf-8") as file:
        fields = fields_of(yaml.safe_load(file))
    readings = read_readings(paths.readings, fields, dataset=params.dataset)
    draw = only_draw(readings, dataset=params.dataset)
    drawn = Path(params.drawn) / f"{draw}.csv"
    if draw and not drawn.exists():
        raise InputError(
            f"The readings of {params.dataset} come from the draw {draw}; expected its probabilities in {drawn}, found no such file. Copy it from "
            "where the sheet was made, or empty the column sheet: such labels train, but stand for nothing beyond themselves."
        )
    table = pl.read_csv(drawn, schema_overrides={"conversation_id": pl.String}) if draw else None
    labels = adjudicate_labels(readings, table, dataset=params.dataset)
    labels.write_csv(snakemake.output.labels)
    strata = set(table["stratum"]) - set(labels["stratum"]) if draw else set()
    print(
        f"{labels.height} labels; decided by "
        + ", ".join(f"{by}: {n}" for by, n in labels["decided_by"].value_counts(sort=True).iter_rows())
    )
    if strata:
        print(f"No label yet of {', '.join(sorted(strata))}: their conversations are not represented")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
