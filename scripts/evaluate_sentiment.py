"""How far VADER and the linear score agree with the labels on the sentiment of the first and last messages, and on its change."""

from typing import TYPE_CHECKING

from shared.job import logged
from shared.labels import read_held_out
from shared.sentiment_agreement import evaluate_sentiment

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def main():
    held_out = read_held_out(snakemake.input.held_out)
    table = evaluate_sentiment(held_out, **snakemake.params.settings, seed=snakemake.params.seed)
    table.write_csv(snakemake.output.evaluation)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
