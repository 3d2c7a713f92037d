"""Connections of clients that are slow, or that say two things at once."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from coner.serving.shutdown import DrainingProtocol, DrainingServer
from helpers.server import Server, run_stub

BODY = json.dumps({"text": "in Rome"}).encode()
SECONDS = 1


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_stub(token="CONER_TEST_TOKEN", environment={"CONER_TEST_TOKEN": "T"}) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def port() -> Iterator[int]:
    """A service that answers at once, and waits for a second."""

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=DrainingProtocol, lifespan="off", timeout_keep_alive=SECONDS)
        running = DrainingServer(config)
        thread = threading.Thread(target=lambda: asyncio.run(running.serve([listener])))
        thread.start()
        yield listener.getsockname()[1]
        running.should_exit = True
        thread.join()


def answers(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """What is received until the service closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        while block := connection.recv(1 << 16):
            received += block
    return received


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "answered"),
    [((b"",), 0), ((GET[:9],), 0), ((GET + GET[:9],), 1), ((GET, GET[:9]), 1), ((GET,), 1), ((GET + GET,), 2)],
    ids=["nothing", "half a request", "one and a half", "half of the next", "idle", "pipelined"],
)
def test_a_connection_without_a_whole_header_is_closed(port: int, parts: tuple[bytes, ...], answered: int) -> None:
    began = time.monotonic()
    assert answers(port, *parts, pause=0.1).count(b"200 OK") == answered
    assert SECONDS * 0.9 < time.monotonic() - began < 10


def test_a_header_that_drips_is_not_waited_for(port: int) -> None:
    with pytest.raises(OSError):
        answers(port, *[bytes([byte]) for byte in GET * 2], pause=0.05)


def test_requests_between_pauses_are_answered(port: int) -> None:
    assert answers(port, GET[:9], GET[9:], GET[:20], GET[20:], pause=0.6 * SECONDS).count(b"200 OK") == 2


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    "headers",
    [
        b"Origin: http://evil.example\r\nOrigin: http://localhost\r\n",
        b"Authorization: Bearer U\r\n",
        b"Transfer-Encoding: chunked\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(server: Server, headers: bytes) -> None:
    start = b"POST /tag HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer T\r\nContent-Type: application/json\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(BODY)
    good = answers(server.port, start + b"Connection: close\r\n" + length + BODY)
    assert b"200 OK" in good
    body = CHUNKED if b"chunked" in headers else BODY
    reply = answers(server.port, start + headers + length + body)
    assert b" 400 " in reply
    assert b"invalid_request" in reply
    assert reply.count(b"HTTP/1.1") == 1
