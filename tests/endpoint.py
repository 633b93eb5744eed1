"""A real server on this machine that speaks the chat completions of an OpenAI-compatible endpoint, and misbehaves when told to."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.endpoint import Judge, client_for
from shared.ledger import Ledger

KEY = "sk-never-to-be-seen-0123456789"
NOT_AFFECTIVE = {"content_creation": False, "affective": False, "categories": [], "professional": False}
SETTINGS = {
    "model": "judge",
    "api_key_variable": "JUDGE_KEY",
    "temperature": 0,
    "max_calls": 1000,
    "max_cost": 10,
    "price_per_million_tokens": {"input": 1, "output": 2},
    "concurrency": 4,
    "requests_per_minute": 1_000_000,
    "timeout": 20,
    "tries": 4,
    "max_answer_tokens": 100,
}


def conversation_in(request):
    """The lines between the two marks of a request, as [{speaker: text}]."""
    mark, *lines = request["messages"][1]["content"].split("\n")
    assert len(mark) == 32 and lines.count(mark) == 1
    return [json.loads(line) for line in lines[: lines.index(mark)]]


class Handler(BaseHTTPRequestHandler):
    """One endpoint; what goes wrong next stands in the world's list of faults."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, data, cut=None, **headers):
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": len(data)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data[:cut])
        self.close_connection = cut is not None

    def do_POST(self):
        world, request = self.server.world, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with world.lock:
            world.requests.append(request)
            world.times.append(time.monotonic())
            world.keys.add(self.headers.get("Authorization"))
            world.paths.add(self.path)
            fault = world.faults.pop(0) if world.faults else {}
            world.open += 1
            world.most_open = max(world.most_open, world.open)
        try:
            time.sleep(fault.get("sleep", world.delay))
            if not world.structured and "response_format" in request:
                fault = {"status": 400, "param": "response_format"}
            if "status" in fault:
                # Like real endpoints, and worse: the message repeats the key and the conversation.
                said = f"{self.headers.get('Authorization')} {request['messages'][1]['content']}"
                error = {"message": said, "param": fault.get("param"), "code": fault.get("code"), "type": "error"}
                return self.answer(fault["status"], json.dumps({"error": error}).encode(), **fault.get("headers", {}))
            content = fault.get("content", json.dumps(world.judge(conversation_in(request))))
            message = {"role": "assistant", "content": content} | fault.get("message", {})
            reply = {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "judge-2025-01-01",
                "choices": [{"index": 0, "finish_reason": fault.get("finish", "stop"), "message": message}],
                "usage": {"prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250},
            }
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.answer(200, fault.get("body", json.dumps(reply).encode()), fault.get("cut"))
        finally:
            with world.lock:
                world.open -= 1


class World:
    """What the endpoint answers, how it will misbehave next, and what it was asked."""

    def __init__(self):
        self.judge, self.structured, self.delay = lambda conversation: NOT_AFFECTIVE, True, 0
        self.faults, self.requests, self.times, self.keys, self.paths = [], [], [], set(), set()
        self.lock, self.open, self.most_open = threading.Lock(), 0, 0


@contextlib.contextmanager
def serving():
    """A World with its address in `base_url`, served until the block ends."""
    world = World()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.world = True, world
    world.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()


def judge_of(world, folder, task, **changes):
    """A judge that asks this world, with its ledger in a folder."""
    settings = SETTINGS | {"base_url": world.base_url} | changes
    ledger = Ledger(folder / "spent.txt", max_calls=settings["max_calls"], max_cost=settings["max_cost"])
    return Judge(client_for(settings), task=task, settings=settings, ledger=ledger, first_pause=0.01)


def asked(world):
    """Every conversation that was asked about, as text."""
    return [json.dumps(conversation_in(request)) for request in world.requests]


def kill_when(world, n, *arguments, cwd):
    """Run snakemake and kill it with all its jobs when n questions have been asked."""
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=cwd,
        env=os.environ | {"PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(world.requests) < n and running.poll() is None:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    time.sleep(0.2)
