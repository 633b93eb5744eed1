"""Records in which a conversation is not simply a list of messages: exports, transcripts, trees and pairs, turned into ones where it is."""

import re
from collections.abc import Iterator
from typing import Any

TURN = re.compile(r"\n\n(Human|Assistant): ?")
SHAPES = {"mapping", "chat_messages", "conversation_a", "prompt", "transcript", "chosen"}  # a record with none is plain


def conversations_in(record: dict) -> list[dict]:
    """The conversations that a record holds, each with `messages` of {role, content} and an id where the record has one.

    A record with a plain list of messages, or of a shape that is not known here, comes back as it is.

    - ChatGPT export: a tree of nodes under `mapping`; the branch that ends in `current_node` is what the person last saw.
    - Claude export: `chat_messages` with a `sender`.
    - HH-RLHF: a transcript of "Human:" and "Assistant:" under `transcript` or, of a pair, `chosen`.
    - OASST: a tree of `replies` under `prompt`; each way from the prompt to a last reply is a conversation.
    - Chatbot Arena: `conversation_a` and `conversation_b`; each side is a conversation.
    """
    if isinstance(record.get("mapping"), dict):
        return [_chatgpt(record)]
    if isinstance(record.get("chat_messages"), list):
        return [_claude(record)]
    if isinstance(record.get("conversation_a"), list) and isinstance(record.get("conversation_b"), list):
        return _arena(record)
    if isinstance(record.get("prompt"), dict) and "replies" in record["prompt"]:
        return _oasst(record)
    transcript = record.get("transcript") or record.get("chosen")
    if isinstance(transcript, str) and TURN.search(transcript):
        return [{**record, "messages": list(_transcript(transcript))}]
    return [record]


def _object(value: Any) -> dict:
    """The value if it is an object, else an empty one: exports hold nulls and oddities where objects belong."""
    return value if isinstance(value, dict) else {}


def _identified(record: dict, *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)


def _chatgpt(record: dict) -> dict:
    nodes, branch, seen = record["mapping"], [], set()
    current = record.get("current_node") or next(reversed(nodes), None)
    while isinstance(current, str) and current in nodes and current not in seen:
        seen.add(current)
        node = _object(nodes[current])
        if isinstance(node.get("message"), dict):
            branch.append(node["message"])
        current = node.get("parent")
    messages = []
    for message in reversed(branch):
        content = _object(message.get("content"))
        parts = content.get("parts") if content.get("parts") is not None else content.get("text")
        role = _object(message.get("author")).get("role")
        # Hidden instructions and empty tool messages are the export's scaffolding.
        if role in ("user", "assistant") or (parts and parts != [""]):
            messages.append({"role": role, "content": parts})
    identifier = _identified(record, "conversation_id", "id")
    return {"id": identifier, "timestamp": record.get("create_time"), "messages": messages}


def _claude(record: dict) -> dict:
    messages = [
        {"role": message.get("sender"), "content": message.get("text") or message.get("content")}
        if isinstance(message, dict)
        else message
        for message in record["chat_messages"]
    ]
    return {"id": record.get("uuid"), "timestamp": record.get("created_at"), "messages": messages}


def _transcript(text: str) -> Iterator[dict]:
    pieces = TURN.split(text)
    if pieces[0].strip():
        yield {"role": "system", "content": pieces[0].strip()}
    for speaker, words in zip(pieces[1::2], pieces[2::2], strict=True):
        yield {"role": speaker.lower(), "content": words.strip()}


def _oasst(record: dict) -> list[dict]:
    tree = _identified(record, "message_tree_id", "id")
    paths, stack = [], [(record["prompt"], [])]
    while stack:
        node, before = stack.pop()
        role = "user" if node.get("role") == "prompter" else node.get("role")
        path = [*before, {"role": role, "content": node.get("text")}]
        replies = node.get("replies") if isinstance(node.get("replies"), list) else []
        replies = [reply for reply in replies if isinstance(reply, dict)]
        if replies:
            stack += [(reply, path) for reply in reversed(replies)]
        else:
            paths.append(path)
    return [
        {"id": tree if tree is None or len(paths) == 1 else f"{tree}-{number}", "messages": path}
        for number, path in enumerate(paths, 1)
    ]


def _arena(record: dict) -> list[dict]:
    identifier = _identified(record, "question_id", "conversation_id", "id")
    shared = {key: value for key, value in record.items() if key not in ("conversation_a", "conversation_b", "model")}
    return [
        {
            **shared,
            "conversation_id": None if identifier is None else f"{identifier}-{side}",
            "model": record.get(f"model_{side}"),
            "timestamp": record.get("tstamp"),
            "conversation": record[f"conversation_{side}"],
        }
        for side in ("a", "b")
    ]
