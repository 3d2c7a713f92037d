"""An endpoint that speaks the OpenAI protocol and misbehaves on demand: a real HTTP server in a thread."""

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
class FakeResponse:
    """What the endpoint does with a request.

    Attributes:
        status, body, headers: of the response; a ``body`` that is not a string is sent as JSON.
        after: seconds before the response.
        drip: seconds between two bytes of the body.
        cut: close the connection after so many bytes of the body; -1: before the response.
        endless: send the body, which may be bytes, again and again, without a length, until the client leaves.
    """

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    drip: float = 0.0
    cut: int | None = None
    endless: bool = False


def says(text: str | None, usage: Any = (7, 3), finish: str = "stop", **options: Any) -> FakeResponse:
    """A valid answer; ``usage``: tokens of prompt and answer, ``None``: not counted."""
    body: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}]}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return FakeResponse(body=body, **options)


def fails(status: int, message: str = "no", **options: Any) -> FakeResponse:
    """An error of the protocol."""
    return FakeResponse(status=status, body={"error": {"message": message}}, **options)


def last(request: Request) -> str:
    """The last message of the prompt."""
    return str(request["messages"][-1]["content"])


def echo(request: Request, _turn: int) -> FakeResponse:
    """Answers with the last message of the prompt."""
    return says(last(request))


def first(*responses: FakeResponse) -> Callable[[Request, int], FakeResponse]:
    """A rule that responds to each prompt with these in turn, then with its echo."""
    return lambda request, turn: responses[turn] if turn < len(responses) else echo(request, turn)


class FakeEndpoint(ThreadingHTTPServer):
    """Responds by a rule ``(request, turn)``, where ``turn`` counts the earlier requests with the same last message.

    Attributes:
        requests: bodies, in the order of arrival.
        headers: of the requests, by lower-case name.
        turns: number of requests by last message.
        busiest: most requests at the same time.
        sent: bytes of endless bodies.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, rule: Callable[[Request, int], FakeResponse], models: tuple[str, ...] | None, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.rule = rule
        self.models = models
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self.turns: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.now = self.busiest = self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeEndpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            turn = server.turns[last(request)]
            server.turns[last(request)] += 1
            server.requests.append(request)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.now += 1
            server.busiest = max(server.busiest, server.now)
        try:
            self._respond(server.rule(request, turn))
        finally:
            with server.lock:
                server.now -= 1

    def do_GET(self) -> None:
        if self.server.models is None:
            self._respond(fails(404))
        else:
            self._respond(FakeResponse(body={"data": [{"id": name} for name in self.server.models]}))

    def _respond(self, response: FakeResponse) -> None:
        time.sleep(response.after)
        body = response.body
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        if response.cut == -1:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(response.status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **response.headers,
        }.items():
            if not (response.endless and name == "Content-Length"):
                self.send_header(name, value)
        self.end_headers()
        while response.endless:
            self.wfile.write(data)
            self.server.sent += len(data)
        if response.drip:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(response.drip)
        else:
            self.wfile.write(data[: response.cut])
        if response.cut is not None:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextmanager
def serving(
    rule: Callable[[Request, int], FakeResponse] = echo, *, models: tuple[str, ...] | None = ("tiny",), port: int = 0
) -> Iterator[FakeEndpoint]:
    """A running endpoint, at a free port by default."""
    with FakeEndpoint(rule, models, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
