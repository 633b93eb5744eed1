"""Keys of each conversation's human text: exact, first prompt, and a MinHash of its word triples."""

import numpy as np
import polars as pl
from rensa import RMinHash

from shared.text import fold, human_text_present, messages_by, messages_by_both

N_PERMUTATIONS = 64
HASH_SEED = 20250626
MINHASH_CHARACTERS = 20_000  # of the folded human text; bounds the cost of a long paste


def minhash(folded: pl.Series) -> np.ndarray:
    """MinHash signatures of the word triples of folded texts (of the words of a text with fewer than three).

    Returns:
        (n, N_PERMUTATIONS) uint32.
    """
    words = folded.str.head(MINHASH_CHARACTERS).str.split(" ")
    n_words = words.list.len().to_numpy().astype(np.int64)
    word = words.explode(empty_as_null=False).hash(HASH_SEED).to_numpy()
    ends = np.cumsum(n_words)
    # Every word begins a triple, except the last two of a text; those of shorter texts stand for themselves.
    begins = np.ones(word.size, dtype=bool)
    longer = n_words > 2
    begins[ends[longer] - 1] = begins[ends[longer] - 2] = False
    shingle = word.copy()
    triple = (_mixed(_mixed(word[:-2]) ^ word[1:-1]) ^ word[2:]) if word.size > 2 else word[:0]
    in_longer = np.repeat(longer, n_words)
    np.copyto(shingle[: triple.size], triple, where=in_longer[: triple.size])
    offsets = np.concatenate([[0], np.cumsum(np.where(longer, n_words - 2, n_words))])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        np.ascontiguousarray(shingle[begins]), offsets, N_PERMUTATIONS, HASH_SEED
    )
    return np.array(matrix.to_rows(), dtype=np.uint32).reshape(-1, N_PERMUTATIONS)


def _mixed(number: np.ndarray) -> np.ndarray:
    """64-bit hashes stirred (multiply and shift), so that the order of the words of a triple counts."""
    number = number * np.uint64(0x9E3779B97F4A7C15)
    return number ^ (number >> np.uint64(32))


def beginnings() -> pl.Expr:
    """A key of the first message, of the first two and so on, without the system's, which may tell the time."""
    role, text = (pl.element().struct.field(name) for name in ("role", "text"))
    keys = text.filter(role != "system").hash(HASH_SEED)
    return pl.col("messages").list.eval((keys * (2 * pl.int_range(keys.len()) + 1).cast(pl.UInt64)).cum_sum())


def fingerprints_of(conversations: pl.DataFrame, *, logs: bool = False) -> pl.DataFrame:
    """One row of keys per conversation, under contracts.Fingerprints; no text is kept. Of `logs` it has their beginnings too."""
    folded = conversations.select(
        "conversation_id",
        valid=messages_by_both() & human_text_present(),
        human=fold(messages_by("human").list.join("\n")),
        # Of most conversations the first prompt is the whole human text, which need not be folded twice.
        first=pl.when(pl.col("n_human") > 1).then(fold(messages_by("human").list.first())),
        beginnings=beginnings() if logs else pl.lit([], dtype=pl.List(pl.UInt64)),
    )
    return folded.select(
        "conversation_id",
        valid=pl.col("valid") & (pl.col("human") != ""),  # emoji and punctuation alone do not make two texts the same
        exact=pl.col("human").hash(HASH_SEED),
        first_prompt=pl.coalesce("first", "human").hash(HASH_SEED),
        minhash=pl.Series(minhash(folded["human"]), dtype=pl.Array(pl.UInt32, N_PERMUTATIONS)),
        beginnings="beginnings",
    )
