"""What an LLM judge is asked, of which conversations, and where its answers are kept; nothing here needs a network or a key."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from shared.job import InputError
from shared.tasks import Task

BYTES_PER_TOKEN = 3  # English text has about four; an estimate of cost had better be high
ANSWER_TOKENS = 60  # of the JSON object asked for
FRAME_TOKENS = 60  # of what surrounds a conversation in its message
LARGEST_MESSAGE = (
    8  # a human message of a cut conversation gets at most 1 / this of max_characters, a reply half as much
)


def conversation_lines(messages: list[dict], *, max_characters: int, numbered: bool = False) -> str:
    """A conversation as the judge sees it: one JSON object a line, so that no text can pass for a line of its own.

    One of at most `max_characters` characters is shown whole. Of a longer one the first exchange (a human message and the reply to it) is shown,
    then the last, the second, the last but one and so on until the characters are spent; of a human message at most an eighth of
    them, of a reply a sixteenth.

    Args:
        messages: dicts with role and text.
        numbered: the assistant's messages are shown with their position in the conversation.
    """
    speakers = [
        f"{message['role']} {place}" if numbered and message["role"] == "assistant" else message["role"]
        for place, message in enumerate(messages)
    ]
    if sum(len(message["text"]) for message in messages) <= max_characters:
        return lines_of(zip(speakers, (message["text"] for message in messages), strict=True))
    exchanges = []
    for place, message in enumerate(messages):
        if message["role"] == "human":
            exchanges.append([place])
        elif message["role"] == "assistant" and exchanges and len(exchanges[-1]) == 1:
            exchanges[-1].append(place)
    limit = {"human": max_characters // LARGEST_MESSAGE, "assistant": max_characters // LARGEST_MESSAGE // 2}
    shown, left = {}, max_characters
    for turn in range(len(exchanges)):
        exchange = exchanges[turn // 2] if turn % 2 == 0 else exchanges[-1 - turn // 2]
        texts = {place: _head(messages[place]["text"], limit[messages[place]["role"]]) for place in exchange}
        left -= sum(map(len, texts.values()))
        if left < 0:
            break
        shown |= texts
    said, missing = [], 0
    for place, speaker in enumerate(speakers):
        if place in shown:
            said += [("left out", missing)] * (missing > 0) + [(speaker, shown[place])]
            missing = 0
        else:
            missing += 1
    return lines_of(said + [("left out", missing)] * (missing > 0))


def _head(text, limit):
    return text if len(text) <= limit else text[:limit] + "[…]"


def lines_of(said: Iterable[tuple[str, str | int]]) -> str:
    """Pairs of a speaker and what it says, one JSON object a line."""
    return "\n".join(json.dumps({speaker: what}, ensure_ascii=False) for speaker, what in said)


def replies_in(content: str) -> set[int]:
    """Positions of the assistant's messages that conversation_lines shows, where they are numbered."""
    speakers = [speaker for line in content.split("\n") if line for speaker in json.loads(line)]
    return {int(speaker.removeprefix("assistant ")) for speaker in speakers if speaker.startswith("assistant ")}


def is_drawn(conversation_id: pl.Series, probability: pl.Series, *, seed: int) -> pl.Series:
    """(n,) bool: drawn by a number that only seed and id decide, so that shards and repeated runs draw the same ones."""
    numbers = [
        int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8]) / 2**64 for name in conversation_id
    ]
    return pl.Series(numbers, dtype=pl.Float64) < probability


def questions(conversations: pl.DataFrame, *, task: Task, settings: dict) -> list[dict]:
    """Conversations (conversation_id, messages and more) as dicts with content (what is shown) and key (of the answer) instead of messages.

    Args:
        settings: `classify: llm` of the configuration.
    """
    asked_of = {"prompt": task.prompt, "model": settings["model"], "temperature": settings["temperature"]}
    shown = {"max_characters": settings["max_characters"], "numbered": task.numbered}
    wanted = []
    for item in conversations.iter_rows(named=True):
        content = conversation_lines(item.pop("messages"), **shown)
        wanted.append(item | {"content": content, "key": answer_key(content, **asked_of)})
    return wanted


def to_judge(conversations: pl.DataFrame, candidate: pl.Series, *, task: Task, settings: dict, seed: int) -> list[dict]:
    """What is to be judged: the sieve's candidates and a random sample of what it dropped, in the order of the conversations.

    Args:
        conversations: contracts.Selected.
        candidate: (n,) bool, passed the sieve.
        settings: `classify: llm` of the configuration.

    Returns:
        conversation_id, candidate, probability (of being judged), content and key of each.
    """
    table = conversations.select(
        "conversation_id",
        "messages",
        candidate=candidate,
        probability=pl.when(candidate).then(1.0).otherwise(settings["sample_of_screened_out"]),
    )
    drawn = table.filter(is_drawn(table["conversation_id"], table["probability"], seed=seed))
    return questions(drawn, task=task, settings=settings)


def replies_to_judge(conversations: pl.DataFrame, *, task: Task, settings: dict) -> list[dict]:
    """What is to be judged of conversations that are compared: conversation_id, content, key and n_replies, the number of replies shown.

    A conversation of which no reply is shown has nothing to judge.
    """
    wanted = questions(conversations.select("conversation_id", "messages"), task=task, settings=settings)
    return [item | {"n_replies": n} for item in wanted if (n := len(replies_in(item["content"])))]


def digest(text: str) -> str:
    """Sixteen hexadecimal digits of a text's SHA-256: enough to tell prompts apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def answer_key(content: str, *, prompt: str, model: str, temperature: float) -> str:
    """What an answer is found by: the same text, asked of the same model in the same words, is not asked again."""
    return hashlib.sha256("\0".join([model, f"{temperature:g}", prompt, content]).encode()).hexdigest()[:32]


def tokens(text: str) -> int:
    """About how many tokens an English text has, rather too many than too few."""
    return len(text.encode()) // BYTES_PER_TOKEN + 1


def cost_of(tokens_in: float, tokens_out: float, price_per_million_tokens: dict) -> float:
    """Cost in the currency of the prices."""
    return (tokens_in * price_per_million_tokens["input"] + tokens_out * price_per_million_tokens["output"]) / 1_000_000


class Answers:
    """Answers by key: those of a folder, which grows, and those of a recording, which does not.

    One file for each answer, written whole or not at all, so that any number of jobs may share the folder and a killed one loses nothing.
    Neither holds a text or an API key.
    """

    def __init__(self, folder: str | Path, recording: str | Path = ""):
        self.folder, self.recorded = Path(folder), {}
        if recording:
            with open(recording, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    try:
                        answer = json.loads(line)
                        self.recorded[answer["key"]] = answer
                    except (ValueError, KeyError, TypeError) as fault:
                        raise InputError(
                            f"{recording}, line {number}: expected a recorded answer with its key, found something else. classify.llm.replay takes "
                            "the lines of data/interim/<data set>/answers/ of an earlier run."
                        ) from fault

    def _path(self, key):
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> dict | None:
        """The answer, or None if there is none."""
        if key in self.recorded:
            return self.recorded[key]
        try:
            return json.loads(self._path(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def put(self, key: str, answer: dict) -> None:
        """Keep an answer."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{uuid.uuid4().hex}")
        unfinished.write_text(json.dumps(answer), encoding="utf-8")
        os.replace(unfinished, path)
