"""Keys of each conversation's human text: exact, first prompt, and a MinHash of its word triples."""

from typing import TYPE_CHECKING

import polars as pl
from rensa import RMinHash

from shared import contracts
from shared.job import logged
from shared.text import excerpt, fold, human_text_present, messages_by, messages_by_both

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

N_PERMUTATIONS = 64
HASH_SEED = 20250626
MINHASH_CHARACTERS = 20_000  # of all human messages; bounds the cost of a long paste


def minhash(folded: str) -> list[int]:
    """MinHash signature, N_PERMUTATIONS of 32 bits, of the word triples of a folded text (of its words if under three)."""
    words = folded.split()
    shingles = [" ".join(words[i : i + 3]) for i in range(len(words) - 2)] or words
    signature = RMinHash(num_perm=N_PERMUTATIONS, seed=HASH_SEED)
    signature.update(shingles)
    return signature.digest()


def fingerprint_shard(conversations: pl.DataFrame) -> pl.DataFrame:
    """One row of keys per conversation, under contracts.FINGERPRINTS; no text is kept."""
    folded = conversations.select(
        "conversation_id",
        valid=messages_by_both() & human_text_present(),
        human=fold(messages_by("human").list.join("\n")),
        first=fold(messages_by("human").list.first().fill_null("")),
        text=fold(excerpt("human", per_message=MINHASH_CHARACTERS, total=MINHASH_CHARACTERS)),
    )
    return folded.select(
        "conversation_id",
        valid=pl.col("valid") & (pl.col("human") != ""),  # emoji and punctuation alone do not make two texts the same
        exact=pl.col("human").hash(HASH_SEED),
        first_prompt=pl.col("first").hash(HASH_SEED),
        minhash=pl.Series([minhash(text) for text in folded["text"]], dtype=pl.List(pl.UInt32)),
    )


def main():
    fingerprints = fingerprint_shard(pl.read_parquet(snakemake.input.conversations))
    contracts.FINGERPRINTS.validate(fingerprints).write_parquet(snakemake.output.fingerprints)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
