"""Count what a data set holds that would mislead whoever took it as it is: the number found, and what is done about it."""

from typing import TYPE_CHECKING, Any

import polars as pl

from shared.job import logged
from shared.persons import past_break
from shared.tables import has_users, small

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

MAX_PAIRS = 10  # of languages, the most frequent ones
SAME_LANGUAGE = {"wuu": "zh", "yue": "zh", "als": "de", "nn": "no", "sh": "sr"}  # told apart by few taggers
HANDLING = {
    "shared user keys": "Kept where conversations count, drawn together as one cluster; left out where persons count.",
    "user keys break": "Kept where conversations count; without a person where persons count.",
    "wrong language tags": "Not used: languages are selected, and counted for each key, by our own detection.",
    "removed before publication": "Cannot be mended; bounds hold whatever the removed conversations are.",
    "repeated texts": "One of each is kept; the share with all of them stands beside.",
    "repeated first prompts": "Kept, if what follows differs.",
    "templates": "Kept; the share without them stands beside.",
}
ABSENT = {
    "shared user keys": "The data hold no users.",
    "user keys break": "No such break is known of this source.",
    "wrong language tags": "The data hold no language tags.",
    "removed before publication": "No removal is known of this source.",
}


def compared_languages(origins: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Conversations whose tag names a language that we know and whose language we could tell, with `tagged` as a code like `language`.

    Args:
        origins: contracts.Origins.
        names: name and code of languages, as sources write them.
    """
    codes = dict(zip(names["name"].str.to_lowercase(), names["code"], strict=True))
    codes |= {code: code for code in names["code"]}
    return (
        origins.drop_nulls("source_language")
        .with_columns(
            tagged=pl.col("source_language")
            .str.to_lowercase()
            .replace_strict(codes, default=None)
            .replace(SAME_LANGUAGE),
            language=pl.col("language").replace(SAME_LANGUAGE),
        )
        .filter(pl.col("tagged").is_not_null(), pl.col("language") != "und")
    )


def wrong_tags(compared: pl.DataFrame, *, dataset: str, users: bool, **floors: int) -> pl.DataFrame:
    """The most frequent pairs of tag and detected language that differ, and all other pairs in one row.

    Pairs under a floor are among the others; where the others are under it, the last pairs join them.
    """
    wrong = compared.filter(pl.col("tagged") != pl.col("language"))
    pair = ["source_language", "language"]
    pairs = wrong.group_by(pair).agg(n_conversations=pl.len(), n_users=pl.col("author").n_unique())
    large = (pl.col("n_conversations") >= floors["min_conversations"]) & (pl.col("n_users") >= floors["min_users"])
    listed = pairs.filter(large).sort("n_conversations", *pair, descending=[True, False, False]).head(MAX_PAIRS)
    while listed.height and small(wrong.join(listed, on=pair, how="anti"), **floors):
        listed = listed.head(-1)
    others = wrong.join(listed, on=pair, how="anti")
    counts = ["n_conversations", "n_users"]
    if others.height and not small(others, **floors):
        rest = {"source_language": "other", "language": "other", counts[0]: others.height}
        listed = pl.concat(
            [listed, pl.DataFrame([rest | {counts[1]: others["author"].n_unique()}])], how="vertical_relaxed"
        )
    return listed.select(
        pl.lit(dataset).alias("dataset"),
        *pair,
        pl.col("n_conversations").cast(pl.Int64),
        (pl.col("n_users") if users else pl.lit(None)).cast(pl.Int64).alias("n_users"),
    )


def count_traps(
    origins: pl.DataFrame,
    compared: pl.DataFrame,
    selections: dict[str, dict[str, Any]],
    affective: dict[str, Any],
    *,
    dataset: str,
    source: dict[str, Any],
    template: dict[str, int],
    min_conversations: int,
    min_users: int,
) -> pl.DataFrame:
    """What was found of each trap.

    Args:
        origins: contracts.Origins.
        compared: as compared_languages gives it.
        selections: the rows of each selection as published (compare_selections), by its name.
        affective: the row of the corrected affective share of all conversations (estimate_prevalence).
        dataset: its name.
        source: its description in the configuration.
        template: words and min_conversations of openings.
        min_conversations, min_users: floors.

    Returns:
        dataset, trap, applies, what (is counted), n_conversations, n_users, n_of (conversations), n_users_of, low and high (bounds of the affective
        share of all conversations, before removal), handling. A count is null where it, or what is left without it, is under a floor.
    """
    floors = {"min_conversations": min_conversations, "min_users": min_users}
    users = has_users(origins)
    n_users_selected = [row["n_users"] for row in selections.values()]

    def hidden(*parts):
        return any(small(part, **floors) for part in parts)

    rows = []

    def trap(name, *, applies=True, what="", n=None, n_users=None, n_of=None, n_users_of=None, low=None, high=None):
        found = (what, n, n_users, n_of, n_users_of, low, high) if applies else (None,) * 7
        rows.append((dataset, name, applies, *found, HANDLING[name] if applies else ABSENT[name]))

    # Persons, and why others are none: each part is counted only if all of them may be.
    until, keyed = source.get("user_key_until"), origins.filter(pl.col("user_id").is_not_null())
    after = keyed.filter(past_break(until))
    persons, shared = (
        keyed.filter(~past_break(until), is_person) for is_person in (pl.col("person"), ~pl.col("person"))
    )
    may = not hidden(persons, after, shared, origins.filter(pl.col("user_id").is_null()))

    def counts(part):
        if not may:
            return {}
        n_users, n_keys = part["user_id"].n_unique(), keyed["user_id"].n_unique()
        close = any(0 < abs(n_keys - other) < min_users for other in (n_users, *n_users_selected) if other is not None)
        n_users_of = None if close else n_keys
        return {"n": part.height, "n_users": n_users, "n_of": keyed.height, "n_users_of": n_users_of}

    trap("shared user keys", applies=users, what="conversations of keys that stand for no one person", **counts(shared))
    trap(
        "user keys break",
        applies=users and bool(until),
        what=f"conversations after {until}, or without a time",
        **counts(after),
    )

    differ = pl.col("tagged") != pl.col("language")
    wrong, right = compared.filter(differ), compared.filter(~differ)
    sizes = {} if hidden(wrong, right) else {"n": wrong.height, "n_of": compared.height}
    applies = compared.height > 0
    trap(
        "wrong language tags",
        applies=applies,
        what="conversations whose tag names another language than we detect",
        **sizes,
    )

    removed, bound = source.get("removed"), {}
    if removed:
        share = 1 - removed["n_public"] / removed["n_all"]
        bound = {"n": removed["n_all"] - removed["n_public"], "n_of": removed["n_all"]}
        if affective["ci_low"] is not None and affective["ci_high"] is not None:
            bound["low"] = round(affective["ci_low"] * (1 - share), 6)
            bound["high"] = round(affective["ci_high"] * (1 - share) + share, 6)
    trap(
        "removed before publication",
        applies=bool(removed),
        what=f"conversations removed ({(removed or {}).get('why')})",
        **bound,
    )

    def between(larger, smaller):
        n_larger, n_smaller = (selections[name]["n_conversations"] for name in (larger, smaller))
        return {} if None in (n_larger, n_smaller) else {"n": n_larger - n_smaller, "n_of": n_larger}

    trap(
        "repeated texts",
        what="conversations whose human text also stands in an earlier one",
        **between("with duplicates", "as selected"),
    )
    repeated = pl.col("repeated_first_prompt")
    original = pl.col("copy_of") == pl.col("conversation_id")
    parts = [origins.filter(part) for part in (repeated, ~repeated, repeated & original)]
    sizes = {} if hidden(*parts) else {"n": parts[0].height, "n_of": origins.height}
    trap("repeated first prompts", what="conversations whose first prompt also stands in an earlier one", **sizes)
    trap(
        "templates",
        what=f"conversations that share their first {template['words']} words with at least {template['min_conversations'] - 1} others"
        + (" of the same user" if users else ""),
        **between("as selected", "without templates"),
    )
    integers, floats = ["n_conversations", "n_users", "n_of", "n_users_of"], ["low", "high"]
    schema = {"dataset": pl.String, "trap": pl.String, "applies": pl.Boolean, "what": pl.String}
    schema |= dict.fromkeys(integers, pl.Int64) | dict.fromkeys(floats, pl.Float64) | {"handling": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def main():
    names = pl.read_csv(snakemake.input.languages)
    selections = pl.read_csv(snakemake.input.selections, infer_schema_length=None)
    prevalence = pl.read_csv(snakemake.input.prevalence, infer_schema_length=None)
    affective = prevalence.filter(group="affective", share_of="all", weighting="conversation")
    traps, languages = [], []
    for dataset, path in zip(snakemake.params.datasets, snakemake.input.origins, strict=True):
        origins, floors = pl.read_parquet(path), snakemake.params.floors
        compared = compared_languages(origins, names)
        languages.append(wrong_tags(compared, dataset=dataset, users=has_users(origins), **floors))
        traps.append(
            count_traps(
                origins,
                compared,
                {row["selection"]: row for row in selections.filter(dataset=dataset).to_dicts()},
                affective.filter(dataset=dataset).row(0, named=True),
                dataset=dataset,
                source=snakemake.params.sources[dataset],
                template=snakemake.params.template,
                **floors,
            )
        )
    pl.concat(traps).write_csv(snakemake.output.traps)
    pl.concat(languages).write_csv(snakemake.output.languages)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
