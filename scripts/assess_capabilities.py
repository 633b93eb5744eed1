"""Which analyses a data set allows: the one table from which the claims take what is not testable."""

from typing import TYPE_CHECKING, Any

import polars as pl

from shared.job import logged
from shared.persons import past_break
from shared.tables import small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

YES, LIMITED, NO = "yes", "limited", "no"
# What a source may record beside the text: column, and how a sentence names it.
FIELDS = {
    "user": ("user_id", "user"),
    "time": ("started_at", "time"),
    "country": ("country", "country"),
    "model": ("model", "model"),
    "moderation": ("flagged", "moderation flag"),
}
# For each analysis the fields that it needs, and what is left of it where flagged conversations were removed.
ANALYSES = {
    "affective share": ([], LIMITED),
    "types of affective conversations": ([], LIMITED),
    "companionship and roleplay": ([], NO),
    "romantic or sexual roleplay": ([], NO),
    "topics": ([], LIMITED),
    "pushback": ([], LIMITED),
    "sentiment": ([], LIMITED),
    "by person": (["user"], YES),
    "first of a person's day": (["user", "time"], YES),
    "over time": (["time"], YES),
    "by country": (["country"], YES),
    "by model": (["model"], YES),
    "by moderation flag": (["moderation"], NO),
}
SYNTHETIC = "The data are synthetic: planted values are not findings."


def field_state(field: str, origins: pl.DataFrame, source: dict[str, Any], **floors: int) -> tuple[str, str]:
    """(yes, limited or no; reason) for what needs a field: declared, and there; users also as persons."""
    column, name = FIELDS[field]
    if field not in source["available"]:
        return NO, f"The source records no {name}."
    present, absent = origins.filter(pl.col(column).is_not_null()), origins.filter(pl.col(column).is_null())
    if not present.height:
        return NO, f"The source should record a {name}, but no conversation carries one."
    reasons = []
    if absent.height:
        few = any(small(part, **floors) for part in (present, absent))
        share = "Some" if few else f"{100 * absent.height / origins.height:.0f} % of the"
        reasons.append(f"{share} conversations carry no {name}.")
    if field == "user":
        until = source.get("user_key_until")
        if not present["person"].any():
            return NO, "No user key can be taken for one person."
        if until:
            reasons.append(f"User keys are stable until {until} only; later conversations have no person.")
        if present.filter(~pl.col("person"), ~past_break(until)).height:
            reasons.append("Some user keys stand for more than one person, or for a machine; these are left out.")
    return (LIMITED if reasons else YES), " ".join(reasons)


def assess_capabilities(
    origins: pl.DataFrame, *, dataset: str, source: dict[str, Any], min_conversations: int, min_users: int
) -> pl.DataFrame:
    """Whether a data set allows each of the analyses, whether or not this workflow makes them.

    Args:
        origins: contracts.Origins.
        dataset: its name.
        source: its description in the configuration.
        min_conversations, min_users: floors.

    Returns:
        dataset, analysis, testable (yes, limited, no), reason (empty for yes).
    """
    floors = {"min_conversations": min_conversations, "min_users": min_users}
    fields = {field: field_state(field, origins, source, **floors) for field in FIELDS}
    removed = source.get("removed")
    rows = []
    for analysis, (needs, left) in ANALYSES.items():
        states = [fields[field] for field in needs]
        if source.get("synthetic"):
            states = [(NO, SYNTHETIC)]
        elif removed and left != YES:
            n = removed["n_all"] - removed["n_public"]
            reason = f"{n:,} of {removed['n_all']:,} conversations were removed before publication: {removed['why']}."
            states.append((left, reason + (" What this asks for is likely to be among them." if left == NO else "")))
        worst = max((state for state, _ in states), key=[YES, LIMITED, NO].index, default=YES)
        rows.append(
            (dataset, analysis, worst, " ".join(reason for state, reason in states if state == worst and reason))
        )
    return pl.DataFrame(rows, schema=["dataset", "analysis", "testable", "reason"], orient="row")


def main():
    columns = ["user_id", "started_at", "country", "model", "flagged", "author", "person"]
    tables = [
        assess_capabilities(
            pl.read_parquet(path, columns=columns),
            dataset=dataset,
            source=snakemake.params.sources[dataset],
            **snakemake.params.floors,
        )
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.origins, strict=True)
    ]
    pl.concat(tables).write_csv(snakemake.output.capabilities)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
