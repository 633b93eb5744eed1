"""Sentiment of a message: what is the human's own word in it, its sentences, VADER's score of them, and a linear score of cues."""

import csv
from dataclasses import dataclass
from pathlib import Path
from string import punctuation as PUNCTUATION

import numpy as np
import polars as pl
import spacy
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from shared.features import PERSONS, in_words, occurrences
from shared.job import InputError
from shared.text import spaced_words, straight

# What is not the human's own word, and its name in the column `mask`.
MASKS = {
    "code": r"(?s)```.*?(```|$)|`[^`\n]+`",
    "quote": r'(?m)^\s*>.*$|"[^"\n]{40,}"|\u201c[^\u201d\n]{40,}\u201d',
    "url": r"https?://\S+|www\.\S+",
}
# A message far longer than the others that hardly speaks of its writer is taken for a paste. What introduces and what follows it is kept.
PASTE = {"characters": 1_000, "times_the_median": 4, "first_person": 0.01, "kept": 200}
SCORED_CHARACTERS = 2_000  # of a message after masking; VADER's cost grows faster than a text's length
# Phrases that politeness asks for, at the beginning or end of a sentence. Praise and a stated reason to be thankful are not among them.
COURTESY = (
    r"(?i)(^|[.!?,;\n]\s*|\b(?:and|ok|okay|great|perfect) )"
    r"(?:(?:many |ok |okay )?(?:thanks|thank (?:you|u)|thx|ty|tysm|cheers)(?: (?:so much|very much|a lot|a million|again|in advance|anyway|too))*(?: for (?:your|the|all|all your) \w+)?"
    r"|hi|hello|hey|greetings|dear \w+|good (?:morning|afternoon|evening|day|night)|(?:kind|best|warm) regards|sincerely"
    r"|(?:good)?bye(?: bye)?|see you(?: (?:later|soon|tomorrow|again))?|take care|please|you(?:'re| are) welcome"
    r"|have an? (?:very )?(?:nice|good|great|lovely|wonderful) (?:day|night|evening|weekend|one|time)(?: too)?)(?: there| again| everyone| all)?\b"
)
SHORT = 8  # words of a sentence that is likelier a reaction than a request or a report
TEXTS_AT_ONCE = 20_000  # bounds memory
SCORERS = {"vader": "compound", "linear": "linear"}  # and the beginning of its columns
TEXTS = {"masked": "", "unmasked": "_unmasked", "without courtesy": "_plain"}  # and the end of the column's name


def human_messages(conversations: pl.DataFrame, *, min_human_messages: int) -> pl.DataFrame:
    """One row per human message of the conversations with enough of them.

    Returns:
        conversation_id, turn, mask (what was hidden), and the first SCORED_CHARACTERS of three texts: unmasked, masked, plain (masked, and
        without courtesy).
    """
    turns = (
        conversations.filter(pl.col("n_human") >= min_human_messages)
        .select("conversation_id", "messages", turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.Int32))
        .explode("messages", "turn")
        .drop_nulls("turn")
        .unnest("messages")
        .filter(pl.col("role") == "human")
    )
    own = pl.col("text")
    for pattern in MASKS.values():
        own = own.str.replace_all(pattern, " ")
    found = [pl.when(pl.col("text").str.contains(pattern)).then(pl.lit(name)) for name, pattern in MASKS.items()]
    found.append(pl.when("pasted").then(pl.lit("paste")))
    kept = PASTE["kept"]
    around = pl.concat_str(
        pl.col("own").str.extract(rf"\A\s*([^\n.:!?]{{0,{kept}}}[.:!?]?)").fill_null(""),
        pl.col("own").str.tail(kept).str.extract(r"(\n[^\n]+)\s*\z").fill_null(""),
    )
    return (
        turns.with_columns(own=own)
        .with_columns(pasted=_pasted())
        .with_columns(
            masked=pl.when("pasted").then(around).otherwise("own").str.head(SCORED_CHARACTERS),
            unmasked=pl.col("text").str.head(SCORED_CHARACTERS),
        )
        .select(
            "conversation_id",
            "turn",
            mask=pl.concat_str(found, separator="|", ignore_nulls=True).replace("", None),
            unmasked="unmasked",
            masked="masked",
            plain=straight(pl.col("masked")).str.replace_all(COURTESY, "${1}"),
        )
    )


def _pasted() -> pl.Expr:
    """bool: long, unlike the conversation's other human messages, and hardly about the one who sends it."""
    length = pl.col("own").str.len_chars()
    words = spaced_words(pl.col("own").str.head(4 * SCORED_CHARACTERS))
    personal = words.str.extract_many([f" {word} " for word in PERSONS["first_person"]]).list.len()
    return (
        (length > PASTE["characters"])
        & (length > PASTE["times_the_median"] * length.median().over("conversation_id"))
        & (personal < PASTE["first_person"] * words.str.count_matches(" ", literal=True))
    )


class Vader:
    """VADER's compound score of a sentence, -1 to 1 (Hutto & Gilbert 2014)."""

    def __init__(self):
        self.analyser = SentimentIntensityAnalyzer()

    def compound(self, sentence: str) -> float:
        """The score; 0 without further ado where no word is in the lexicon, since everything else only scales what a word brings in."""
        # Emoji are put into words first, so a text with such characters is always looked at.
        if sentence.isascii() and not any(map(self._charged, sentence.lower().split())):
            return 0.0
        return self.analyser.polarity_scores(sentence)["compound"]

    def _charged(self, word):
        return word in self.analyser.lexicon or word.strip(PUNCTUATION) in self.analyser.lexicon


def sentences(texts: pl.Series) -> pl.DataFrame:
    """The sentences with a word, by spaCy's sentencizer, and VADER's score of each: row (of the text), sentence, compound."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    rows, found = [], []
    for row, doc in enumerate(nlp.pipe(texts.to_list())):
        own = [sentence.text for sentence in doc.sents if any(character.isalpha() for character in sentence.text)]
        rows += [row] * len(own)
        found += own
    vader = Vader()
    compound = [vader.compound(sentence) for sentence in found]
    return pl.DataFrame(
        {"row": rows, "sentence": found, "compound": compound},
        schema={"row": pl.Int64, "sentence": pl.String, "compound": pl.Float64},
    )


CONTEXTS = ["short", "long", "second_person", "opening"]  # of a sentence in its message


def feature_names(cues: dict) -> list[str]:
    """Names of the columns of features(), in their order."""
    return [f"{cue}:{context}" for context in CONTEXTS for cue in cues] + ["shape:log_words"]


def features(said: pl.DataFrame, cues: dict) -> tuple[np.ndarray, np.ndarray]:
    """What the linear score sees of each text: for every cue and context, whether some sentence in that context holds the cue.

    Args:
        said: sentences().
        cues: {name: phrases}; one that begins with "#" is a regular expression on the sentence as it was typed.

    Returns:
        The rows of the texts with a sentence, and (texts, len(feature_names)): 0 or 1 for cues in context, and the text's length.
    """
    if not said.height:
        return np.zeros(0, int), np.zeros((0, len(feature_names(cues))))
    said = said.with_columns(words=spaced_words(pl.col("sentence")))
    groups = cues | {"second_person": PERSONS["second_person"]}
    spelt = [set(in_words([cue for cue in own if not cue.startswith("#")])) for own in groups.values()]
    phrases = sorted(set().union(*spelt))
    held = occurrences(said["words"], phrases) @ np.array(
        [[phrase in own for own in spelt] for phrase in phrases], float
    )
    for number, own in enumerate(cues.values()):
        for pattern in [cue[1:] for cue in own if cue.startswith("#")]:
            held[:, number] += said["sentence"].str.contains(pattern).to_numpy()
    n_words = said["words"].str.count_matches(" ", literal=True).to_numpy().astype(float) - 1
    row, start = np.unique(said["row"].to_numpy(), return_index=True)
    opening = np.zeros(said.height, bool)
    opening[start] = True
    context = np.column_stack([n_words <= SHORT, n_words > SHORT, held[:, -1] > 0, opening])
    in_context = (context[:, :, None] & (held[:, None, :-1] > 0)).reshape(said.height, -1)
    found = np.maximum.reduceat(in_context, start).astype(float)
    return row, np.column_stack([found, np.log1p(np.add.reduceat(n_words, start)) / 5])


@dataclass
class LinearSentiment:
    """A linear score of cues in their context, and the cut points of its five levels."""

    cues: dict
    weights: np.ndarray  # (features,)
    intercept: float
    cut_points: list[float]

    def score(self, said: pl.DataFrame, n_texts: int) -> np.ndarray:
        """(n_texts,) scores, -1 to 1; nan for a text without a sentence."""
        row, matrix = features(said, self.cues)
        score = np.full(n_texts, np.nan)
        score[row] = np.clip(matrix @ self.weights + self.intercept, -1, 1)
        return score

    def save(self, path: str | Path) -> None:
        """Write a table: feature, weight; six significant digits."""
        special = {"intercept": self.intercept} | {f"cut_point:{n}": cut for n, cut in enumerate(self.cut_points, 1)}
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["feature", "weight"])
            for name, weight in [*special.items(), *zip(feature_names(self.cues), self.weights, strict=True)]:
                writer.writerow([name, f"{weight:.6g}"])

    @classmethod
    def load(cls, path: str | Path, cues: dict) -> "LinearSentiment":
        """Read what save() wrote.

        Raises:
            InputError: the table's features are not those of the codebook's cues.
        """
        weights = dict(pl.read_csv(path, schema_overrides={"weight": pl.Float64}).iter_rows())
        names = feature_names(cues)
        special = ["intercept", *(f"cut_point:{n}" for n in range(1, 5))]
        if set(weights) != {*special, *names}:
            differing = sorted(set(weights) ^ {*special, *names})
            raise InputError(
                f"{path}: expected the features of the codebook's cues of sentiment; differing: {', '.join(differing[:5])}. "
                "Train it anew: sentiment.model: data/models/sentiment.csv"
            )
        return cls(cues, np.array([weights[n] for n in names]), weights["intercept"], [weights[n] for n in special[1:]])


def scores(texts: pl.Series, model: LinearSentiment) -> pl.DataFrame:
    """Both scores of each text: compound (mean over sentences, since per text it would saturate with length) and linear; null without a word."""
    parts = []
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        part = texts[begin : begin + TEXTS_AT_ONCE]
        said = sentences(part)
        mean = said.group_by("row").agg(pl.col("compound").mean())
        found = pl.select(row=pl.int_range(len(part))).join(mean, on="row", how="left", maintain_order="left")
        parts.append(found.select("compound", linear=pl.Series(model.score(said, len(part)))))
    empty = pl.DataFrame(schema={"compound": pl.Float64, "linear": pl.Float64})
    return pl.concat([empty, *parts]).with_columns(pl.all().fill_nan(None).round(6))
