"""How well the pushback model finds what the labels say, as a table: any pushback and each kind, by source and among affective conversations."""

from typing import TYPE_CHECKING

from shared.evaluation import evaluate_pushback
from shared.job import logged
from shared.labels import read_held_out

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main():
    held_out = read_held_out(snakemake.input.held_out)
    evaluate_pushback(held_out, **snakemake.params.settings, seed=snakemake.params.seed).write_csv(
        snakemake.output.evaluation
    )


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
