"""Finding the codebook's phrases: a fast first look over whole columns, then spaCy on the texts that are left."""

import polars as pl
import spacy
from spacy.matcher import PhraseMatcher

from shared.text import fold


def mentions(text: pl.Expr, phrases: list[str]) -> pl.Expr:
    """bool: the folded text holds one of the folded phrases as whole words."""
    needles = pl.select(fold(pl.lit(pl.Series(phrases, dtype=pl.String)))).to_series().unique().sort()
    return (pl.lit(" ") + fold(text) + " ").str.contains_any((" " + needles + " ").to_list())


def names_in(texts: pl.Series, lists: dict[str, list[str]]) -> list[set[str]]:
    """For each text, the names of the lists of which it holds a phrase, as whole words once both are folded."""
    named = [(name, phrase) for name, phrases in lists.items() for phrase in phrases]
    folded = pl.select(" " + fold(pl.lit(pl.Series([phrase for _, phrase in named], dtype=pl.String))) + " ")
    names = {}
    for (name, _), needle in zip(named, folded.to_series(), strict=True):
        names.setdefault(needle, set()).add(name)
    found = pl.select((" " + fold(pl.lit(texts)) + " ").str.extract_many(sorted(names), overlapping=True)).to_series()
    return [set().union(*(names[needle] for needle in needles)) for needles in found]


class PhraseFinder:
    """Named lists of phrases, matched token by token without regard to case."""

    def __init__(self, phrases: dict[str, list[str]]):
        self.nlp = spacy.blank("en")
        self.nlp.add_pipe("sentencizer")
        self.matcher = PhraseMatcher(self.nlp.vocab, attr="LOWER")
        for name, group in phrases.items():
            if group:
                self.matcher.add(name, [self.nlp.make_doc(phrase) for phrase in group])

    def sentences(self, text: str) -> list[tuple[set[str], int]]:
        """For each sentence of the text, the names of the lists of which it holds a phrase, and where it ends (characters)."""
        doc = self.nlp(text.lower())  # spaCy cuts "I'M" and "I'm" differently
        found = [(span.start, span.end, span.label_) for span in self.matcher(doc, as_spans=True)]
        return [
            (
                {name for start, end, name in found if sentence.start <= start and end <= sentence.end},
                sentence.end_char,
            )
            for sentence in doc.sents
        ]
