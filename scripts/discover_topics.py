"""Group the included conversations of each category into topics, and name each topic by its distinctive words."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from shared import contracts
from shared.contracts import CATEGORIES
from shared.features import human_text
from shared.job import logged
from shared.text import straight

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TOKEN = r"(?u)\b[^\W\d_]\w+"  # what stands before an apostrophe is a word by itself: "mother's" counts as mother
DIMENSIONS = 50
N_RUNS = 5  # whose agreement is the stability of a category's topics
# Words of conversation that say nothing of what it is about.
SAYING_NOTHING = """
just like really want know think feel make get got thing things say said tell told going does did don doesn
didn isn wasn won aren couldn hadn hasn haven shouldn weren wouldn ll ve im dont lot way good help need ok
okay yes thank thanks hi hello hey let lol thats yeah yea ya oh sure maybe definitely probably guess
"""
STOP_WORDS = [*ENGLISH_STOP_WORDS, *SAYING_NOTHING.split()]
TERMS_SCHEMA = {
    "category": pl.Enum(CATEGORIES),
    "topic": pl.Int32,
    "rank": pl.Int32,
    "term": pl.String,
    "n_conversations_with_term": pl.Int32,
    "stability": pl.Float64,
}


def cluster(texts: list[str], *, k: int, seed: int) -> tuple[np.ndarray, float | None]:
    """Topic of each text, and how stable topics are: None for a single one.

    Stability is the mean adjusted Rand index (Hubert & Arabie 1985) between runs that differ in their seed and in the texts that they learn
    from: the first learns from all, each other from a bootstrap sample; all are asked of all texts.
    """
    vectors = TfidfVectorizer(stop_words=STOP_WORDS, token_pattern=TOKEN, sublinear_tf=True, min_df=2).fit_transform(
        texts
    )
    dimensions = min(DIMENSIONS, *(size - 1 for size in vectors.shape))
    if k < 2 or dimensions < 2:
        return np.zeros(len(texts), dtype=int), None
    reduced = normalize(TruncatedSVD(dimensions, random_state=seed).fit_transform(vectors))
    rng, n = np.random.default_rng(seed), len(texts)
    samples = [np.arange(n), *(rng.integers(n, size=n) for _ in range(N_RUNS - 1))]
    runs = [
        KMeans(k, n_init=10, random_state=seed + run).fit(reduced[sample]).predict(reduced)
        for run, sample in enumerate(samples)
    ]
    agreement = [adjusted_rand_score(a, b) for number, a in enumerate(runs) for b in runs[number + 1 :]]
    largest_first = np.argsort(-np.bincount(runs[0], minlength=k), kind="stable")
    return np.argsort(largest_first)[runs[0]], round(float(np.mean(agreement)), 4)


def distinctive_terms(
    texts: list[str], topics: np.ndarray, authors: list[int], *, floor: int, n_terms: int
) -> list[tuple[int, int, str, int]]:
    """(topic, rank, term, conversations of the topic with it): single words far more frequent inside a topic than outside.

    A word that fewer than `floor` conversations of the topic, or fewer than `floor` of their authors, use is left out: it could point to a
    person. `authors` names each text's user, or its first prompt where there are no users.
    """
    vectorizer = TfidfVectorizer(stop_words=STOP_WORDS, token_pattern=TOKEN, binary=True, use_idf=False, norm=None)
    present = vectorizer.fit_transform(texts)
    words = vectorizer.get_feature_names_out()
    _, author = np.unique(authors, return_inverse=True)
    by_author = sp.csr_matrix((np.ones(len(texts)), (author, np.arange(len(texts)))))
    rows = []
    for topic in np.unique(topics):
        inside = np.asarray(present[topics == topic].sum(axis=0)).ravel()
        by_how_many = np.asarray((by_author[:, topics == topic] @ present[topics == topic] > 0).sum(axis=0)).ravel()
        outside = np.asarray(present[topics != topic].sum(axis=0)).ravel()
        share_in, share_out = inside / (topics == topic).sum(), outside / max((topics != topic).sum(), 1)
        score = np.where(
            by_how_many >= floor,
            share_in * np.log((share_in + 0.01) / (share_out + 0.01)) if (topics != topic).any() else share_in,
            -np.inf,
        )
        best = [number for number in np.argsort(-score, kind="stable")[:n_terms] if score[number] > 0]
        rows += [(int(topic), rank, str(words[number]), int(inside[number])) for rank, number in enumerate(best, 1)]
    return rows


def discover_topics(
    conversations: pl.DataFrame,
    *,
    conversations_per_topic: int,
    max_topics: int,
    terms: int,
    min_conversations_per_term: int,
    floor: int,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Topics within each category.

    Args:
        conversations: conversation_id, author (user, or first prompt), categories and human text of the included conversations.
        conversations_per_topic: k of a category is its conversations / this, between 2 and max_topics; 1 where two topics could not both reach the floor.
        terms: words to name a topic with.
        min_conversations_per_term: fewest conversations of a topic that use a word which names it.
        floor: fewest conversations of a published topic.
        seed: of SVD and k-means.

    Returns:
        A table under contracts.Topics, and its terms: category, topic, rank, term, n_conversations_with_term, stability.
    """
    topic_rows, term_rows = [], []
    for category in CATEGORIES:
        members = conversations.filter(pl.col("categories").list.contains(pl.lit(category))).sort("conversation_id")
        texts = members["text"].to_list()
        if len(texts) < max(floor, 3):
            continue
        k = 1 if len(texts) < 2 * floor else int(np.clip(len(texts) // conversations_per_topic, 2, max_topics))
        try:
            topics, stability = cluster(texts, k=k, seed=seed)
            named = distinctive_terms(
                texts, topics, members["author"].to_list(), floor=min_conversations_per_term, n_terms=terms
            )
        except ValueError as error:  # scikit-learn's word for texts that hold nothing but stop words
            print(f"{category}: no topics ({error})")
            continue
        topic_rows += [
            (conversation_id, category, int(topic))
            for conversation_id, topic in zip(members["conversation_id"], topics, strict=True)
        ]
        term_rows += [(category, *row, stability) for row in named]
    topic_schema = contracts.Topics.types()
    return pl.DataFrame(topic_rows, schema=topic_schema, orient="row"), pl.DataFrame(
        term_rows, schema=TERMS_SCHEMA, orient="row"
    )


def main():
    gathered = pl.read_parquet(snakemake.input.gathered)
    topics, terms = discover_topics(
        gathered.select("conversation_id", "author", "categories", text=straight(human_text())),
        **snakemake.params.settings,
        floor=snakemake.params.floor,
        seed=snakemake.params.seed,
    )
    contracts.Topics.checked(topics).write_parquet(snakemake.output.topics)
    terms.write_parquet(snakemake.output.terms)
    print(terms)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main()
