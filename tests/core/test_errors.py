"""Errors: long messages, and optional libraries that are not installed."""

import importlib
import sys

import pytest

from coner.core.errors import MAX_LENGTH, ConfigError, MissingExtra, quoted, requires_extra


def test_missing_library_names_the_extra_that_installs_it() -> None:
    with (
        pytest.raises(MissingExtra, match=r"^a picture needs .*: pip install 'coner\[plots\]'$") as caught,
        requires_extra("a picture", "plots"),
    ):
        importlib.import_module("not_installed_anywhere.part")
    assert caught.value.__suppress_context__


def test_blocked_library_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra), requires_extra("a picture", "plots"):
        importlib.import_module("matplotlib")


@pytest.mark.parametrize("name", ["coner.core.not_there", "coner.not_there.errors"])
def test_missing_module_of_this_package_is_not_reported_as_a_missing_extra(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=name.removesuffix(".errors")), requires_extra("a picture", "plots"):
        importlib.import_module(name)


def test_broken_library_is_not_reported_as_missing() -> None:
    with pytest.raises(ImportError, match="wrong version"), requires_extra("a picture", "plots"):
        raise ImportError("wrong version", name="matplotlib")


def test_a_very_long_message_keeps_its_start_and_its_fix() -> None:
    error = ConfigError(f"crf.features: got {'x' * 100_000}; expected one of: a, b. Fix: name one")
    assert str(error).startswith("crf.features: got xxx")
    assert str(error).endswith("Fix: name one")
    assert len(str(error)) <= MAX_LENGTH
    assert str(ConfigError("short")) == "short"


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    assert str(ConfigError("got array([[0, 0],\n       [0, 0]]); expected words")) == (
        "got array([[0, 0], [0, 0]]); expected words"
    )
    assert str(ConfigError("got 'a  b'")) == "got 'a  b'"


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def test_any_value_is_quoted_shortly() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert quoted(deep).startswith("[[[")
    assert "Silent" in quoted([Silent()])
    assert quoted("x" * 70) == repr("x" * 70)
    assert all(len(quoted(value)) <= 80 for value in (deep, "x" * 10**6, 10**4000, [["x" * 100] * 9] * 9))
