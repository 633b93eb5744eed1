"""Draw conversations to be labelled: a stratified probability sample over the classifier's score, what the sieve dropped included."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared.job import logged
from shared.labels import read_held_out
from shared.readings import fields_of, label_studio_config
from shared.sampling import STRATA, allocate, expected_shares, strata
from shared.sheet import blank_table, label_studio_tasks, page, parts_of_page, reading_guide, talks_of

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

GUIDE = """# Labels of {dataset}

{n} conversations, drawn at random within six strata of the classifier's score, in random order. Nothing here says what the classifier thinks of them.

1. Read them without looking at any result, by one of: `sheet.html` in a browser (offline; it keeps answers as you go; export at the end), `sheet.csv` in a spreadsheet,
   or `label_studio.json` with `label_studio.xml` as labelling interface in Label Studio (export as JSON). A second reader reads all of them or at least a fifth, on their own.
2. Put each reader's file into `{readings}/` and run the workflow again. Where readers differ, it stops and names the sheet for a third.

This folder holds conversations: keep it to yourself. `drawn/` holds the strata and inclusion probabilities; readers do not look there.

## How many to read

Fewest labels for an affective share within the half width, at {confidence:.0%} confidence, and their allocation (Neyman's, at least ten a stratum). `validate: {{label_budget: n}}` draws n.

{plan}

{codebook}"""


def draw_label_sample(affect: pl.DataFrame, shares: np.ndarray, *, budget: int, seed: int) -> pl.DataFrame:
    """A stratified random sample with known inclusion probabilities.

    Args:
        affect: conversation_id, candidate, p_affective of every selected conversation.
        shares: expected of each stratum (shared.sampling.expected_shares), for Neyman's allocation.
        budget: conversations to draw.
        seed: of the draw.

    Returns:
        conversation_id, stratum, n_stratum, n_drawn, inclusion_probability, budget, seed, in random order, so that a reader cannot tell the stratum.
    """
    stratum = strata(affect)
    sizes = np.bincount(stratum, minlength=len(STRATA))
    rng = np.random.default_rng(seed)
    rows = []
    for number, (name, n_drawn) in enumerate(zip(STRATA, allocate(sizes, shares, budget).tolist(), strict=True)):
        members = np.flatnonzero(stratum == number)
        for row in rng.choice(members, n_drawn, replace=False):
            rows.append(
                (affect["conversation_id"][int(row)], name, len(members), n_drawn, round(n_drawn / len(members), 6))
            )
    columns = ["conversation_id", "stratum", "n_stratum", "n_drawn", "inclusion_probability"]
    return pl.DataFrame(
        [rows[place] for place in rng.permutation(len(rows))], schema=columns, orient="row"
    ).with_columns(budget=pl.lit(budget), seed=pl.lit(seed))


def plan_table(plan: pl.DataFrame) -> str:
    """Markdown of plan_labels' table: a line for each half width, a column for each stratum."""
    lines = [f"| half width (points) | labels | {' | '.join(STRATA)} |", f"|{'---:|' * (2 + len(STRATA))}"]
    for (wanted,), rows in plan.group_by("half_width", maintain_order=True):
        numbers = dict(rows.select("stratum", "n_labels").iter_rows())
        cells = [f"{wanted * 100:g}", *(f"{numbers[name]:,}" for name in ["all", *STRATA])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    paths, params = snakemake.input, snakemake.params
    affect = pl.concat(
        [pl.read_parquet(path, columns=["conversation_id", "candidate", "p_affective"]) for path in paths.affect]
    ).sort("conversation_id")
    shares = expected_shares(read_held_out(paths.held_out), dataset=params.dataset)
    sample = draw_label_sample(affect, shares, budget=params.budget, seed=params.seed)
    text = sample.write_csv()
    # The draw is kept under a name of its own: labels of it stay usable when another one is drawn.
    names = {"dataset": params.dataset, "sheet": hashlib.sha256(text.encode()).hexdigest()[:12]}
    drawn = Path(params.drawn) / f"{names['sheet']}.csv"
    drawn.parent.mkdir(parents=True, exist_ok=True)
    drawn.write_text(text, encoding="utf-8")
    with open(paths.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    fields, talks = fields_of(codebook), talks_of(paths.selected, sample["conversation_id"].to_list())
    written = {
        "sheet": page(talks, fields, codebook, third_reading=False, **names, **parts_of_page(paths)),
        "tasks": json.dumps(label_studio_tasks(talks, **names), ensure_ascii=False, indent=1),
        "interface": label_studio_config(fields),
        "guide": GUIDE.format(
            dataset=params.dataset,
            n=sample.height,
            readings=params.readings,
            confidence=params.confidence,
            plan=plan_table(pl.read_csv(paths.plan)),
            codebook=reading_guide(codebook),
        ),
    }
    for name, content in written.items():
        Path(snakemake.output[name]).write_text(content, encoding="utf-8")
    blank_table(talks, fields, **names).write_csv(snakemake.output.table)
    print(f"{sample.height} conversations drawn; strata and probabilities in {drawn}")


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
