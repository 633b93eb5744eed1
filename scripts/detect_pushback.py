"""Find the assistant messages that push back, of what kind, and for what reason."""

from typing import TYPE_CHECKING

import yaml

from shared import contracts
from shared.comparison import read_compared
from shared.job import logged
from shared.labels import read_held_out
from shared.pushback import PushbackModel, detect_pushback

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main():
    with open(snakemake.input.codebook, encoding="utf-8") as file:
        codebook = yaml.safe_load(file)["pushback"]
    pushback = detect_pushback(
        read_compared(snakemake.input.selected, snakemake.input.affect),
        PushbackModel.load(snakemake.input.model, codebook),
        held_out=read_held_out(snakemake.input.held_out).filter(source=snakemake.wildcards.dataset),
    )
    contracts.Pushback.checked(pushback).write_parquet(snakemake.output.pushback)
    print(pushback.group_by("kind").len().sort("kind"))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
