"""Draw conversations to be labelled: a stratified probability sample over the classifier's score, what the sieve dropped included."""

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import yaml

from shared.codebook import codebook_text
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

# Strata of the affective probability, likeliest last, and the part of the budget each gets: rare and doubtful cases are where labels pay.
EDGES = [0.02, 0.1, 0.3, 0.6]
STRATA = ["screened out", "under .02", ".02 to .1", ".1 to .3", ".3 to .6", "over .6"]
ALLOCATION = [0.10, 0.25, 0.20, 0.15, 0.15, 0.15]


def draw_label_sample(affect: pl.DataFrame, *, budget: int, seed: int) -> pl.DataFrame:
    """A stratified random sample with known inclusion probabilities.

    Args:
        affect: conversation_id, candidate, p_affective of every selected conversation.
        budget: conversations to draw; a stratum smaller than its part is taken whole.
        seed: of the draw.

    Returns:
        conversation_id, stratum, n_stratum, n_drawn, inclusion_probability, in random order, so that a reader cannot tell the stratum.
    """
    stratum = np.where(
        affect["candidate"], 1 + np.searchsorted(EDGES, affect["p_affective"].fill_null(0).to_numpy(), side="right"), 0
    )
    rng = np.random.default_rng(seed)
    rows = []
    # Cumulated parts, so that rounding does not miss the budget.
    wanted = np.diff(np.round(budget * np.cumsum([0, *ALLOCATION])).astype(int))
    for number, name in enumerate(STRATA):
        members = np.flatnonzero(stratum == number)
        n_drawn = min(len(members), int(wanted[number]))
        for row in rng.choice(members, n_drawn, replace=False):
            rows.append(
                (affect["conversation_id"][int(row)], name, len(members), n_drawn, round(n_drawn / len(members), 6))
            )
    columns = ["conversation_id", "stratum", "n_stratum", "n_drawn", "inclusion_probability"]
    return pl.DataFrame([rows[place] for place in rng.permutation(len(rows))], schema=columns, orient="row")


def main():
    affect = pl.concat(
        [
            pl.read_parquet(path, columns=["conversation_id", "candidate", "p_affective"])
            for path in snakemake.input.affect
        ]
    ).sort("conversation_id")
    sample = draw_label_sample(affect, budget=snakemake.params.budget, seed=snakemake.params.seed)
    sample.write_csv(snakemake.output.sample)
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)
    with open(snakemake.output.codebook, "w", encoding="utf-8") as file:
        file.write("# Classes of a conversation\n\n" + codebook_text(codebook["classes"]))
        file.write("\n# Pushback by the assistant\n\n" + codebook_text(codebook["pushback"]["kinds"]))
    wanted = set(sample["conversation_id"])
    texts = {}
    for path in snakemake.input.selected:
        table = pl.read_parquet(path, columns=["conversation_id", "messages"]).filter(
            pl.col("conversation_id").is_in(wanted)
        )
        texts |= dict(table.iter_rows())
    with open(snakemake.output.sheet, "w", encoding="utf-8") as sheet:
        for conversation_id in sample["conversation_id"]:
            sheet.write(
                json.dumps({"conversation_id": conversation_id, "messages": texts[conversation_id]}, ensure_ascii=False)
                + "\n"
            )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
