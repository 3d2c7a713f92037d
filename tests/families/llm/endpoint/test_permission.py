"""Sentences and keys go only where the user allowed it, whatever a model folder names."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import coner as library
from coner.config.user import allowed_endpoints, remember_endpoint, user_config
from coner.core.errors import ConfigError
from coner.families.llm.endpoint.permission import covers, require_permission
from coner.families.llm.endpoint.settings import Endpoint
from coner.families.usage import Spending
from helpers import ROOT, SAMPLE
from helpers.fake_endpoint import Request, says, serving
from helpers.shell import Completed

HOSTED = "https://api.example/v1"
FIXTURES = ROOT / "tests/fixtures/format-1"
KEY = "sk-very-secret-4711"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def endpoint(url: str = HOSTED, **values: Any) -> Endpoint:
    return Endpoint(base_url=url, model="tiny", **values)


def model(folder: Path, url: str, kind: str = "llm", **values: Any) -> Path:
    """A model of someone else that calls this address."""
    shutil.copytree(FIXTURES / kind, folder)
    inner = folder if kind == "llm" else folder / "members/2"
    manifest = json.loads((inner / "model.json").read_text())
    manifest["settings"]["llm"] |= {"base_url": url, **values}
    (inner / "model.json").write_text(json.dumps(manifest))
    if inner != folder:
        outer = json.loads((folder / "model.json").read_text())
        from coner.core.files import sha256

        path = inner / "model.json"
        outer["files"]["members/2/model.json"] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        (folder / "model.json").write_text(json.dumps(outer))
    return folder


@pytest.mark.parametrize(
    ("allowed", "address", "expected"),
    [
        ("https://api.example/v1", HOSTED, True),
        ("https://API.example:443/v1/", HOSTED, True),
        ("https://api.example", HOSTED, True),
        ("https://api.example/", HOSTED, True),
        ("https://api.example/v", HOSTED, False),
        ("https://api.example/v1/x", HOSTED, False),
        ("http://api.example/v1", HOSTED, False),
        ("https://api.example:8443/v1", HOSTED, False),
        ("https://example/v1", HOSTED, False),
        ("https://api.example.evil/v1", HOSTED, False),
        ("https://api.example", "https://api.example.evil/v1", False),
        ("https://api.example/v1", "https://api.example/v1/../x", False),
    ],
)
def test_an_allowed_address_is_that_one_or_the_whole_server(allowed: str, address: str, expected: bool) -> None:
    assert covers(allowed, address) is expected


@pytest.mark.parametrize("allowed", ["", "api.example", "ftp://x", "https://", "http://x:port", "https://[x"])
def test_another_form_of_address_is_one_line(allowed: str) -> None:
    with pytest.raises(ConfigError, match=r"\A--allow-endpoint, allow_endpoints: got [^\n]*\Z"):
        covers(allowed, HOSTED)


@pytest.mark.parametrize("url", [HOSTED, "http://10.0.0.7/v1", "http://vllm:8000/v1", "http://127.1/v1"])
def test_an_endpoint_elsewhere_needs_permission_with_and_without_a_key(url: str) -> None:
    for values in ({}, {"key_env": "MY_API_KEY"}):
        with pytest.raises(ConfigError, match=r"your sentences.*that you allowed\. Fix: .*--allow-"):
            require_permission(endpoint(url, **values))
        require_permission(endpoint(url, **values), [url])


def test_an_endpoint_on_this_machine_needs_permission_for_a_key_only() -> None:
    for url in ("http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:8080/v1"):
        require_permission(endpoint(url))
        with pytest.raises(ConfigError, match="and the key in MY_API_KEY"):
            require_permission(endpoint(url, key_env="MY_API_KEY"))


@pytest.mark.parametrize(
    "name", ["HOME", "AWS_SECRET_ACCESS_KEY", "API_KEY_OLD", "A-B_API_KEY", "X_API_KEY\n", "é_API_KEY"]
)
def test_only_variables_of_keys_can_be_named(name: str) -> None:
    with pytest.raises(ValidationError, match="key_env: got"):
        endpoint(key_env=name)


def test_the_users_config_allows_and_remembers(home: Path) -> None:
    assert user_config() == home / "coner/config.toml"
    assert allowed_endpoints() == ()
    remember_endpoint(HOSTED)
    require_permission(endpoint())
    with user_config().open("a") as handle:
        handle.write("# mine\n")
    remember_endpoint("https://other.example/v1")
    remember_endpoint(HOSTED)
    assert allowed_endpoints() == (HOSTED, "https://other.example/v1")
    assert "# mine" in user_config().read_text()


@pytest.mark.parametrize(
    "text", ["allow_endpoints = 1", "allow_endpoints = [1]", "allow = []", "[[", "\0", "a = " + "[" * 9999]
)
def test_a_faulty_config_of_the_user_allows_nothing(home: Path, text: str) -> None:
    (home / "coner").mkdir(parents=True)
    user_config().write_text(text)
    with pytest.raises(ConfigError, match=r"\A[^\n]*config\.toml[^\n]*\Z"):
        require_permission(endpoint())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "allowed", "kept"), [("y", True, False), ("always", True, True), ("", False, False)]
)
def test_on_a_terminal_the_user_is_asked(
    answer: str, allowed: bool, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr("sys.stderr", Terminal())
    if allowed:
        require_permission(endpoint())
    else:
        with pytest.raises(ConfigError):
            require_permission(endpoint())
    assert allowed_endpoints() == ((HOSTED,) if kept else ())


@pytest.mark.parametrize("kind", ["llm", "hybrid"])
def test_an_untrusted_model_gets_nothing_without_permission(
    kind: str, coner: Callable[..., Completed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", KEY)
    asked: list[Request] = []

    def answer(request: Request, turn: int) -> Any:
        asked.append(request)
        return says("{}")

    with serving(answer) as server:
        folder = model(tmp_path / "model", server.url, kind, key_env="MY_API_KEY")
        text = tmp_path / "in.txt"
        text.write_text("prince sang in oslo\n")
        gold = SAMPLE / "dev.conll"
        for command in (
            ("tag", folder, text),
            ("evaluate", gold, folder),
            ("distil", folder, text, "-o", tmp_path / "x"),
        ):
            done = coner(*command)
            assert (done.code, done.err.count("\n")) == (2, 1), done.err
            assert f"--allow-endpoint {server.url}" in done.err
        with pytest.raises(ConfigError):
            library.load(folder).check_endpoint()
        assert asked == [] and server.headers == []
        done = coner("tag", folder, text, "--allow-endpoint", server.url)
        assert done.code in (0, 3), done.err
        tagger = library.load(folder)
        tagger.limit(Spending(endpoints=(server.url,)))
        tagger.check_endpoint()
