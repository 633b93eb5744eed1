"""The affective share that the classifier finds, by other ways to select conversations than the one that the estimates rest on."""

from typing import TYPE_CHECKING

import polars as pl

from shared.job import logged
from shared.tables import has_users, small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

SEED = 20250626
COLUMNS = ["conversation_id", "copy_of", "cluster", "author", "started_at", "person", "templated"]

# In order of importance: where two of them together would tell of a few conversations, the later one is hidden.
SELECTIONS = {
    "as selected": pl.col("kept"),
    "persons only": pl.col("kept") & pl.col("person"),
    "with duplicates": pl.lit(True),
    "without templates": pl.col("kept") & ~pl.col("templated"),
    "one per person": pl.col("kept")
    & pl.col("person")
    & (pl.col("draw") == pl.col("draw").min().over("kept", "person", "cluster")),
    "first of a person's day": pl.col("kept")
    & pl.col("person")
    & pl.col("started_at").is_not_null()
    & (pl.col("order") == pl.col("order").min().over("kept", "person", "cluster", pl.col("started_at").dt.date())),
}
NEEDS_USERS = {"persons only", "one per person", "first of a person's day"}


def selected_rows(measures: pl.DataFrame, origins: pl.DataFrame) -> pl.DataFrame:
    """Selected conversations and those that they stand for, with `included` and a bool column for each selection.

    A duplicate has the human text of the conversation that stays for it, and so the classifier's decision on that.
    """
    return (
        origins.join(measures.select("included", copy_of="conversation_id"), on="copy_of", maintain_order="left")
        .select(
            "included",
            "author",
            "person",
            "templated",
            "started_at",
            kept=pl.col("conversation_id") == pl.col("copy_of"),
            cluster=pl.col("cluster").rank("dense"),
            draw=pl.col("conversation_id").hash(SEED),
            order=pl.col("started_at").rank("ordinal"),
        )
        .with_columns(**SELECTIONS)
    )


def compare_selections(
    measures: pl.DataFrame, origins: pl.DataFrame, *, dataset: str, min_conversations: int, min_users: int
) -> pl.DataFrame:
    """Counts and the classifier's own share of affective conversations, not corrected, for each selection.

    What two selections do not have in common must be nobody or enough conversations and users, of affective ones and of others alike;
    otherwise the difference of their counts would tell of a few.

    Args:
        measures: contracts.Measures.
        origins: contracts.Origins.
        dataset: its name.
        min_conversations, min_users: floors.

    Returns:
        dataset, selection, n_conversations, n_users, n_affective, share_affective, suppressed; selections that the data set does not
        allow are left out.
    """
    rows = selected_rows(measures, origins)
    users = has_users(measures)

    def hidden(part):
        return small(part, min_conversations=min_conversations, min_users=min_users)

    def told(name, others, *parts):
        """The count of a selection, or its difference to one of the others, would tell of a few in one of the parts."""
        members = pl.col(name)
        sets = [
            members,
            *(members & ~pl.col(other) for other in others),
            *(pl.col(other) & ~members for other in others),
        ]
        return any(hidden(rows.filter(one & part)) for one in sets for part in parts)

    counted, split, table = [], [], []
    for name in SELECTIONS:
        if name in NEEDS_USERS and not users or name.startswith("first") and rows["started_at"].is_null().all():
            continue
        members = rows.filter(name)
        n, n_users = members.height, members["author"].n_unique() if users else None
        n_affective = int(members["included"].sum())
        if told(name, [other for other, *_ in counted], pl.lit(True)):
            table.append((dataset, name, None, None, None, None, True))
            continue
        if users and any(0 < abs(n_users - other) < min_users for _, other in counted if other is not None):
            n_users = None
        hide_affective = told(name, split, pl.col("included"), ~pl.col("included"))
        counted.append((name, n_users))
        if hide_affective:
            n_affective = None
        else:
            split.append(name)
        share = round(n_affective / n, 6) if n and n_affective is not None else None
        table.append((dataset, name, n, n_users, n_affective, share, hide_affective))
    counts = ["n_conversations", "n_users", "n_affective"]
    schema = {"dataset": pl.String, "selection": pl.String, **dict.fromkeys(counts, pl.Int64)}
    schema |= {"share_affective": pl.Float64, "suppressed": pl.Boolean}
    return pl.DataFrame(table, schema=schema, orient="row")


def main():
    tables = [
        compare_selections(
            pl.read_parquet(measures, columns=["conversation_id", "user_id", "included"]),
            pl.read_parquet(origins, columns=COLUMNS),
            dataset=dataset,
            **snakemake.params.floors,
        )
        for dataset, measures, origins in zip(
            snakemake.params.datasets, snakemake.input.measures, snakemake.input.origins, strict=True
        )
    ]
    pl.concat(tables).write_csv(snakemake.output.selections)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
