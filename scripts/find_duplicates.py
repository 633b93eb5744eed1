"""Find conversations whose human text another one has already brought, exactly or nearly, over all shards."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from shared import contracts
from shared.job import logged

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

ROWS_PER_BAND = 8  # 8 bands of 8: a pair of similarity .85 shares a band with probability .93, one of .5 with .03


def near_originals(signatures: np.ndarray, *, similarity: float) -> np.ndarray:
    """The earlier row that each row nearly repeats; its own number where there is none.

    Locality-sensitive hashing by bands (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, ch. 3): rows that share a band
    are compared with the first row of that band only, so the cost is linear in the rows.

    Args:
        signatures: (n, permutations) uint32 MinHash signatures, in order of precedence.
        similarity: share of equal signature positions, an estimate of the Jaccard similarity, from which a row counts.

    Returns:
        (n,) int, never above the row's own number. The row named may itself repeat an earlier one.
    """
    n, n_permutations = signatures.shape
    own = np.arange(n)
    original = own.copy()
    for start in range(0, n_permutations, ROWS_PER_BAND):
        band = pl.DataFrame(signatures[:, start : start + ROWS_PER_BAND]).hash_rows(seed=0).to_numpy()
        _, first, group = np.unique(band, return_index=True, return_inverse=True)
        representative = first[group]
        later = np.flatnonzero((original == own) & (representative != own))
        agreement = (signatures[later] == signatures[representative[later]]).mean(axis=1)
        original[later] = np.where(agreement >= similarity, representative[later], later)
    return original


def followed(original: np.ndarray) -> np.ndarray:
    """(n,) int: where each chain of originals ends, by jumping twice as far at each step."""
    while (original[original] != original).any():
        original = original[original]
    return original


def longer_versions(fingerprints: pl.DataFrame) -> np.ndarray:
    """(n,) int: the longest conversation that begins with all messages of a row, or has its id and first two messages; its own number where none is longer.

    Logs of calls repeat the history so far in every record, and a later export of an account holds its conversations again.
    """
    rows = fingerprints.with_row_index().select(
        "index", "conversation_id", "valid", "beginnings", n=pl.col("beginnings").list.len()
    )
    rows = rows.filter(pl.col("valid") & (pl.col("n") > 1)).with_columns(
        whole=pl.col("beginnings").list.last(), same=pl.struct("conversation_id", pl.col("beginnings").list.get(1))
    )
    begun = rows.select("index", "n", whole="beginnings").explode("whole").join(rows, on="whole", how="semi")
    links = []
    for key, candidates in (("whole", begun), ("same", rows)):
        longest = candidates.sort("n", "index", descending=[True, False]).unique(key, keep="first", maintain_order=True)
        links.append(
            rows.join(longest.select(key, other="index", length="n"), on=key).select("index", "n", "other", "length")
        )
    links = pl.concat(links).filter(pl.col("length") > pl.col("n")).sort("length", "other", descending=[True, False])
    links = links.unique("index", keep="first", maintain_order=True)
    original = np.arange(fingerprints.height)
    original[links["index"].to_numpy()] = links["other"].to_numpy()
    return followed(original)


def find_duplicates(fingerprints: pl.DataFrame, *, similarity: float) -> pl.DataFrame:
    """Duplicate flags for each conversation, which one stays for it, and an id that is unique in the whole data set.

    Args:
        fingerprints: contracts.Fingerprints of all shards with a column `shard`, in the order in which the first one counts.
        similarity: Jaccard similarity from which two texts are near duplicates.

    Returns:
        A table under contracts.Duplicates. A near duplicate is not also an exact one; what a longer version goes on from counts as near. Conversations that are not valid neither are
        duplicates nor make others so: they are dropped later, and must not take a valid twin with them. `copy_of` never names a duplicate.
    """
    longer = longer_versions(fingerprints)
    goes_on = longer != np.arange(fingerprints.height)
    fingerprints = fingerprints.with_columns(valid=pl.col("valid") & ~pl.Series(goes_on))
    repeats = {
        name: ~pl.struct("valid", name).is_first_distinct() & pl.col("valid") for name in ("exact", "first_prompt")
    }
    table = fingerprints.with_columns(
        unique_id=pl.when(pl.len().over("conversation_id") > 1)
        .then(pl.format("{}/{}", "shard", "conversation_id"))
        .otherwise("conversation_id"),
        exact_duplicate=repeats["exact"],
        repeated_first_prompt=repeats["first_prompt"],
    )
    original = np.arange(table.height)
    valid = np.flatnonzero(table["valid"].to_numpy())
    if valid.size:
        signatures = table.filter("valid")["minhash"].to_numpy()
        original[valid] = valid[near_originals(signatures, similarity=similarity)]
    near = pl.Series(original != np.arange(table.height)) & ~table["exact_duplicate"]
    first = table.with_row_index().select(pl.col("index").min().over("valid", "exact")).to_series().to_numpy()
    original = np.where(table["exact_duplicate"].to_numpy(), first, original)
    original = followed(np.where(goes_on, longer, original))
    table = table.with_columns(near_duplicate=near | pl.Series(goes_on), copy_of=table["unique_id"].gather(original))
    return table.select(contracts.Duplicates.column_names())


def main():
    shards = [
        pl.read_parquet(path).with_columns(shard=pl.lit(Path(path).stem)) for path in snakemake.input.fingerprints
    ]
    duplicates = find_duplicates(pl.concat(shards), similarity=snakemake.params.similarity)
    contracts.Duplicates.checked(duplicates).write_parquet(snakemake.output.duplicates)
    print(duplicates.select(pl.col(pl.Boolean).sum()))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
