"""Records in which a conversation is not simply a list of messages: exports, transcripts, trees and pairs, turned into ones where it is."""

import re
from collections.abc import Iterator
from typing import Any

TURN = re.compile(r"(?:^\s*|\r?\n\r?\n)(Human|Assistant): ?")
LOGGED = ("request", "body")  # what API logs wrap the messages of a call in
SHAPES = {"mapping", "chat_messages", "conversation_a", "prompt", "transcript", "chosen", "chat", "choices", "response"}
SHAPES |= {*LOGGED}  # a record with none of them is plain, unless its messages name their parents
THREADS = {  # the key of a message's parent: those of its own id and time
    "parent_message_uuid": ("uuid", "created_at"),  # Claude
    "parentMessageId": ("messageId", "createdAt"),  # LibreChat
    "parentId": ("id", "timestamp"),  # Open WebUI
    "ancestors": ("id", "createdAt"),  # HuggingChat; the last of them is the parent
}
CHATGPT_TEXT = (None, "text", "multimodal_text")  # other content is what a model does before it answers


def conversations_in(record: dict) -> list[dict]:
    """The conversations that a record holds, each with `messages` or `conversation` of {role, content}, and the record's other fields.

    A record with a plain list of messages, or of a shape that is not known here, comes back as it is.

    - ChatGPT export: a tree of nodes under `mapping`; of the branch that ends in `current_node`, what the person saw.
    - Claude export: `chat_messages` with a `sender`; the branch that ends in `current_leaf_message_uuid`.
    - Open WebUI, LibreChat, HuggingChat: messages that name their parents; the branch that ends in the newest.
    - API logs: a call's `messages`, and the reply beside them under `choices` or `response`.
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
    if isinstance(record.get("chat"), dict):
        return [_open_webui(record)]
    if "messages" not in record:
        record = next((record[key] | record for key in LOGGED if isinstance(record.get(key), dict)), record)
    messages = record.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[0], dict):
        if not THREADS.keys().isdisjoint(messages[0]):
            return [{**record, "messages": [_librechat(message) for message in _branch(messages)]}]
        reply = _reply(record, messages)
        return [{**record, "messages": messages + reply} if reply else record]
    return [record]


def _object(value: Any) -> dict:
    """The value if it is an object, else an empty one: exports hold nulls and oddities where objects belong."""
    return value if isinstance(value, dict) else {}


def _identified(record: dict, *keys: str) -> Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)


def _way(parents: dict[str, Any], times: dict[str, Any], leaf: Any) -> list[str]:
    """Ids from the first message to `leaf` or, where that is none of them, to the newest that nobody answered; a circle of parents ends."""
    if not isinstance(leaf, str) or leaf not in parents:
        answered = {parent for parent in parents.values() if isinstance(parent, str)}
        leaves = [name for name in parents if name not in answered]
        # Of messages without a time, or of the same, the one that stands last is the newest.
        leaf = max(reversed(leaves), key=lambda name: str(times.get(name) or ""), default=None)
    way = {}
    while isinstance(leaf, str) and leaf in parents and leaf not in way:
        way[leaf] = None
        leaf = parents[leaf]
    return [*reversed(way)]


def _branch(messages: list, leaf: Any = None) -> list:
    """The messages of one branch, where they name their parents; else all of them in order."""
    if not all(isinstance(message, dict) for message in messages):
        return messages
    key = next((key for key in THREADS if any(message.get(key) for message in messages)), None)
    if key is None:
        return messages
    name, time = THREADS[key]
    by_name = {message[name]: message for message in messages if isinstance(message.get(name), str)}
    parents = {name: message.get(key) for name, message in by_name.items()}
    parents = {name: of[-1] if isinstance(of, list) and of else of for name, of in parents.items()}
    times = {name: message.get(time) for name, message in by_name.items()}
    return [by_name[name] for name in _way(parents, times, leaf)] or messages


def _chatgpt(record: dict) -> dict:
    nodes = {name: _object(node) for name, node in record["mapping"].items()}
    told = {name: _object(node.get("message")) for name, node in nodes.items()}
    parents = {name: node.get("parent") for name, node in nodes.items()}
    times = {name: message.get("create_time") for name, message in told.items()}
    model, messages = _identified(record, "model", "default_model_slug"), []
    for name in _way(parents, times, record.get("current_node")):
        message, content = told[name], _object(told[name].get("content"))
        parts, metadata = content.get("parts"), _object(message.get("metadata"))
        # Custom instructions, calls of tools, thoughts and empty nodes are the export's scaffolding: nobody said or saw them.
        if (
            content.get("content_type") in CHATGPT_TEXT
            and message.get("recipient") in (None, "all")
            and message.get("weight") != 0
            and not metadata.get("is_visually_hidden_from_conversation")
            and isinstance(parts, list)
            and any(parts)
        ):
            model = model or metadata.get("model_slug")
            messages.append({"role": _object(message.get("author")).get("role"), "content": parts})
    return {**record, "model": model, "conversation": messages}


def _claude(record: dict) -> dict:
    branch = _branch(record["chat_messages"], record.get("current_leaf_message_uuid"))
    messages = [
        {"role": message.get("sender"), "content": _claude_text(message)} if isinstance(message, dict) else message
        for message in branch
    ]
    return {**record, "conversation": messages}


def _claude_text(message: dict) -> Any:
    """The blocks of a message, since its `text` has notes in place of some; where both are empty, what was pasted."""
    content, pasted = message.get("content") or message.get("text"), message.get("attachments")
    blocks = content if isinstance(content, list) else [content]
    said = any(block.get("text") if isinstance(block, dict) else block for block in blocks)
    if said or not isinstance(pasted, list):
        return content
    pasted = [_object(attachment).get("extracted_content") for attachment in pasted]
    return [text for text in pasted if isinstance(text, str)] or content


def _open_webui(record: dict) -> dict:
    chat = record["chat"]
    history = _object(chat.get("history"))
    told, models = _object(history.get("messages")), chat.get("models")
    model = models[0] if isinstance(models, list) and models else None
    messages = _branch([*told.values()], history.get("currentId")) or chat.get("messages")
    return {"model": model, **record, "conversation": messages}


def _librechat(message: Any) -> Any:
    """A message of LibreChat with a role; its `sender` is the model's name. Any other message as it is."""
    by_user = message.get("isCreatedByUser") if isinstance(message, dict) else None
    return message if by_user is None else {"role": "user" if by_user else "assistant", **message}


def _reply(record: dict, messages: list) -> list[dict]:
    """The reply that a log has beside the messages: none where they end in it, or where there is none."""
    if _object(messages[-1]).get("role") == "assistant":
        return []
    response = record.get("response")
    if isinstance(response, str):
        response = {"content": response}
    choices = record.get("choices") or _object(response).get("choices")
    if isinstance(choices, list) and choices:
        response = _object(choices[0]).get("message")
    return [{**response, "role": "assistant"}] if _object(response).get("content") else []


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
