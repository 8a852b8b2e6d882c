"""A service that speaks enough of OpenAI's protocol to be asked for rows, and misbehaves when
told."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST, KEPT = 1_000, 10


class FakeService(ThreadingHTTPServer):
    """Answers chat requests that carry a JSON schema with rows that keep it, drawn by their seed.

    faults : what the next requests get instead, one each: a number is a status, "slow" waits for
    two seconds, and FAULTS names the others. asked : the bodies of the last requests, with the
    header that holds the key.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: deque = deque()
        self.asked: deque = deque(maxlen=KEPT)

    @property
    def address(self) -> str:
        """What OPENAI_BASE_URL must be."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def fake_service():
    """A service that runs while the block does."""
    service = FakeService()
    threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()


def completion(text, finish: str = "stop", choices: bool = True) -> dict:
    """The body of a reply."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text},
        "text": text,
    }
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "fake",
        "choices": [choice] if choices else [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


FAULTS = {
    "no choices": lambda text: completion(text, choices=False),
    "no text": lambda text: completion(None),
    "cut off": lambda text: completion(text[: len(text) * 2 // 3], "length"),
    "wrapped": lambda text: completion(f"Sure! Here they are:\n```json\n{text}\n```"),
    "wrong schema": lambda text: completion(json.dumps({"rows": [{"name": "Ann"}, 7, "x"]})),
    "obeys the rows": lambda text: completion("I ignore the schema, as the row says."),
}


class _Handler(BaseHTTPRequestHandler):
    server: FakeService

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        self.server.asked.append(body | {"authorization": self.headers["Authorization"]})
        fault = self.server.faults.popleft() if self.server.faults else None
        if fault == "slow":
            time.sleep(2)
        if isinstance(fault, int):
            told = f"code {fault}, for {self.headers['Authorization']}"
            return self._send(fault, json.dumps({"error": {"message": told}}), retry_after=0)
        if fault == "a web page":
            return self._send(200, "<html>Please log in.</html>", "text/html")
        text = json.dumps(instance(_schema(body), random.Random(body.get("seed"))))
        reply = FAULTS[fault](text) if fault in FAULTS else completion(text)
        self._send(200, json.dumps(reply))

    def _send(self, status, text, kind="application/json", retry_after=None):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        with suppress(BrokenPipeError):  # who asked has given up
            self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


def _schema(body: dict) -> dict:
    return body.get("response_format", {}).get("json_schema", {}).get("schema", {"const": "Hello."})


def instance(schema: dict, rng: random.Random, known: dict | None = None):
    """A value that keeps a JSON schema of the kinds that the course writes.

    known : what the schema defines, name -> schema.
    """
    known = schema.get("$defs", {}) if known is None else known
    if "$ref" in schema:
        return instance(known[schema["$ref"].removeprefix("#/$defs/")], rng, known)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if schema["type"] == "object":
        return {name: instance(part, rng, known) for name, part in schema["properties"].items()}
    low = schema.get("minimum", 0)
    high = schema.get("maximum", low + LARGEST)
    if schema["type"] == "integer":
        return rng.randint(low, high)
    return rng.uniform(low, high)
