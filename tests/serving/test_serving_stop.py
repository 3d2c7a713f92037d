"""A stop under load loses no request; workers end with their parent; a lack of file descriptors fills no log."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from helpers.server import STUB, Server, run_server, run_stub

CLIENTS = 12
BODY = json.dumps({"text": "in Rome"}).encode()
HEADERS = {"Content-Type": "application/json"}


def keep_asking(port: int, counts: dict[str, int], lock: threading.Lock, seed: int) -> list[str]:
    """Send requests on one connection until no new one can be made; return what was lost."""
    pause = random.Random(seed)
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.connect()
        except OSError:
            return []
        while True:
            try:
                connection.request("POST", "/tag", BODY, HEADERS)
                reply = connection.getresponse()
                text = reply.read()
            except (OSError, http.client.HTTPException) as error:
                return [repr(error)]
            if reply.status != 200 or b"Rome" not in text:
                return [f"{reply.status} {text!r}"]
            closes = reply.getheader("connection") == "close"
            with lock:
                counts["closing" if closes else "kept"] += 1
            if closes:
                break
            time.sleep(pause.uniform(0, 0.02))


def stop_under_load(workers: int, seed: int) -> dict[str, int]:
    counts, lock = {"closing": 0, "kept": 0}, threading.Lock()
    with run_stub(workers=workers) as server, ThreadPoolExecutor(CLIENTS) as clients:
        runs = [clients.submit(keep_asking, server.port, counts, lock, seed * CLIENTS + i) for i in range(CLIENTS)]
        server.until(lambda: counts["kept"] > 20 * CLIENTS)
        assert server.stop() == 0
        assert [run.result() for run in runs] == [[]] * CLIENTS
        assert "Traceback" not in "".join(server.log)
    return counts


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_loses_no_request_of_clients_that_keep_their_connections(workers: int) -> None:
    assert stop_under_load(workers, 0)["closing"] >= CLIENTS  # the other worker may stop a little later


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_stops_under_load_lose_no_request(seed: int) -> None:
    assert stop_under_load(1 + seed % 2, seed)["closing"] >= CLIENTS


def test_requests_sent_before_the_signal_are_answered_and_idle_connections_closed() -> None:
    """Waiting to be accepted, half sent, and a second one on a connection that was idle; one that sends nothing."""
    head = b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(BODY)
    with run_stub() as server, ExitStack() as stack:
        idle, half, late = (
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30)) for _ in range(3)
        )
        half.sendall(head[:30])
        server.process.send_signal(signal.SIGSTOP)  # a busy moment: nothing is accepted or read
        place = ("127.0.0.1", server.port)
        waiting = [stack.enter_context(socket.create_connection(place, timeout=30)) for _ in range(20)]
        for client in waiting:
            client.sendall(head + BODY)
        late.sendall(head + BODY)
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        half.sendall(head[30:] + BODY)
        for client in (*waiting, late, half):
            answer = b"".join(iter(lambda client=client: client.recv(4096), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b"\r\nconnection: close\r\n" in answer.lower()  # of the last, which arrived while it was stopping
        assert idle.recv(100) == b""
        assert server.process.wait(30) == 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_when_their_parent_is_killed() -> None:
    with run_stub(workers=2) as server:
        own = server.process.pid
        children = list(map(int, Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").split()))
        assert len(children) >= 2
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 20
        while any(map(alive, children)):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="limits of another kind")
def test_without_file_descriptors_a_line_a_second_is_logged_and_the_service_recovers() -> None:
    code = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)); "
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    with run_server("-c", code, str(STUB), "{}") as server:
        server.ready()
        before = len(server.log)
        with ExitStack() as stack:
            for _ in range(150):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            server.wait_for("too many open files: new connections wait. Fix: raise the limit")
            time.sleep(2.5)
            lines = server.log[before:]
            assert 1 <= len(lines) <= 5, lines
        server.until(lambda: answers(server))
        assert server.stop() == 0


def answers(server: Server) -> bool:
    try:
        return server.get("/health", timeout=5).status == 200
    except OSError:
        return False
