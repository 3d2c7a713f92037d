"""Configs by path or by the name of a built-in one, and ``--set``."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.config.load import apply_overrides, builtin_configs, find_config, load_values
from coner.core.errors import ConfigError
from coner.families.registry import kinds
from coner.families.settings import parse_experiment


@pytest.mark.parametrize("name", builtin_configs())
def test_a_built_in_config_is_valid_and_named_after_itself(name: str) -> None:
    needed = ["llm.model=x"] if name == "llm" else []
    assert parse_experiment(load_values(name, needed)).name == name


@pytest.mark.parametrize("kind", kinds(configurable=True))
def test_each_kind_is_a_built_in_config_with_its_defaults_or_those_of_the_results(kind: str) -> None:
    fixed = {"crf": {"crf": {"algorithm": "sgd"}}}  # results/crf.json is of a version without auto
    assert load_values(kind) == {"kind": kind, "name": kind, **fixed.get(kind, {})}


def test_a_file_comes_before_a_built_in_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("paper") == builtin_configs()["paper"]
    Path("best").mkdir()  # such as a run; data are ./best
    assert find_config("best") == builtin_configs()["best"]
    assert find_config("./best") is None
    Path("paper").write_text("a O\n")
    assert find_config("paper") is None
    assert find_config("no.toml") == Path("no.toml")
    assert find_config("data/train.conll") is None


def test_an_unknown_config_is_an_error_that_lists_the_built_in_ones(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"papr: no such config; expected a TOML file, or one of the built-in: best, "
    ):
        load_values("papr")
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read"):
        load_values(tmp_path / "no.toml")


def test_overrides_leave_the_values_alone() -> None:
    values = {"head": {"dropout": 0.1}, "name": "a"}
    changed = apply_overrides(values, ["head.dropout=0.3", "train.groups.head.rate=1e-3", "encoder.name=minilm"])
    assert changed == {
        "head": {"dropout": 0.3},
        "name": "a",
        "train": {"groups": {"head": {"rate": 1e-3}}},
        "encoder": {"name": "minilm"},
    }
    assert values == {"head": {"dropout": 0.1}, "name": "a"}
    for text in ("epochs", "=4", "a..b=1"):
        with pytest.raises(ConfigError, match=r"--set .*expected key\.path=value"):
            apply_overrides({}, [text])
