"""The pushback model: for each assistant message, in the context of what the human had said, whether it pushes back, how, and why."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from shared import contracts
from shared.contracts import PUSHBACK_KINDS
from shared.features import in_words, occurrences
from shared.labels import parse_turns
from shared.text import spaced_words, straight
from shared.weights import SPECIAL, check_names, read_weights, sigmoid, write_weights

QUOTED = r'(?s)```.*?(```|$)|"[^"\n]{1,400}"'  # code and quotations are not the assistant's own word
MASK = "…"  # stands for them
OPENING = 200  # characters; pushback mostly stands at the head of a reply
HEAD, TAIL = 700, 300  # characters at either end of a reply that are read
REQUEST = 400  # characters of the human message before it
GOES_ON = 400  # characters from which a reply goes on: "As an AI I cannot ..., but" often opens a full answer
RETRAIN = "pushback.model: data/models/pushback.csv"

# What is read of an exchange, and the word n-grams that are looked for in it, with their weight against the cues under one penalty.
VIEWS = {
    "opening": pl.col("reply").str.head(OPENING),
    "reply": pl.col("reply").str.head(HEAD) + " " + pl.col("reply").str.tail(TAIL),
    "closing": pl.col("reply").str.slice(OPENING).str.tail(TAIL),
    "request": pl.col("request").str.head(REQUEST),
}
WORDS = {"opening": (3, 3.0), "reply": (3, 3.0), "request": (2, 2.0)}  # longest n-gram, weight
CUE_WEIGHT = 1.5
SHAPE = ["length", "beyond", "lists", "masked", "questions", "opening_asks", "ends_asking", "under_200", "under_80"]
SHAPE += ["request_length", "request_asks", "no_request"]


def outputs(codebook: dict) -> list[str]:
    """What the model says of a message: that it pushes back at all; given that, each kind and each reason."""
    return ["any", *PUSHBACK_KINDS, *codebook["reasons"]]


def exchanges(conversations: pl.DataFrame) -> pl.DataFrame:
    """One row per assistant message: conversation_id, turn (position in the conversation), reply, request (the message before it, if human)."""
    turns = (
        conversations.select("conversation_id", "messages")
        .with_columns(turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.Int32))
        .explode("messages", "turn")
        .drop_nulls("turn")
        .unnest("messages")
    )
    before = pl.col("text").shift(1).over("conversation_id")
    by_human = pl.col("role").shift(1).over("conversation_id") == "human"
    return (
        turns.with_columns(request=pl.when(by_human).then(before).otherwise(pl.lit("")).fill_null("").str.head(REQUEST))
        .filter(pl.col("role") == "assistant")
        .select(
            "conversation_id",
            "turn",
            request=straight(pl.col("request")),
            reply=straight(pl.col("text")).str.replace_all(QUOTED, f" {MASK} "),
        )
    )


def cue_groups(codebook: dict) -> dict[str, dict[str, list[str]]]:
    """The codebook's cues by the view in which they are looked for."""
    kinds = {
        f"{kind}_{strength}": codebook["kinds"][kind][strength]
        for kind in PUSHBACK_KINDS
        for strength in ("strong", "weak")
        if codebook["kinds"][kind].get(strength)
    }
    own = kinds | {"not_pushback": codebook["not_pushback"]}
    reasons = {reason: cues for reason, cues in codebook["reasons"].items() if cues}
    context = {name: codebook[name] for name in ("boundary_wanted", "risk", "greeting")}
    return {"opening": own, "reply": own | reasons, "closing": own, "request": reasons | context}


@dataclass
class PushbackFeatures:
    """Words of each view in WORDS with their inverse document frequencies, and the codebook's cues."""

    words: dict[str, list[str]]
    idf: dict[str, np.ndarray]
    codebook: dict

    def __post_init__(self):
        self.cues = {
            view: {name: set(in_words(cues)) for name, cues in groups.items()}
            for view, groups in cue_groups(self.codebook).items()
        }

    @property
    def names(self) -> list[str]:
        return (
            [f"{view}:{word}" for view in WORDS for word in self.words[view]]
            + [f"{view}_cue:{name}" for view, groups in self.cues.items() for name in groups]
            + [f"opening_cue_before_more:{name}" for name in self.cues["opening"]]
            + [f"shape:{name}" for name in SHAPE]
        )

    def matrix(self, table: pl.DataFrame) -> sp.csr_matrix:
        """What is known of each exchange (see exchanges).

        Returns:
            (n, len(names)): binary TF-IDF of the words of each view, log counts of cues, those of the opening also times how far the reply
            goes on, and shape.
        """
        views = table.select(**{view: spaced_words(text) for view, text in VIEWS.items()})
        words, cues = [], []
        for view, groups in self.cues.items():
            listed = self.words.get(view, [])
            phrases = list(dict.fromkeys([*listed, *(phrase for group in groups.values() for phrase in sorted(group))]))
            place = {phrase: number for number, phrase in enumerate(phrases)}
            found = occurrences(views[view], phrases)
            if listed:
                words.append(self._tfidf(found[:, : len(listed)], view))
            pairs = [(place[phrase], number) for number, group in enumerate(groups.values()) for phrase in group]
            row, column = zip(*pairs, strict=True)
            members = sp.csr_matrix((np.ones(len(pairs)), (row, column)), shape=(len(phrases), len(groups)))
            cues.append((found @ members).log1p() * CUE_WEIGHT)
        shapes = shape(table)
        beyond = sp.diags_array(shapes[:, SHAPE.index("beyond")])
        return sp.hstack([*words, *cues, beyond @ cues[0], shapes], format="csr")

    def _tfidf(self, counts, view):
        weighted = (counts > 0).astype(float) @ sp.diags_array(self.idf[view])
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sp.diags_array(WORDS[view][1] / np.where(length > 0, length, 1)) @ weighted


def shape(table: pl.DataFrame) -> np.ndarray:
    """(n, len(SHAPE)): length of the reply and of the request, how far the reply goes on, its lists, masked parts and questions; about 0 to 1."""
    reply, request = pl.col("reply"), pl.col("request")
    length = reply.str.len_chars().cast(pl.Int64)
    asks = r"\?"
    columns = [
        length.log1p() / 8,
        (length - GOES_ON).clip(0).log1p() / 8,
        reply.str.count_matches(r"(?m)^\s*(\d+[.)]|[-*•])\s").log1p() / 2,
        reply.str.count_matches(MASK, literal=True).log1p() / 2,
        reply.str.head(HEAD).str.count_matches(asks).clip(0, 4) / 3,
        reply.str.head(OPENING).str.contains(asks),
        reply.str.strip_chars().str.ends_with("?"),
        length < 200,
        length < 80,
        request.str.len_chars().log1p() / 8,
        request.str.contains(asks),
        request == "",
    ]
    named = {name: column.cast(pl.Float64) for name, column in zip(SHAPE, columns, strict=True)}
    return table.select(**named).to_numpy()


@dataclass
class PushbackModel:
    """Weights of outputs(codebook): p = sigmoid(slope * (x @ coefficients + intercept) + offset)."""

    features: PushbackFeatures
    coefficients: np.ndarray  # (features, outputs)
    intercept: np.ndarray  # (outputs,) like the next three
    slope: np.ndarray
    offset: np.ndarray
    threshold: np.ndarray

    def log_odds(self, table: pl.DataFrame) -> np.ndarray:
        """(n, outputs): log-odds of exchanges before calibration."""
        return self.features.matrix(table) @ self.coefficients + self.intercept

    def judge(self, table: pl.DataFrame) -> pl.DataFrame:
        """The pushback in exchanges, under contracts.Pushback."""
        return found_in(table, self.log_odds(table), self)

    def save(self, path: str | Path) -> None:
        """Write the table that load() reads, see shared.weights."""
        idf = {
            f"{view}:{word}": value
            for view, words in self.features.words.items()
            for word, value in zip(words, self.features.idf[view], strict=True)
        }
        write_weights(
            path,
            outputs(self.features.codebook),
            names=self.features.names,
            idf=idf,
            coefficients=self.coefficients,
            special={name: getattr(self, name) for name in SPECIAL},
        )

    @classmethod
    def load(cls, path: str | Path, codebook: dict) -> "PushbackModel":
        """Read what save() wrote.

        Args:
            codebook: the section `pushback` of config/codebook.yaml.

        Raises:
            InputError: the table's reasons or cue groups are not those of this code and codebook.
        """
        table, special = read_weights(path, outputs(codebook), retrain=RETRAIN)
        words = {view: table.filter(kind=view) for view in WORDS}
        features = PushbackFeatures(
            {view: rows["name"].to_list() for view, rows in words.items()},
            {view: rows["idf"].to_numpy() for view, rows in words.items()},
            codebook,
        )
        check_names(path, (table["kind"] + ":" + table["name"]).to_list(), features.names, retrain=RETRAIN)
        return cls(features, table.select(outputs(codebook)).to_numpy(), **special)


def decide(log_odds: np.ndarray, slope: np.ndarray, offset: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """(n, 1 + kinds) bool: a message pushes back where that is likely enough; it then has every kind over its threshold, or else the likeliest.

    Args:
        log_odds: (n, outputs).
        slope, offset, threshold: (outputs,).
    """
    judged = 1 + len(PUSHBACK_KINDS)
    relative = sigmoid(slope * log_odds + offset)[:, :judged] / threshold[:judged]
    over = relative >= 1
    kinds = over[:, 1:] | (
        ~over[:, 1:].any(axis=1, keepdims=True) & (relative[:, 1:] == relative[:, 1:].max(axis=1, keepdims=True))
    )
    return np.column_stack([over[:, 0], kinds & over[:, :1]])


def found_in(table: pl.DataFrame, log_odds: np.ndarray, model: PushbackModel) -> pl.DataFrame:
    """Decisions on exchanges as a table under contracts.Pushback; the reason is the likeliest one."""
    decided = decide(log_odds, model.slope, model.offset, model.threshold)
    reasons = np.array(outputs(model.features.codebook)[1 + len(PUSHBACK_KINDS) :])
    likeliest = reasons[log_odds[:, 1 + len(PUSHBACK_KINDS) :].argmax(axis=1)]
    row, kind = np.nonzero(decided[:, 1:])
    return pl.DataFrame(
        {
            "conversation_id": table["conversation_id"].gather(row),
            "turn": table["turn"].gather(row),
            "kind": np.array(PUSHBACK_KINDS)[kind],
            "reason": likeliest[row],
        },
        schema=contracts.Pushback.types(),
    )


def detect_pushback(conversations: pl.DataFrame, model: PushbackModel, *, held_out: pl.DataFrame) -> pl.DataFrame:
    """Pushback of each assistant message.

    A conversation from which the model learnt is judged by the model of its fold, as train_pushback recorded it: what a model says of its own
    training material is too good.

    Args:
        conversations: contracts.Selected.
        model: PushbackModel.
        held_out: decisions on the labelled conversations of this data set, see train_pushback.

    Returns:
        A table under contracts.Pushback: one row per message and kind; messages without pushback have none.
    """
    known = held_out.join(conversations.select("conversation_id"), on="conversation_id", how="semi")
    fresh = model.judge(exchanges(conversations.join(known, on="conversation_id", how="anti")))
    recorded = (
        known.select("conversation_id", found=parse_turns(known["found"])).explode("found").drop_nulls().unnest("found")
    )
    return pl.concat([fresh, recorded.cast(dict(fresh.schema)).select(fresh.columns)])
