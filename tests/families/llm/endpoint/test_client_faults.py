"""A misbehaving endpoint: what is retried, what is not, and the messages."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from coner.families.llm.endpoint.ledger import Ledger
from coner.families.llm.endpoint.messages import Completion
from coner.families.usage import Failure, Spending
from helpers.fake_endpoint import FakeResponse, Request, echo, fails, first, last, says, serving
from helpers.llm_client import SCHEMA, client, kinds, prompt


def only(answers: list[Completion | Failure]) -> Failure:
    (failure,) = answers
    assert isinstance(failure, Failure)
    assert "\n" not in failure.reason
    return failure


TRANSIENT = {
    "429": fails(429),
    "500": fails(500),
    "502, in HTML": FakeResponse(status=502, body="<html>bad gateway</html>"),
    "503": fails(503, "Loading model"),
    "504": fails(504),
    "529, of one that is overloaded": fails(529, "overloaded"),
    "cut connection": FakeResponse(cut=-1),
    "cut body": says("a long enough answer", cut=20),
    "cut JSON": FakeResponse(body='{"choices": [{"message": {"content": "half'),
    "empty body": FakeResponse(),
    "no JSON": FakeResponse(body="<html>hello</html>"),
    "JSON of another kind": FakeResponse(body=[1, 2]),
    "no choices": FakeResponse(body={"choices": []}),
    "an error as a success": FakeResponse(body={"error": {"message": "upstream failed"}}),
    "content of another kind": FakeResponse(body={"choices": [{"message": {"content": 5}}]}),
    "too deep": FakeResponse(body="[" * 100_000),
}


@pytest.mark.parametrize("act", TRANSIENT.values(), ids=TRANSIENT)
def test_transient_faults_are_retried(act: FakeResponse) -> None:
    with serving(first(act, act)) as server:
        complete = client(server.url)
        assert kinds(list(complete([prompt("a"), prompt("b")]))) == ["a", "b"]
    assert server.turns == {"a": 3, "b": 3}
    assert (complete.totals.calls, complete.totals.retries, complete.totals.failed) == (6, 4, 0)


@pytest.mark.parametrize("act", TRANSIENT.values(), ids=TRANSIENT)
def test_a_prompt_fails_after_all_retries(act: FakeResponse) -> None:
    with serving(lambda *_: act) as server:
        failure = only(list(client(server.url, max_retries=2)([prompt("a")])))
    assert failure.kind == "exhausted"
    assert "tried 3 times" in failure.reason
    assert server.turns == {"a": 3}


def test_an_answer_lost_by_a_gateway_counts_with_its_maximum_cost() -> None:
    for status, calls in ((504, 2), (503, 10)):
        with serving(lambda *_, status=status: fails(status)) as server:  # type: ignore[misc]
            complete = client(server.url, spending=Spending(tokens=250), max_retries=9)
            (failure,) = complete([prompt("a", max_tokens=100)])
        assert (len(server.requests), kinds([failure])) == (calls, ["budget" if status == 504 else "exhausted"])


PERMANENT = {
    400: "larger context",
    401: "key_env",
    403: "key may not",
    404: "it lists: small, tiny",
    422: "status 422: no",
    501: "status 501: no",
}


@pytest.mark.parametrize(("status", "advice"), PERMANENT.items())
def test_permanent_faults_are_reported_after_one_call(status: int, advice: str) -> None:
    with serving(lambda *_: fails(status), models=("small", "tiny")) as server:
        failure = only(list(client(server.url)([prompt("a")])))
    assert failure.kind == "refused"
    assert failure.reason.startswith(f"{server.url}, model 'tiny': status {status}: no")
    assert advice in failure.reason
    assert server.turns == {"a": 1}


def test_an_unknown_model_where_the_endpoint_lists_no_models() -> None:
    with serving(lambda *_: fails(404), models=None) as server:
        assert only(list(client(server.url)([prompt("a")]))).reason.endswith("(usually /v1)")
    with serving(lambda *_: fails(404), models=()) as server:
        assert only(list(client(server.url)([prompt("a")]))).reason.endswith("it lists no model")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_error_that_affects_all_prompts_is_found_by_one_call(status: int) -> None:
    with serving(lambda *_: fails(status)) as server:
        answers = list(client(server.url, concurrency=1)(prompt(str(i)) for i in range(50)))
    assert kinds(answers) == ["refused"] * 50
    assert len(server.requests) == 1


def test_a_rejected_prompt_does_not_affect_others() -> None:
    def rule(request: Request, turn: int) -> FakeResponse:
        return fails(400, "too long") if last(request) == "1" else echo(request, turn)

    with serving(rule) as server:
        assert kinds(list(client(server.url)(prompt(str(i)) for i in range(4)))) == ["0", "refused", "2", "3"]
    assert len(server.requests) == 4


def test_an_exhausted_quota_is_not_retried() -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    with serving(lambda *_: FakeResponse(status=429, body=body)) as server:
        answers = list(client(server.url, concurrency=1)(prompt(str(i)) for i in range(5)))
    assert kinds(answers) == ["refused"] * 5
    assert len(server.requests) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(form: str) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with serving(first(fails(429, headers={"Retry-After": "1" if form == "seconds" else soon}))) as server:
        began = time.monotonic()
        assert kinds(list(client(server.url)([prompt("a")]))) == ["a"]
        assert 0.9 <= time.monotonic() - began < 10
    assert server.turns == {"a": 2}


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan"])
def test_a_malformed_retry_after_is_ignored(value: str) -> None:
    with serving(first(fails(429, headers={"Retry-After": value}))) as server:
        assert kinds(list(client(server.url)([prompt("a")]))) == ["a"]


@pytest.mark.parametrize("value", ["86400", "inf"])
def test_an_endpoint_with_a_retry_after_of_a_day_is_given_up(value: str) -> None:
    with serving(lambda *_: fails(429, headers={"Retry-After": value})) as server:
        answers = list(client(server.url, concurrency=1)([prompt("a"), prompt("b")]))
    assert kinds(answers) == ["exhausted"] * 2
    assert "it asks for a wait of" in only(answers[:1]).reason
    assert len(server.requests) == 1


@pytest.mark.parametrize("act", [says("late", after=30.0), says("drop by drop", drip=0.2)], ids=["slow", "dripping"])
def test_a_slow_call_times_out_and_is_retried(act: FakeResponse) -> None:
    with serving(first(act)) as server:
        began = time.monotonic()
        assert kinds(list(client(server.url, timeout=0.5)([prompt("a")]))) == ["a"]
        assert time.monotonic() - began < 8
    assert server.turns == {"a": 2}


def test_a_timeout_is_reported() -> None:
    with serving(lambda *_: says("late", after=1.0)) as server:
        failure = only(list(client(server.url, timeout=0.2, max_retries=0)([prompt("a")])))
    assert "no answer within 0.2 s" in failure.reason


def test_an_endpoint_that_always_fails_is_given_up() -> None:
    with serving(lambda *_: fails(500)) as server:
        answers = list(client(server.url, max_retries=0, concurrency=2)(prompt(str(i)) for i in range(60)))
    assert kinds(answers) == ["exhausted"] * 60
    assert 10 <= len(server.requests) <= 12
    assert "10 prompts in a row" in only(answers[-1:]).reason


@pytest.mark.slow
def test_an_endpoint_that_does_not_run_is_given_up_within_20_seconds() -> None:
    with socket.socket() as held:  # bound and not listening: refused
        held.bind(("127.0.0.1", 0))
        complete = client(f"http://127.0.0.1:{held.getsockname()[1]}/v1", max_retries=1)
        began = time.monotonic()
        answers = list(complete(prompt(str(i)) for i in range(500)))
        assert time.monotonic() - began < 20
    assert kinds(answers) == ["unreachable"] * 500
    assert "start the endpoint, or correct base_url" in only(answers[:1]).reason
    assert complete.totals.calls < 100


def test_the_client_waits_for_an_endpoint_that_starts_late() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    complete = client(f"http://127.0.0.1:{port}/v1", max_retries=0)
    answers = complete([prompt("a")])

    def open_late() -> None:
        time.sleep(1.0)
        with serving(port=port):
            done.wait(15)

    done = threading.Event()
    thread = threading.Thread(target=open_late)
    thread.start()
    try:
        assert kinds(list(answers)) == ["a"]
        assert complete.totals.retries > 0
    finally:
        done.set()
        thread.join()


def test_answers_are_not_changed() -> None:
    texts = ["", "wie bitte? 你好 \U0001f600", "Say it again.\nx", '{"entities": ["half', " \n"]

    def rule(request: Request, _: int) -> FakeResponse:
        return says(texts[int(last(request))])

    with serving(rule) as server:
        assert kinds(list(client(server.url)(prompt(str(i)) for i in range(5)))) == texts
    assert len(server.requests) == 5


def test_unusual_responses_are_read(tmp_path: Path) -> None:
    acts = [
        says(None, finish="length"),
        says("x", usage=None),
        says("a \ud83d b", usage=("many", -1)),
        FakeResponse(body='{"choices": [{"message": {"content": "x"}, "finish_reason": null}], "usage": null}'),
        says("x", usage=(10**30, 2**53), finish="\ud800"),
        fails(400, "no \ud800"),
    ]
    with serving(lambda request, _: acts[int(last(request))]) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        answers = client(server.url, ledger=ledger)(prompt(str(i)) for i in range(6))
        null, uncounted, half, unfinished, huge, rejected = answers
    assert isinstance(null, Completion) and isinstance(uncounted, Completion)
    assert (null.text, null.finish, null.prompt_tokens, null.completion_tokens) == ("", "length", 7, 3)
    assert uncounted.prompt_tokens > 0 < uncounted.completion_tokens
    assert isinstance(half, Completion) and half.text == "a � b" and half.prompt_tokens > 0
    assert isinstance(unfinished, Completion) and unfinished.finish == "stop"
    assert isinstance(huge, Completion) and huge.finish == "�"
    assert 0 < huge.prompt_tokens < 1000 > huge.completion_tokens > 0
    assert isinstance(rejected, Failure) and "no �" in rejected.reason


def test_only_the_prompt_with_a_lone_surrogate_is_refused() -> None:
    with serving() as server:
        assert kinds(list(client(server.url)([prompt("\ud83d"), prompt("b")]))) == ["refused", "b"]


# How endpoints reject unknown fields: llama.cpp, FastAPI around llama-cpp-python, vLLM, OpenAI.
OBJECT_ONLY = FakeResponse(
    status=422, body={"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be"}]}
)
NO_FORMAT = fails(400, "response_format is not supported by this model")


def test_structured_output_falls_back_once_for_all_prompts() -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        kind = request.get("response_format", {}).get("type")
        return {"json_schema": OBJECT_ONLY, "json_object": NO_FORMAT}.get(kind) or says("fine")

    with serving(rule) as server:
        complete = client(server.url, concurrency=1)
        assert complete.capabilities.structured == "json_schema"
        assert kinds(list(complete(prompt(str(i), schema=SCHEMA) for i in range(5)))) == ["fine"] * 5
    assert complete.capabilities.structured == "plain"
    assert server.turns == {"0": 3, "1": 1, "2": 1, "3": 1, "4": 1}
    assert [request.get("response_format") for request in server.requests[:4]] == [
        {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}},
        {"type": "json_object", "schema": SCHEMA},
        None,
        None,
    ]


def test_structured_output_falls_back_no_further_than_needed() -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        return OBJECT_ONLY if request["response_format"]["type"] == "json_schema" else says("{}")

    with serving(rule) as server:
        complete = client(server.url)
        list(complete(prompt(str(i), schema=SCHEMA) for i in range(20)))
        assert complete.capabilities.structured == "json_object"
        assert len(server.requests) <= 20 + 4  # those that were in flight when the first was rejected


def test_a_rejection_despite_all_fallbacks_does_not_affect_others() -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        return fails(400, "bad grammar in this prompt") if last(request) == "0" else says("{}")

    with serving(rule) as server:
        complete = client(server.url, concurrency=1)
        assert kinds(list(complete(prompt(str(i), schema=SCHEMA) for i in range(3)))) == ["refused", "{}", "{}"]
    assert complete.capabilities.structured == "json_schema"
    assert server.turns == {"0": 3, "1": 1, "2": 1}


def test_a_prompt_without_a_schema_has_no_response_format() -> None:
    with serving() as server:
        list(client(server.url)([prompt("a")]))
    assert "response_format" not in server.requests[0]


def test_reasoning_models_get_other_fields() -> None:
    def rule(request: Request, _: int) -> FakeResponse:
        if "max_tokens" in request:
            return fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in request:
            return fails(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        return says("thought")

    with serving(rule) as server:
        assert kinds(list(client(server.url, concurrency=1)(prompt(str(i)) for i in range(3)))) == ["thought"] * 3
    assert server.turns == {"0": 3, "1": 1, "2": 1}
    assert server.requests[-1]["max_completion_tokens"] == 10
