"""The address of an endpoint, and its key, which appears in no file, log or message."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from coner.core.errors import ConfigError
from coner.families.llm.endpoint.ledger import Ledger
from coner.families.llm.endpoint.messages import Completion
from coner.families.llm.endpoint.settings import NO_KEY, Endpoint, read_api_key
from coner.families.usage import Failure
from helpers.fake_endpoint import FakeResponse, Request, fails, says, serving
from helpers.llm_client import client, prompt

KEY = "sk-proj-0123456789abcdefSECRET"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


HOSTED = "https://api.example.com/v1"
LOCAL = [
    "http://localhost:1/v1",
    "http://127.0.0.1/v1",
    "http://[::1]:80/v1",
    "http://10.0.0.7/v1",
    "http://vllm:8000/v1",
]


def endpoint(url: str, **values: Any) -> Endpoint:
    return Endpoint(base_url=url, model="tiny", **values)


@pytest.mark.parametrize("url", LOCAL)
def test_local_endpoints_need_no_key_and_do_not_get_the_default_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_api_key(endpoint(url)) == NO_KEY
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert read_api_key(endpoint(url)) == NO_KEY
    monkeypatch.setenv("MINE_API_KEY", "own")
    assert read_api_key(endpoint(url, key_env="MINE_API_KEY")) == "own"


def test_hosted_endpoints_need_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=rf"OPENAI_API_KEY is not set, and {HOSTED} needs a key"):
        read_api_key(endpoint(HOSTED))
    with pytest.raises(ConfigError, match="MINE_API_KEY is not set"):
        client(HOSTED, key_env="MINE_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\n")
    assert read_api_key(endpoint(HOSTED)) == KEY


@pytest.mark.parametrize("value", ["sk-ü", "a b", "a\nb"])
def test_a_malformed_key_is_not_repeated(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", value)
    with pytest.raises(ConfigError, match="the value of MINE_API_KEY is not a key") as caught:
        read_api_key(endpoint(HOSTED, key_env="MINE_API_KEY"))
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "url", [f"https://me:{KEY}@x.example/v1", f"https://x.example/v1?key={KEY}", "http://x:port/v1"]
)
def test_an_address_with_credentials_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        endpoint(url)
    assert KEY not in caught.value.errors()[0]["ctx"]["error"].args[0]


@pytest.mark.parametrize("url", ["localhost:8080/v1", "ftp://x/v1", "", "http://"])
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"base_url: got .*; expected an address"):
        endpoint(url)


@pytest.mark.parametrize("url", ["http://ü..x.de/v1", "http://a..b/v1", f"http://{'a' * 64}.de/v1"])
def test_an_invalid_host_name_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="base_url: got an invalid address"):
        endpoint(url)


@pytest.mark.parametrize("url", ["http://bücher.example/v1", "http://x.example/v1\x00"])
def test_an_address_must_be_ascii(url: str) -> None:
    with pytest.raises(ValidationError, match=r"an address that is not ASCII\. Fix: write other letters as xn--"):
        endpoint(url)


def test_a_trailing_slash_is_removed() -> None:
    assert endpoint("http://x.example/v1/").base_url == "http://x.example/v1"


def leaking(request: Request, turn: int) -> FakeResponse:
    """Repeats the key, whole and at the end of a truncated line, in every field that a client may print."""
    long = "x" * 285 + KEY
    return {
        "text": says(f"the key is {KEY}", finish=KEY),
        "401": fails(401, f"wrong key {KEY}"),
        "404": fails(404, f"no such model for {KEY}"),
        "400": FakeResponse(status=400, body=json.dumps({"detail": long})),
        "500": FakeResponse(status=500, body=long),
        "odd": FakeResponse(body={"echo": {"Authorization": f"Bearer {KEY}"}}),
    }[str(request["messages"][-1]["content"])]


@pytest.mark.parametrize("what", ["text", "401", "404", "400", "500", "odd"])
def test_the_key_never_leaves_the_client(
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in [*logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("MINE_API_KEY", KEY)
    with serving(leaking, models=("tiny", KEY)) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        complete = client(server.url, key_env="MINE_API_KEY", ledger=ledger, max_retries=1)
        (answer,) = complete([prompt(what)])
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert isinstance(answer, Completion if what == "text" else Failure)
    shown = [
        repr(answer),
        repr(complete),
        str(complete),
        repr(complete.endpoint),
        complete.endpoint.model_dump_json(),
        repr(complete.totals),
    ]
    shown += [caplog.text, *capfd.readouterr(), files.decode("latin-1")]
    assert "(key)" in repr(answer) or what in {"400", "500"}
    for text in shown:
        assert KEY[:12] not in text


def test_the_key_is_in_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINE_API_KEY", KEY)
    with serving(leaking) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        ledger._database.execute("DROP TABLE answers")
        try:
            list(client(server.url, key_env="MINE_API_KEY", ledger=ledger)([prompt("text")]))
        except Exception as error:
            trace = traceback.TracebackException.from_exception(error, capture_locals=False)
            assert KEY not in "".join(trace.format())
        else:
            pytest.fail("the ledger has no table")


@pytest.mark.parametrize("key", ["x", "test", "ollama"])
def test_a_dummy_key_does_not_change_answers(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE_API_KEY", key)
    text = "texas has the latest ollama"
    with serving(lambda request, turn: says(text)) as server:
        (answer,) = client(server.url, key_env="MINE_API_KEY")([prompt("a")])
    assert isinstance(answer, Completion) and answer.text == text


def test_no_other_variable_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, KEY)
    with serving(lambda request, turn: says("x")) as server:
        list(client(server.url)([prompt("a")]))
    assert KEY not in repr(server.headers) and not [name for name in server.headers[0] if name.startswith("openai-")]
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Token: {KEY}")
    with pytest.raises(ConfigError, match=r"OPENAI_CUSTOM_HEADERS: is set.*Fix: unset it") as caught:
        client(server.url)
    assert KEY not in str(caught.value)
