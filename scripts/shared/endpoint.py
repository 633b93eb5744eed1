"""The endpoint of the LLM judge: asked patiently, at a pace, under a cap, and heard only where its reply is a label."""

import json
import os
import threading
import time
from secrets import token_hex

import openai
from pydantic import ValidationError

from shared.job import InputError
from shared.judge import ANSWER_TOKENS, FRAME_TOKENS, cost_of, replies_in, tokens
from shared.ledger import Ledger
from shared.tasks import Task

BUSY = {408, 409, 425, 429}  # and everything from 500 on: may pass
NOT_ACCEPTED = {400, 413, 422}  # this request, in this form
LONGEST_WAIT = 300  # seconds


class Garbled(Exception):
    """What came back is not a reply of a model."""


class Unusable(Exception):
    """The model replied, but not with a label."""

    def __init__(self, reason: str, *, truncated: bool = False):
        super().__init__(reason)
        self.truncated = truncated


class Refused(Exception):
    """The endpoint will not label this conversation, however often it is asked."""


class Pace:
    """Lets calls begin at most so often a minute, and none before a moment that the endpoint named."""

    def __init__(self, per_minute: float):
        self.gap, self.next, self.lock, self.stop = 60 / per_minute, 0.0, threading.Lock(), threading.Event()

    def wait(self) -> None:
        """Return when the next call may begin, or at once when everything is to stop."""
        with self.lock:
            slot = max(time.monotonic(), self.next)
            self.next = slot + self.gap
        self.stop.wait(slot - time.monotonic())

    def hold(self, seconds: float) -> None:
        """No call begins before so many seconds have passed."""
        with self.lock:
            self.next = max(self.next, time.monotonic() + seconds)


class Judge:
    """An endpoint, asked patiently: busy answers, time-outs, cut connections and unusable replies are tried again with growing pauses."""

    def __init__(self, client: openai.OpenAI, *, task: Task, settings: dict, ledger: Ledger, first_pause: float = 1):
        self.client, self.task, self.settings, self.ledger = client, task, settings, ledger
        self.first_pause, self.pace, self.structured = first_pause, Pace(settings["requests_per_minute"]), True

    def ask(self, content: str) -> dict:
        """The label of a conversation with the model that gave it.

        Args:
            content: of shared.judge.conversation_lines.

        Raises:
            Refused: no usable reply to this conversation.
            InputError: the endpoint cannot be used, or a cap is reached.
        """
        said, limit = [], self.settings["max_answer_tokens"]
        for attempt in range(self.settings["tries"]):
            pause = min(self.first_pause * 2**attempt, LONGEST_WAIT)
            try:
                return self._label(content, said, limit)
            except Unusable as fault:
                reason, last = str(fault), Refused(str(fault))
                limit *= 2 if fault.truncated else 1
                said = [
                    {"role": "user", "content": f"That was not a valid answer: {fault}. Give the JSON object alone."}
                ]
            except openai.APIStatusError as error:
                if error.status_code not in BUSY and error.status_code < 500:
                    raise InputError(self._explained(f"HTTP status {error.status_code}{named(error)}")) from None
                reason = f"HTTP status {error.status_code}"
                asked = error.response.headers.get("Retry-After", "")
                if asked.replace(".", "", 1).isdecimal():
                    pause = min(float(asked), LONGEST_WAIT)
                    self.pace.hold(pause)
                last = InputError(self._explained(reason))
            except (Garbled, openai.APIConnectionError) as error:  # a time-out is one of the latter
                reason = type(error).__name__
                last = InputError(self._explained(reason))
            if attempt < self.settings["tries"] - 1:
                print(f"{reason}; trying again in {pause:g} s")
                self.pace.stop.wait(pause)
        raise last

    def _explained(self, reason):
        return (
            f"The judge's endpoint gave no answers ({reason}). Check classify.llm.base_url, model and the key in the variable that "
            "classify.llm.api_key_variable names, and the limits of your account; then run again: every answer is kept, and only what is missing is asked."
        )

    def _label(self, content, said, limit):
        """One attempt; in the plain form where the endpoint does not accept the structured one."""
        for structured in [True, False] if self.structured else [False]:
            try:
                return self._call(content, said, limit, structured)
            except openai.APIStatusError as error:
                if error.status_code not in NOT_ACCEPTED:
                    raise
                refusal = Refused(f"HTTP status {error.status_code}{named(error)}")
        raise refusal

    def _call(self, content, said, limit, structured):
        mark = token_hex(16)
        user = f"{mark}\n{content}\n{mark}\n{self.task.closing}"
        form = {"max_tokens": limit}
        if structured:
            form = {"response_format": self.task.response_format, "max_completion_tokens": limit}
        prices = self.settings["price_per_million_tokens"]
        # No tokenizer makes more tokens than there are bytes.
        dearest = cost_of(len((self.task.prompt + user + str(said)).encode()) + FRAME_TOKENS, limit, prices)
        self.pace.wait()
        if self.pace.stop.is_set():
            raise InputError("Stopped because another question ended the run.")
        self.ledger.reserve(dearest)
        try:
            response = self.client.chat.completions.with_raw_response.create(
                model=self.settings["model"],
                temperature=self.settings["temperature"],
                messages=[{"role": "system", "content": self.task.prompt}, {"role": "user", "content": user}, *said],
                **form,
            )
        except openai.APIStatusError:
            self.ledger.correct(-dearest)  # nobody bills an error
            raise
        if self.structured and not structured:
            print("The endpoint takes no response_format; the form of the answer is asked for in words")
            self.structured = False
        try:
            reply = json.loads(response.http_response.content)
            choice = reply["choices"][0]
            text = (choice["message"]["content"] or "").strip()
            usage = reply.get("usage") or {}
            tokens_in = usage.get("prompt_tokens") or tokens(self.task.prompt + user)
            tokens_out = usage.get("completion_tokens") or ANSWER_TOKENS
            self.ledger.correct(cost_of(tokens_in, tokens_out, prices) - dearest)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise Garbled from None
        if choice.get("finish_reason") == "content_filter" or choice["message"].get("refusal"):
            raise Refused("the model declined")
        label = answer_in(text, task=self.task, content=content, truncated=choice.get("finish_reason") == "length")
        return label | {"answered_by": str(reply.get("model") or self.settings["model"])[:80]}


def named(error: openai.APIStatusError) -> str:
    """What an error's body names as its cause, in a word or two; never its message, which may repeat what was sent."""
    words = [str(word)[:40] for word in (error.code, error.param) if word]
    return f", {' '.join(words)}" if words else ""


def answer_in(text: str, *, task: Task, content: str, truncated: bool) -> dict:
    """The label in a reply to `content`, whatever stands around its JSON object.

    Raises:
        Unusable: there is none, or it is not one that the codebook knows.
    """
    try:
        label = text[text.find("{") : text.rfind("}") + 1]
        return task.answer.model_validate_json(label, context={"replies": replies_in(content)}).model_dump()
    except ValidationError as error:
        if truncated:
            raise Unusable("the answer was cut off", truncated=True) from None
        # A key that is none of ours may be anything, a piece of the conversation too.
        keys = [fault["loc"][0] if fault["loc"] else "object" for fault in error.errors()]
        keys = [key if key in {*task.answer.model_fields, "object"} else "unknown key" for key in keys]
        faults = {f"{key}: {fault['msg']}" for key, fault in zip(keys, error.errors(), strict=True)}
        raise Unusable("; ".join(sorted(faults))) from None


def client_for(settings: dict) -> openai.OpenAI:
    """The client for the endpoint, with the key that stands in the environment and nowhere else.

    Raises:
        InputError: the variable that should hold the key is not set.
    """
    variable = settings["api_key_variable"]
    if variable and not os.environ.get(variable):
        raise InputError(
            f"classify.llm.api_key_variable names {variable}, but this variable is not set. Run: export {variable}=<your key>. Or set "
            "api_key_variable to '' for an endpoint that asks for no key, or replay to recorded answers."
        )
    return openai.OpenAI(
        base_url=settings["base_url"],
        api_key=os.environ[variable] if variable else "none",
        timeout=settings["timeout"],
        max_retries=0,
        # Conversations go to the endpoint that was named, and are not handed on to another one.
        http_client=openai.DefaultHttpxClient(follow_redirects=False),
    )
