"""An endpoint that speaks the OpenAI protocol, and misbehaves on demand: a real HTTP server in a thread."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]


@dataclass
class Act:
    """What the endpoint does with a request.

    Attributes:
        status, body, headers: of the response; a ``body`` that is no text becomes JSON.
        after: seconds before it.
        drip: seconds between two bytes of the body.
        cut: the connection is closed after so many bytes of the body; -1: before any of the response.
    """

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    drip: float = 0.0
    cut: int | None = None


def says(text: str | None, usage: Any = (7, 3), finish: str = "stop", **act: Any) -> Act:
    """A sound answer; usage: tokens of prompt and answer, ``None``: not counted."""
    body: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}]}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return Act(body=body, **act)


def fails(status: int, message: str = "no", **act: Any) -> Act:
    """An error as the protocol has it."""
    return Act(status=status, body={"error": {"message": message}}, **act)


def last(request: Request) -> str:
    """What the prompt ends with."""
    return str(request["messages"][-1]["content"])


def echo(request: Request, _turn: int) -> Act:
    """The end of the prompt, as an answer."""
    return says(last(request))


def first(*acts: Act) -> Callable[[Request, int], Act]:
    """These in turn for each prompt, then its echo."""
    return lambda request, turn: acts[turn] if turn < len(acts) else echo(request, turn)


class FakeEndpoint(ThreadingHTTPServer):
    """Answers by a rule ``(request, turn)``, where turn counts how often the prompt has come before.

    Attributes:
        requests: bodies, in the order in which they came.
        headers: theirs, by their names in lower case.
        turns: how often each prompt came, by its end.
        busiest: most requests at the same time.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, rule: Callable[[Request, int], Act], models: tuple[str, ...] | None, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.rule = rule
        self.models = models
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self.turns: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.now = self.busiest = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are the matter of these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeEndpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        end = self.server
        with end.lock:
            turn = end.turns[last(request)]
            end.turns[last(request)] += 1
            end.requests.append(request)
            end.headers.append({name.lower(): value for name, value in self.headers.items()})
            end.now += 1
            end.busiest = max(end.busiest, end.now)
        try:
            self._do(end.rule(request, turn))
        finally:
            with end.lock:
                end.now -= 1

    def do_GET(self) -> None:
        if self.server.models is None:
            self._do(fails(404))
        else:
            self._do(Act(body={"data": [{"id": name} for name in self.server.models]}))

    def _do(self, act: Act) -> None:
        time.sleep(act.after)
        data = (act.body if isinstance(act.body, str) else json.dumps(act.body)).encode()
        if act.cut == -1:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(act.status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **act.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if act.drip:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(act.drip)
        else:
            self.wfile.write(data[: act.cut])
        if act.cut is not None:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Silent."""


@contextmanager
def serving(
    rule: Callable[[Request, int], Act] = echo, *, models: tuple[str, ...] | None = ("tiny",), port: int = 0
) -> Iterator[FakeEndpoint]:
    """A running endpoint, at a free port where none is named."""
    with FakeEndpoint(rule, models, port) as end:
        thread = threading.Thread(target=end.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield end
        finally:
            end.shutdown()
