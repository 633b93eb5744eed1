"""How the conversations of each category are spread over its topics; topics under the floor are merged into one row."""

from typing import TYPE_CHECKING

import polars as pl

from shared.contracts import CATEGORIES
from shared.job import logged
from shared.tables import MERGED, UNNAMED, has_users, in_group, published

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def estimate_topics(
    measures: pl.DataFrame,
    topics: pl.DataFrame,
    terms: pl.DataFrame,
    *,
    dataset: str,
    min_conversations: int,
    min_users: int,
) -> pl.DataFrame:
    """Topic sizes of one data set.

    Args:
        measures: contracts.Measures.
        topics, terms: of discover_topics.
        dataset: its name.
        min_conversations, min_users: floors; topics under them become one row, MERGED.

    Returns:
        dataset, category, topic (its distinctive words), name (for name_topics to fill), n_conversations, n_users, n_authors, n_of (conversations of the category), n_authors_of, share_of_category,
        stability (adjusted Rand index between runs on other samples, per category).
    """
    labels = (
        terms.sort("rank")
        .group_by("category", "topic", maintain_order=True)
        .agg(label=pl.col("term").str.join(", "), stability=pl.col("stability").first())
    )
    rows = []
    for category in CATEGORIES:
        of = measures.filter(in_group(category))
        n_of, authors = of.height, of["author"].n_unique()
        members = topics.filter(pl.col("category") == category).join(
            measures.select("conversation_id", "author"), on="conversation_id"
        )
        sizes = (
            members.group_by("topic")
            .agg(n=pl.len(), authors=pl.col("author").n_unique())
            .join(labels.filter(pl.col("category") == category).drop("category"), on="topic", how="left")
        )
        small = (pl.col("n") < min_conversations) | (pl.col("authors") < min_users)
        kept = sizes.filter(~small).sort("n", "topic", descending=[True, False])
        merged = sizes.filter(small)

        def authors_of(part, members=members):
            return members.filter(pl.col("topic").is_in(part["topic"].to_list()))["author"].n_unique()

        few = merged["n"].sum() < min_conversations or authors_of(merged) < min_users
        if kept.height and merged.height and few:
            # Alone under the floor the merged row could be told from the others and the category's size: the smallest topic joins it.
            kept, merged = kept.head(-1), pl.concat([merged, kept.tail(1)])
        for row in kept.iter_rows(named=True):
            rows.append((category, row["label"] or UNNAMED, row["n"], row["authors"], n_of, authors, row["stability"]))
        if merged.height:
            rows.append((category, MERGED, int(merged["n"].sum()), authors_of(merged), n_of, authors, None))
        if not members.height and n_of:
            rows.append((category, MERGED, n_of, authors, n_of, authors, None))
    schema = {
        "category": pl.String,
        "topic": pl.String,
        "n_conversations": pl.Int64,
        "n_authors": pl.Int64,
        "n_of": pl.Int64,
        "n_authors_of": pl.Int64,
        "stability": pl.Float64,
    }
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.select(
        pl.lit(dataset).alias("dataset"),
        "category",
        "topic",
        pl.lit(None, dtype=pl.String).alias("name"),
        "n_conversations",
        n_users=pl.when(has_users(measures)).then("n_authors"),
        n_authors="n_authors",
        n_of="n_of",
        n_authors_of="n_authors_of",
        share_of_category=(pl.col("n_conversations") / pl.col("n_of")).round(6),
        stability="stability",
    )


def main():
    floors = snakemake.params.privacy
    tables = [
        estimate_topics(*(pl.read_parquet(path) for path in paths), dataset=dataset, **floors)
        for dataset, *paths in zip(
            snakemake.params.datasets,
            snakemake.input.measures,
            snakemake.input.topics,
            snakemake.input.terms,
            strict=True,
        )
    ]
    table = published(pl.concat(tables), **floors, hide=["share_of_category"])
    table.write_csv(snakemake.output.topics)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
