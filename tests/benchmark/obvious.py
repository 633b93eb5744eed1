"""The pipeline that one would write first, as a baseline for speed: pandas, spaCy tokens and VADER over every human message, one process."""

import re
import sys
import time

import pandas as pd
import spacy
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

AFFECTIVE = {
    "feel",
    "lonely",
    "sad",
    "anxious",
    "depressed",
    "girlfriend",
    "boyfriend",
    "friend",
    "love",
    "afraid",
    "advice",
}
REFUSAL = re.compile(r"i'm sorry|i cannot|i can't|as an ai", re.IGNORECASE)


def analyse(path: str) -> pd.DataFrame:
    """One row per conversation of a JSON lines file: does it look affective, does the assistant refuse, how does the sentiment change."""
    nlp, vader = spacy.blank("en"), SentimentIntensityAnalyzer()
    rows = []
    for conversation in pd.read_json(path, lines=True)["conversation"]:
        human = [message["content"] for message in conversation if message["role"] == "user"]
        replies = [message["content"] for message in conversation if message["role"] == "assistant"]
        words = {token.lower_ for text in human for token in nlp(text)}
        scores = [vader.polarity_scores(text)["compound"] for text in human]
        rows.append(
            {
                "affective": bool(words & AFFECTIVE),
                "pushback": any(REFUSAL.search(text) for text in replies),
                "change": scores[-1] - scores[0],
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    start = time.perf_counter()
    table = analyse(sys.argv[1])
    print(len(table), time.perf_counter() - start)
