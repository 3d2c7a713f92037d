"""An endpoint that means harm: bodies without end, bombs, redirects, false counts of tokens, endless waits."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
import zlib
from typing import Any

import pytest

from coner.families.llm.endpoint.bounded import BODY_BASE, body_bound
from coner.families.llm.endpoint.messages import Completion
from coner.families.usage import Failure, Spending
from helpers import ROOT
from helpers.fake_endpoint import FakeResponse, Request, echo, fails, first, last, says, serving
from helpers.llm_client import client, kinds, prompt

ASK = """
import resource, sys
from helpers.llm_client import client, prompt
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
list(client(sys.argv[1], max_retries=0)([prompt("warm up")]))
for name in sys.argv[2:]:
    before = peak()
    [answer] = client(sys.argv[1], max_retries=0)([prompt(name)])
    print(name, peak() - before, ascii(answer.reason), sep="|")
"""


def bomb(size: int) -> bytes:
    """Zeros, compressed a thousandfold."""
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(size >> 20)), packer.flush()])


GZIP = {"Content-Encoding": "gzip"}
FLOODS = {
    "endless": FakeResponse(body="x" * 65536, endless=True),
    "endless blanks before an answer": FakeResponse(body=" " * 65536, endless=True),
    "endless error": FakeResponse(status=400, body="x" * 65536, endless=True),
    "endless page of an unknown path": FakeResponse(status=404, body="x" * 65536, endless=True),
    "gzip bomb": FakeResponse(body=bomb(1 << 30), headers=GZIP),
    "gzip bomb in an error": FakeResponse(status=500, body=bomb(1 << 30), headers=GZIP),
    "endless gzip": FakeResponse(body=bomb(2 << 20), headers=GZIP, endless=True),
    "bomb in a bomb": FakeResponse(body=gzip.compress(bomb(1 << 28)), headers={"Content-Encoding": "gzip, gzip"}),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units")
def test_a_body_of_any_size_takes_little_memory() -> None:
    with serving(lambda request, _: FLOODS.get(last(request)) or echo(request, 0), models=None) as server:
        arguments = [sys.executable, "-c", ASK, server.url, *FLOODS]
        done = subprocess.run(arguments, cwd=ROOT / "tests", capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert server.sent < (20 << 20) * len(FLOODS)
    for line in done.stdout.splitlines():
        _, megabytes, reason = line.split("|", 2)
        assert int(megabytes) < 20, line
        assert any(text in reason for text in ("has more than 1,05", "the encoding 'gzip, gzip'")), line
    assert done.stdout.count("\n") == len(FLOODS)


def test_the_bound_grows_with_the_tokens_asked_for_up_to_an_absolute_one() -> None:
    assert BODY_BASE < body_bound(100) < body_bound(10_000) < body_bound(10**9) == body_bound(10**12) == 16 << 20
    with serving(lambda *_: says("x" * (BODY_BASE + 100_000))) as server:
        few, many = client(server.url, max_retries=0)([prompt("a", max_tokens=5), prompt("b", max_tokens=5000)])
    assert isinstance(few, Failure) and "more than 1,049,856 bytes" in few.reason
    assert isinstance(many, Completion)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_compressed_answers_are_read(encoding: str) -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        answer = echo(request, 0)
        packed = gzip.compress(json.dumps(answer.body).encode())
        return FakeResponse(body=packed, headers={"Content-Encoding": encoding})

    with serving(rule) as server:
        assert kinds(list(client(server.url)([prompt("ä" * 70_000)]))) == ["ä" * 70_000]


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"no gzip", GZIP, "not valid gzip"),
        (gzip.compress(b"{}")[:-9], GZIP, "cut off"),
        (b"x", {"Content-Encoding": "br"}, "the encoding 'br'; expected gzip or none"),
    ],
    ids=["no gzip", "cut gzip", "brotli"],  # the bytes as a name would hold the time of compression
)
def test_a_body_that_cannot_be_decompressed_is_retried(body: bytes, headers: dict[str, str], why: str) -> None:
    act = FakeResponse(body=body, headers=headers)
    with serving(first(act)) as server:
        assert kinds(list(client(server.url)([prompt("a")]))) == ["a"]
    with serving(lambda *_: act) as server:
        [answer] = client(server.url, max_retries=0)([prompt("a")])
    assert isinstance(answer, Failure)
    assert why in answer.reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["port", "host", "scheme"])
def test_no_redirect_to_another_server_is_followed(status: int, place: str) -> None:
    with serving() as other:
        port = other.server_port
        url = {
            "port": f"http://127.0.0.1:{port}",
            "host": f"http://localhost:{port}",
            "scheme": f"https://127.0.0.1:{port}",
        }
        act = FakeResponse(status=status, headers={"Location": f"{url[place]}/v1/chat/completions?key=secret"})
        with serving(lambda *_: act) as server:
            answers = list(client(server.url, concurrency=1)([prompt("a"), prompt("b")]))
            assert len(server.requests) == 1
        assert not other.requests
    assert kinds(answers) == ["refused"] * 2
    assert isinstance(answers[0], Failure)
    assert f"redirects to another server: {url[place]}/v1" in answers[0].reason
    assert "secret" not in answers[0].reason


def test_a_redirect_on_the_same_server_is_followed_a_few_times() -> None:
    def rule(request: Request, turn: int) -> FakeResponse:
        if last(request) == "loop" or turn == 0:
            return FakeResponse(status=307, headers={"Location": "/v2/chat/completions"})
        return echo(request, turn)

    with serving(rule) as server:
        answers = list(client(server.url, concurrency=1)([prompt("a"), prompt("loop")]))
    assert kinds(answers) == ["a", "refused"]
    assert server.turns == {"a": 2, "loop": 6}


@pytest.mark.parametrize("usage", [(0, 0), (1, 1), (10**6, 10**6), (-1, 0), (True, True), (0.5, 0.5), ("9", "9"), None])
def test_false_counts_do_not_fool_the_budget(usage: Any) -> None:
    """A call has about 340 tokens of prompt and 340 of answer, at most 400: four to five of them fit."""
    text = "word " * 200
    with serving(lambda *_: says(text, usage=usage)) as server:
        complete = client(server.url, spending=Spending(tokens=3600), concurrency=1)
        answers = list(complete(prompt(f"{text}{i}", max_tokens=400) for i in range(12)))
    answered = sum(isinstance(answer, Completion) for answer in answers)
    assert 4 <= answered <= 5
    assert 600 * answered < complete.totals.prompt_tokens + complete.totals.completion_tokens <= 800 * answered


def test_true_counts_are_kept_where_they_differ_from_the_estimate() -> None:
    """A prompt of few words in a long template, a schema that the server counts, reasoning that is not shown."""
    body: dict[str, Any] = says("x", usage=(900, 300)).body
    body["choices"][0]["message"]["reasoning_content"] = "hm " * 300
    with serving(lambda *_: FakeResponse(body=body)) as server:
        [answer] = client(server.url)([prompt("a", max_tokens=50)])
    assert isinstance(answer, Completion)
    assert (answer.prompt_tokens, answer.completion_tokens) == (900, 300)


def test_an_endpoint_that_is_given_up_ends_the_waits_of_all_calls(capsys: pytest.CaptureFixture[str]) -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        if last(request) == "late":
            return fails(429, headers={"Retry-After": "9999"}, after=0.5)
        return fails(429, headers={"Retry-After": "100"})

    with serving(rule) as server:
        began = time.monotonic()
        answers = list(client(server.url, concurrency=4)([*map(prompt, "abc"), prompt("late"), *map(prompt, "def")]))
        assert time.monotonic() - began < 10
    assert kinds(answers) == ["exhausted"] * 7
    assert isinstance(answers[0], Failure)
    assert "a wait of 9999 s; at most 120 s are waited" in answers[0].reason
    assert capsys.readouterr().err.count("it asks for a wait of 100 s; waiting") == 1
