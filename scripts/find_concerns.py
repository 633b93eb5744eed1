"""Find which of the study's concerns each affective conversation speaks of, by declared phrases."""

from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from shared import contracts
from shared.concerns import concerns_in
from shared.job import logged
from shared.text import messages_by

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def find_concerns(conversations: pl.DataFrame, concerns: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """A table under contracts.Concerns: every concern of which some human message holds a phrase.

    Args:
        conversations: contracts.Gathered.
        concerns: `concerns` of config/concerns.yaml.
    """
    return conversations.select("conversation_id", concerns=concerns_in(messages_by("human").list.join("\n"), concerns))


def main():
    with open(snakemake.input.taxonomy, encoding="utf-8") as file:
        concerns = yaml.safe_load(file)["concerns"]
    found = find_concerns(pl.read_parquet(snakemake.input.gathered), concerns)
    contracts.Concerns.checked(found).write_parquet(snakemake.output.concerns)
    print(found.explode("concerns")["concerns"].value_counts(sort=True))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
