"""Where readers differ on a conversation, and the sheet on which a third reads those again."""

from typing import TYPE_CHECKING

import polars as pl
import yaml

from shared.job import logged
from shared.readings import decide, fields_of, only_draw, read_readings
from shared.sheet import page, parts_of_page, talks_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def compare_readings(readings: pl.DataFrame) -> pl.DataFrame:
    """The parts of conversations on which first readings differ.

    Args:
        readings: shared.readings.read_readings.

    Returns:
        conversation_id, part (shared.readings.PARTS), said (by each reader), decided_by (the third reader, or nobody).
    """
    columns = ["conversation_id", "part", "said", "decided_by"]
    rows = [{name: found[name] for name in columns} for found in decide(readings) if found["differ"]]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def main():
    paths, dataset = snakemake.input, snakemake.params.dataset
    with open(paths.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    fields = fields_of(codebook)
    readings = read_readings(paths.readings, fields, dataset=dataset)
    found = compare_readings(readings)
    found.write_csv(snakemake.output.disagreements)
    parts = dict(found.group_by("conversation_id").agg(pl.col("part").str.replace("_", " ").str.join(", ")).iter_rows())
    # In the order of ids: who differed more, or on what, is not to be told from it.
    talks = [talk | {"differ": parts[talk["conversation_id"]]} for talk in talks_of(paths.selected, sorted(parts))]
    sheet = page(
        talks,
        fields,
        codebook,
        dataset=dataset,
        sheet=only_draw(readings, dataset=dataset) or "",
        third_reading=True,
        **parts_of_page(paths),
    )
    with open(snakemake.output.sheet, "w", encoding="utf-8") as file:
        file.write(sheet)
    print(
        f"{readings['conversation_id'].n_unique()} conversations by {readings['reader'].n_unique()} readers; they differ on {len(parts)}, "
        f"{found.filter(decided_by='nobody')['conversation_id'].n_unique()} of them undecided"
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
