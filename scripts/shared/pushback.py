"""The pushback rules: the codebook's cues, read in the context of what the human had said."""

import polars as pl

from shared import contracts
from shared.contracts import PUSHBACK_KINDS
from shared.matching import PhraseFinder, mentions, names_in
from shared.text import straight

OPENING_CHARACTERS = 700  # pushback stands at the head of a reply or closes it
TAIL_CHARACTERS = 300
CONTEXT_CHARACTERS = 1_000  # of the human message before it
QUOTED = r'(?s)```.*?(```|$)|"[^"\n]{1,400}"'  # code and quotations are not the assistant's own word
FULL_ANSWER = 500  # a reply that goes on for this many characters after a weak cue is an answer, not a refusal


def exchanges(conversations: pl.DataFrame) -> pl.DataFrame:
    """One row per assistant message: conversation_id, turn (position in the conversation), reply, request (the message before it, if human)."""
    turns = (
        conversations.select("conversation_id", "messages")
        .with_columns(turn=pl.int_ranges(pl.col("messages").list.len(), dtype=pl.Int32))
        .explode("messages", "turn")
        .drop_nulls("turn")
        .unnest("messages")
        .with_columns(text=straight(pl.col("text")))
    )
    before = pl.col("text").shift(1).over("conversation_id")
    by_human = pl.col("role").shift(1).over("conversation_id") == "human"
    return (
        turns.with_columns(
            request=pl.when(by_human).then(before).otherwise(pl.lit("")).fill_null("").str.head(CONTEXT_CHARACTERS)
        )
        .filter(pl.col("role") == "assistant")
        .select("conversation_id", "turn", "request", reply=pl.col("text").str.replace_all(QUOTED, " … "))
    )


class PushbackRules:
    """The codebook's cues, applied to one exchange at a time."""

    def __init__(self, codebook: dict):
        self.kinds = codebook["kinds"]
        lists = {
            f"{kind}:{strength}": cues
            for kind in PUSHBACK_KINDS
            for strength in ("strong", "weak")
            if (cues := self.kinds[kind].get(strength))
        }
        reasons = {f"reason:{reason}": cues for reason, cues in codebook["reasons"].items()}
        self.reasons = list(codebook["reasons"])
        self.finder = PhraseFinder(lists | reasons | {"not_pushback": codebook["not_pushback"]})
        # What the human asked or said is looked at as a whole, so that it need not be cut into sentences.
        self.context = reasons | {name: codebook[name] for name in ("boundary_wanted", "risk", "greeting")}
        self.cues = [
            cue
            for kind in PUSHBACK_KINDS
            for strength in ("strong", "weak")
            for cue in self.kinds[kind].get(strength, [])
        ]

    def judge(self, request: str, reply: str) -> tuple[set[str], str | None]:
        """Kinds of pushback in a reply to a request, and their reason; (empty set, None) where there is none."""
        return self.judge_all([request], [reply])[0]

    def judge_all(self, requests: list[str], replies: list[str]) -> list[tuple[set[str], str | None]]:
        """The same for many exchanges."""
        wanted = names_in(pl.Series(requests, dtype=pl.String), self.context)
        return [self._judge(reply, names) for reply, names in zip(replies, wanted, strict=True)]

    def _judge(self, reply, wanted):
        head, tail = reply[:OPENING_CHARACTERS], reply[max(OPENING_CHARACTERS, len(reply) - TAIL_CHARACTERS) :]
        kinds, reasons = set(), set()
        for part, text in (("head", head), ("tail", tail)):
            for found, end in self.finder.sentences(text):
                if not found or "not_pushback" in found:
                    continue
                follows = len(reply) - end if part == "head" else 0
                here = self._kinds(found, wanted, follows=follows)
                if here:
                    kinds |= here
                    reasons |= {name for name in found if name.startswith("reason:")}
        if not kinds:
            return set(), None
        reasons |= {name for name in wanted if name.startswith("reason:")}
        return kinds, next((reason for reason in self.reasons if f"reason:{reason}" in reasons), "other")

    def _kinds(self, found, wanted, *, follows):
        answered = follows > FULL_ANSWER
        kinds = set()
        if "refusal:strong" in found or ("refusal:weak" in found and not answered):
            kinds.add("refusal")
        if "challenge:strong" in found:
            kinds.add("challenge")
        if (
            "redirect:strong" in found
            and ("risk" in wanted or not answered)
            or ("redirect:weak" in found and "risk" in wanted and not answered)
        ):
            kinds.add("redirect")
        asked = "boundary_wanted" in wanted and "greeting" not in wanted
        if asked and ("boundary:strong" in found or ("boundary:weak" in found and not answered)):
            kinds.add("boundary")
        return kinds


def detect_pushback(conversations: pl.DataFrame, *, codebook: dict) -> pl.DataFrame:
    """Pushback of each assistant message.

    Args:
        conversations: contracts.SELECTED.
        codebook: the section `pushback` of config/codebook.yaml.

    Returns:
        A table under contracts.PUSHBACK: one row per message and kind; messages without pushback have none.
    """
    rules = PushbackRules(codebook)
    shown = pl.col("reply").str.head(OPENING_CHARACTERS) + " " + pl.col("reply").str.tail(TAIL_CHARACTERS)
    candidates = exchanges(conversations).filter(mentions(shown, rules.cues))
    judged = rules.judge_all(candidates["request"].to_list(), candidates["reply"].to_list())
    rows = [
        (conversation_id, turn, kind, reason)
        for conversation_id, turn, (kinds, reason) in zip(
            candidates["conversation_id"], candidates["turn"], judged, strict=True
        )
        for kind in PUSHBACK_KINDS
        if kind in kinds
    ]
    schema = {name: column.dtype.type for name, column in contracts.PUSHBACK.columns.items()}
    return pl.DataFrame(rows, schema=schema, orient="row")
