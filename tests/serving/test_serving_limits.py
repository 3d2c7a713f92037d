"""Limits, timeouts, queues, shutdown: every request gets an answer in time."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from coner.serving.schemas import TagRequest
from helpers.server import STUB, Reply, Server, run_server, run_stub


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A service with small limits."""
    limits = {"body": 500, "texts": 3, "text_words": 5, "words": 8, "seconds": 3.0}
    with run_stub(limits=limits, batching={"words": 8, "queue": 20}) as server:
        yield server
        assert server.stop() == 0


def test_large_bodies_are_rejected(small: Server) -> None:
    for headers in ({}, {"Transfer-Encoding": "chunked"}):
        body = b'{"text": "' + b"a" * 100_000 + b'"}'
        sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if headers else body
        reply = small.tag(sent, headers=headers)
        assert (reply.status, reply.code) == (413, "too_large")
        assert "500 bytes" in reply.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"texts": ["a"] * 4}, "got 4 texts; expected at most 3"),
        ({"text": "a b c d e f"}, "text 0: too long; expected at most 5 words"),
        ({"words": ["a"] * 6}, "text 0: too long; expected at most 5 words"),
        ({"texts": ["a b c d", "a b c d", "a"]}, "text 2: expected at most 8 words in one request"),
        ({"sentences": [["a"], ["a", ""]]}, "sentences.1.1: string should have at least 1 character"),
        ({}, "exactly one of: text, texts, words, sentences"),
        ([], "exactly one of: text, texts, words, sentences"),
        ({"text": "a", "words": ["a"]}, "exactly one of: text, texts, words, sentences"),
        ({"text": 7}, "text: input should be a valid string"),
        ({"text": "a", "more": 1}, "more: extra inputs are not permitted"),
        ({"text": "a", "model": 1}, "model: input should be a valid string"),
        ({"text": "a", **{f"more{i}": 1 for i in range(20)}}, "exactly one of: text, texts, words, sentences; and opt"),
        (b'{"text": "a"', "invalid JSON: expecting ',' delimiter at character 12"),
        (b'{"text": "\\ud800"}', "surrogate"),
        (b'{"\\ud800": 1, "text": "a"}', "unicode"),
        (b"", "got no body; expected a JSON object"),
    ],
)
def test_invalid_requests_are_explained(small: Server, body: Any, message: str) -> None:
    reply = small.tag(body)
    assert (reply.status, reply.code) == (422, "invalid_request")
    assert message in reply.message


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"texts": [0] * 200}, "texts.0"),
        ({"words": [""] * 150}, "words.0"),
        ({"sentences": [[0] * 50] * 3}, "sentences.0.0"),
    ],
)
def test_validation_stops_at_the_first_invalid_item(body: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(TagRequest).validate_python(body)
    (fault,) = caught.value.errors()
    assert ".".join(map(str, fault["loc"][1:])) == place


def test_body_must_be_declared_as_json(small: Server) -> None:
    reply = small.tag({"text": "a"}, headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.code) == (422, "invalid_request")
    assert "'Content-Type: application/json'" in reply.message


def test_requests_at_the_limits_are_answered(small: Server) -> None:
    assert len(small.tag({"texts": ["a b c d e", "a b c", ""]}).json["results"]) == 3


@pytest.mark.parametrize("body", [b"[" * 499, b'{"text": 1' + b"0" * 450 + b"}", b"\xff\xfe", b"null", b"NaN"])
def test_hostile_json_gets_an_answer(small: Server, body: bytes) -> None:
    reply = small.tag(body)
    assert reply.status in (400, 422)
    assert reply.code == "invalid_request"


def test_page_ignores_the_query(small: Server) -> None:
    for path in ("/", "/page.js"):
        plain, queried = small.get(path), small.get(f"{path}?page=<script>alert(1)</script>")
        assert queried.text == plain.text
        assert queried.headers["content-security-policy"] == plain.headers["content-security-policy"]


def test_unknown_paths_and_methods(small: Server) -> None:
    assert (small.get("/nope").status, small.get("/nope").code) == (404, "not_found")
    reply = small.request("DELETE", "/tag")
    assert (reply.status, reply.code, reply.headers["allow"]) == (405, "wrong_method", "POST")


def test_slow_body_times_out(small: Server) -> None:
    with socket.create_connection(("127.0.0.1", small.port), timeout=30) as client:
        client.sendall(b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        start = time.monotonic()
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer
    assert 2.9 < time.monotonic() - start < 30


def test_invalid_http_gets_an_error(small: Server) -> None:
    with socket.create_connection(("127.0.0.1", small.port), timeout=30) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b"".join(iter(lambda: client.recv(4096), b"")).startswith(b"HTTP/1.1 400 ")
    assert small.get("/health").status == 200


def sleeps(server: Server) -> int:
    """Number of texts at which the tagger has started to sleep."""
    return server.log.count("sleeping\n")


@contextmanager
def busy(server: Server, text: str) -> Iterator[Future[Reply]]:
    """Run the block while the tagger sleeps at a text."""
    before = sleeps(server)
    with ThreadPoolExecutor(1) as client:
        reply = client.submit(server.tag, {"text": text})
        server.until(lambda: sleeps(server) > before)
        yield reply


def waiting(server: Server) -> float:
    return server.metrics()["coner_waiting_words", "stub"]


def test_late_requests_time_out_and_are_dropped(small: Server) -> None:
    before = small.words()
    with busy(small, "sleep 6") as slow, ThreadPoolExecutor(2) as clients:
        later = list(clients.map(lambda _: small.tag({"text": "in Rome"}), range(2)))
        replies = [slow.result(), *later]
    assert [(reply.status, reply.code) for reply in replies] == [(504, "timed_out")] * 3
    assert small.tag({"text": "a b c"}).status == 200
    assert small.words() == before + 2 + 3
    assert waiting(small) == 0


def test_full_queue_rejects_and_loses_nothing(small: Server) -> None:
    with busy(small, "sleep 2"), ThreadPoolExecutor(12) as clients:
        replies = list(clients.map(lambda i: small.tag({"text": f"in Rome {i} a"}), range(12)))
    accepted = [reply for reply in replies if reply.status == 200]
    rejected = [reply for reply in replies if reply.status != 200]
    assert len(accepted) == 5  # 20 words
    assert all(reply.json["results"][0]["entities"][0]["text"] == "Rome" for reply in accepted)
    assert {(reply.status, reply.code) for reply in rejected} == {(429, "busy")}
    assert all(1 <= int(reply.headers["retry-after"]) <= 60 for reply in rejected)
    small.ready()


def test_full_queue_is_not_ready() -> None:
    with run_stub(batching={"queue": 4}) as server, busy(server, "sleep 3"), ThreadPoolExecutor(1) as client:
        waits = client.submit(server.tag, {"text": "a b c"})
        server.until(lambda: waiting(server) == 3)
        for body in ({"text": "a b"}, {"text": "a" * 64}, {"text": "a" + " " * 63}, {"words": ["a" * 64]}):
            assert server.tag(body).code == "busy"
        ready = server.get("/ready")
        assert (ready.status, ready.code) == (503, "busy")
        assert server.get("/health").status == 200
        assert waits.result().status == 200
        server.ready()


def disconnect(server: Server, body: dict[str, Any], when: Callable[[], bool]) -> None:
    raw = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        head = "POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
        server.until(when)


@pytest.fixture
def patient() -> Iterator[Server]:
    """A service with one text in a batch and long timeouts."""
    with run_stub(batching={"words": 1, "wait": 0.0}) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in "".join(line for line in server.log if "stub" not in line)


def test_waiting_texts_of_a_disconnected_client_are_dropped(patient: Server) -> None:
    with busy(patient, "sleep 2"):
        disconnect(patient, {"texts": ["a b c"] * 10}, when=lambda: waiting(patient) == 30)
        patient.until(lambda: waiting(patient) == 0)
    assert patient.tag({"text": "a"}).status == 200
    assert patient.words() == 2 + 1
    assert patient.metrics()["coner_dropped_sentences_total", "stub"] == 10


def test_rest_of_a_large_request_is_dropped_when_its_client_disconnects(patient: Server) -> None:
    disconnect(patient, {"texts": ["sleep 0.2"] * 100}, when=lambda: sleeps(patient) == 3)
    assert patient.tag({"text": "a"}).status == 200
    started = sleeps(patient)
    assert started < 20
    assert patient.words() == 2 * started + 1
    assert patient.metrics()["coner_dropped_sentences_total", "stub"] == 100 - started


def test_failure_affects_one_request_only() -> None:
    with run_stub(batching={"wait": 0.3}) as server, ThreadPoolExecutor(3) as clients:
        replies = list(clients.map(lambda text: server.tag({"text": text}), ["in Rome", "fail", "to Bern"]))
        assert [reply.status for reply in replies] == [200, 500, 200]
        assert replies[1].code == "model_failed"
        assert server.tag({"text": "in Oslo"}).status == 200
        assert server.stop() == 0
        assert "RuntimeError: stub failure" in "".join(server.log)


def test_missing_answer_of_an_endpoint_is_a_bad_gateway() -> None:
    with run_stub(batching={"wait": 0.3}) as server, ThreadPoolExecutor(2) as clients:
        replies = list(clients.map(lambda text: server.tag({"text": text}), ["in Rome", "silence"]))
        assert [reply.status for reply in replies] == [200, 502]
        assert replies[1].code == "no_answer"
        assert server.stop() == 0
        log = "".join(server.log)
        assert "stub silence" in log
        assert "Traceback" not in log


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_loses_no_request(workers: int, number: int) -> None:
    with run_stub(workers=workers, batching={"words": 1}) as server, ThreadPoolExecutor(8) as clients:
        replies = [clients.submit(server.tag, {"texts": ["sleep 0.3", f"in Rome {i}"]}) for i in range(8)]
        server.until(lambda: sleeps(server) > 0)
        time.sleep(0.5)  # all are accepted, few are answered
        assert server.stop(number) == 0
        for i, reply in enumerate(replies):
            assert reply.result().status == 200
            assert reply.result().json["results"][1]["words"] == ["in", "Rome", str(i)]
        with pytest.raises(ConnectionRefusedError):
            server.tag({"text": "a"})
        assert "Traceback" not in "".join(server.log)


def test_several_models_stop_in_the_time_of_one() -> None:
    names = ["one", "two", "three"]
    with run_stub(models=names, limits={"seconds": 2.0}) as server, ThreadPoolExecutor(3) as clients:
        replies = [clients.submit(server.tag, {"text": "sleep 30", "model": name}) for name in names]
        assert [reply.result().status for reply in replies] == [504] * 3
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 5.5


def test_signal_under_load_answers_every_accepted_request() -> None:
    """Clients keep sending; each request gets an answer, or its connection is refused.

    Connections in the backlog of the system when the service closes its socket were not accepted, and are reset.
    """
    answered, refused = [], []

    def keep_asking(server: Server) -> None:
        while True:
            try:
                answered.append(server.tag({"text": "sleep 0.005 Rome"}).status)
            except (ConnectionRefusedError, ConnectionResetError):
                refused.append(1)
                return

    with run_stub() as server, ThreadPoolExecutor(8) as clients:
        runs = [clients.submit(keep_asking, server) for _ in range(8)]
        server.until(lambda: len(answered) > 20)
        assert server.stop() == 0
        for run in runs:
            run.result()  # raises if an answer was cut short
    assert len(refused) == 8
    assert set(answered) == {200}


def test_each_worker_has_its_own_metrics() -> None:
    with run_stub(workers=2) as server:
        workers = set()

        def both() -> bool:
            text = server.get("/metrics").text
            workers.update(
                line.partition('worker="')[2].partition('"')[0] for line in text.splitlines() if "worker" in line
            )
            return len(workers) == 2

        server.until(both, 60)
        assert str(server.process.pid) not in workers
        assert server.stop() == 0


def test_alive_but_not_ready_while_a_model_loads() -> None:
    with run_server(str(STUB), json.dumps({"models": ["stub", "late"]})) as server:
        assert server.get("/health").status == 200
        ready = server.get("/ready")
        assert (ready.status, ready.code) == (503, "not_ready")
        late = server.tag({"text": "a", "model": "late"})
        assert (late.status, late.code, late.headers["retry-after"]) == (503, "not_ready", "1")
        server.ready()
        assert server.tag({"text": "a", "model": "late"}).status == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_service_exits_if_a_model_cannot_be_opened(workers: int) -> None:
    command = [sys.executable, str(STUB), json.dumps({"models": ["broken"], "workers": workers})]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "broken: is broken" in done.stderr
    assert "refused: " in done.stderr
    assert "Traceback" not in done.stderr


def test_token_is_required_and_never_logged() -> None:
    secret = "correct-horse"
    with run_stub(token="CONER_TEST_TOKEN", access_log=True, environment={"CONER_TEST_TOKEN": secret}) as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": secret}, {"Authorization": "Bearer "}):
            reply = server.tag({"text": "a"}, headers=headers)
            assert (reply.status, reply.code, reply.headers["www-authenticate"]) == (401, "unauthorised", "Bearer")
        right = {"Authorization": f"Bearer {secret}"}
        assert server.tag({"text": "in Rome"}, headers=right).status == 200
        closed = ("/labels", "/models", "/metrics", "/openapi.json")
        for path, status in (*((path, 401) for path in closed), ("/", 200), ("/health", 200)):
            assert server.get(path).status == status
            assert server.get(path, headers=right).status == 200
        assert "security" in server.get("/openapi.json", headers=right).json["paths"]["/tag"]["post"]
        assert server.stop() == 0
        assert "POST /tag" in "".join(server.log)
        assert secret not in "".join(server.log)


def test_open_address_without_token_is_warned_about() -> None:
    with run_server(str(STUB), json.dumps({"host": "0.0.0.0"})) as server:
        server.wait_for("warning: anyone who can reach 0.0.0.0 can use")
    with run_stub() as server:
        assert "warning" not in "".join(server.log)
