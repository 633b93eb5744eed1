"""Text of a conversation, as Polars expressions on its `messages` column, and the one way in which texts are folded."""

import polars as pl


def messages_by(role: str) -> pl.Expr:
    """list[str]: the texts of the messages of `role`, in order."""
    spoken = pl.col("messages").list.filter(pl.element().struct.field("role") == role)
    return spoken.list.eval(pl.element().struct.field("text"))


def excerpt(role: str, *, per_message: int, total: int) -> pl.Expr:
    """str: the texts of `role` joined by newlines, each cut at `per_message` characters, the whole at `total`.

    Long pastes would drown what a person says about themself, and make cost depend on them.
    """
    return messages_by(role).list.eval(pl.element().str.head(per_message)).list.join("\n").str.head(total)


def messages_by_both() -> pl.Expr:
    """bool: human and assistant both wrote a message."""
    return (pl.col("n_human") > 0) & (pl.col("n_assistant") > 0)


def human_text_present() -> pl.Expr:
    """bool: some human message holds more than white space at its beginning."""
    return excerpt("human", per_message=100, total=1_000).str.contains(r"\S")


def fold(text: pl.Expr) -> pl.Expr:
    """Lower case, everything but letters and digits turned into single spaces, none at the ends."""
    # In two steps, since most words are parted by one space already, which then need not be replaced.
    spaced = text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N} ]+", " ")
    return spaced.str.replace_all(" {2,}", " ").str.strip_chars(" ")


def spaced_words(text: pl.Expr) -> pl.Expr:
    """Like fold, with apostrophes dropped ("I'm" and "im" are one word) and a space at both ends: a word is found as " word "."""
    return " " + fold(text.str.replace_all("['\u2019]", "")) + " "


def straight(text: pl.Expr) -> pl.Expr:
    """Typographic apostrophes and quotation marks made plain, so that a phrase is spelt in one way."""
    return text.str.replace_all("[\u2018\u2019]", "'").str.replace_all("[\u201c\u201d]", '"')
