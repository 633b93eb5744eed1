"""Published tables: who is in a group, which cells are under the floor, in which order rows stand."""

import polars as pl

from shared.contracts import CATEGORIES

# The study's four types with enough conversations for rates, and all six.
TYPES = ["interpersonal", "coaching", "counselling", "companionship"]
MERGED = "other topics"  # those of a category that may not be shown for themselves
UNNAMED = "no distinctive word"
UNIONS = {
    "companionship or roleplay": ["companionship", "roleplay", "romantic"],
    "interpersonal or coaching": ["interpersonal", "coaching"],
}


def in_group(group: str) -> pl.Expr:
    """bool: a row of contracts.Measures belongs to `group`: affective, not affective, content creation, a category or a union of categories.

    `affective` is what the study counts (`included`); `not affective` are those drawn for comparison.
    """
    if group == "affective":
        return pl.col("included")
    if group == "not affective":
        return ~pl.col("affective") & pl.col("compared")
    if group == "content creation":
        return pl.col("content_creation")
    members = UNIONS.get(group, [group])
    return pl.col("included") & pl.any_horizontal(
        [pl.col("categories").list.contains(pl.lit(name, dtype=pl.Enum(CATEGORIES))) for name in members]
    )


def has_users(rows: pl.DataFrame) -> bool:
    """Some conversation carries a user key."""
    return rows["user_id"].null_count() < rows.height


def counted(rows: pl.DataFrame, *, users: bool, rests: list[pl.DataFrame] | None = None) -> dict[str, int | None]:
    """Conversations, users where there are `users`, and what `published` judges by and does not show: authors, who beside the conversations would
    say how few first prompts came again; and of the `rests`, which others that are published less these rows would tell, the fewest
    conversations and authors (n_rest, n_authors_rest).
    """
    n = rows["author"].n_unique()
    found = {"n_conversations": rows.height, "n_users": n if users else None, "n_authors": n}
    if rests is not None:
        left = [(rest.height, rest["author"].n_unique()) for rest in rests if rest.height] or [(0, 0)]
        found |= dict(zip(["n_rest", "n_authors_rest"], map(min, zip(*left, strict=True)), strict=True))
    return found


def beside(rows: pl.DataFrame, group: str) -> pl.DataFrame:
    """The affective conversations that are not of a category or union: subtracting it from all affective ones tells of them."""
    return rows.filter(in_group("affective") & ~in_group(group)) if group != "not affective" else rows.clear()


def long_from(n_human: pl.Series, *, min_human_messages: int, share: float, at_least: int) -> int:
    """Human messages from which an affective conversation is long: the study's number, or where fewer than `at_least` reach it, the
    smallest that no more than `share` of them reach."""
    if (n_human >= min_human_messages).sum() >= at_least or not len(n_human):
        return min_human_messages
    return int(n_human.sort(descending=True)[int(share * len(n_human))]) + 1


def small(rows: pl.DataFrame, *, min_conversations: int, min_users: int) -> bool:
    """The rows (conversations, with `author`) are some, but fewer than may be counted in public, or of fewer authors."""
    return rows.height > 0 and (rows.height < min_conversations or rows["author"].n_unique() < min_users)


def hidden_parts(parts: dict[str, pl.DataFrame], **floors: int) -> set[str]:
    """Which parts of a whole that is published must not be shown.

    Those under the floor; and where these could be told by subtracting the others from the whole, the next smallest too, until what is
    left of the whole beside those shown is over the floor, or nothing.

    Args:
        parts: conversations (conversation_id, author) of each part; they may overlap.
        floors: min_conversations, min_users.
    """
    shown = sorted((name for name in parts if parts[name].height), key=lambda name: parts[name].height)
    hidden = [name for name in shown if small(parts[name], **floors)]
    shown = [name for name in shown if name not in hidden]

    def rest():
        members = pl.concat([parts[name].select("conversation_id", "author") for name in hidden]).unique()
        return members.filter(
            ~pl.col("conversation_id").is_in({key for name in shown for key in parts[name]["conversation_id"]})
        )

    while hidden and shown and small(rest(), **floors):
        hidden.append(shown.pop(0))
    return set(hidden)


def published(table: pl.DataFrame, *, min_conversations: int, min_users: int, hide: list[str]) -> pl.DataFrame:
    """Blank the columns `hide` and the counts wherever a row is under the floor, and say so in `suppressed`.

    A row is under the floor if it rests on 1 to min_conversations - 1 conversations, or on fewer than min_users authors (`n_authors`), or if
    what it is a share of (`n_of`, and its authors `n_authors_of`) is itself under the floor, or if the rest of that, told by subtracting, is,
    or another rest (`n_rest`, `n_authors_rest`: see counted).
    Numbers of authors are dropped. A row of no conversation in a group large enough is published: zero points to nobody.
    """
    n = pl.col("n_conversations")
    under = (n > 0) & ((n < min_conversations) | (pl.col("n_authors") < min_users))
    counts = ["n_conversations", "n_users"]
    if "n_of" in table.columns:
        small_base = pl.col("n_of").is_between(1, min_conversations - 1)
        if "n_authors_of" in table.columns:
            small_base = small_base | ((pl.col("n_of") > 0) & (pl.col("n_authors_of") < min_users))
        under = under | small_base | (pl.col("n_of") - n).is_between(1, min_conversations - 1)
    if "n_rest" in table.columns:
        few = (pl.col("n_rest") < min_conversations) | (pl.col("n_authors_rest") < min_users)
        under = under | ((n > 0) & (pl.col("n_rest") > 0) & few)
    marked = table.with_columns(suppressed=under)
    blanked = [pl.when(~pl.col("suppressed")).then(pl.col(name)).alias(name) for name in [*counts, *hide]]
    if "n_of" in table.columns:
        blanked.append(pl.when(~small_base).then("n_of").alias("n_of"))
    return marked.with_columns(blanked).drop("n_authors", "n_authors_of", "n_rest", "n_authors_rest", strict=False)
