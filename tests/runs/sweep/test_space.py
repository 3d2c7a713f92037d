"""The space of a search: read from TOML, and applied to settings."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from coner.config.load import load_values, override_paths
from coner.core.errors import ConfigError
from coner.families.settings import parse_experiment
from coner.runs.sweep.space import Choices, Range, load_space
from helpers import ROOT

SPACE = ROOT / "configs/space.toml"


def space_of(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "space.toml"
    path.write_text(text, encoding="utf-8")
    return load_space(path)


def test_tables_become_ranges_and_choices_by_their_key_path(tmp_path: Path) -> None:
    space = space_of(
        tmp_path,
        """
        [head.dropout]
        low = 0.0
        high = 0.5
        step = 0.1
        [train]
        epochs = { low = 2, high = 9 }
        groups.head.times = { low = 1.0, high = 100.0, log = true }
        [head.layers]
        choices = [[-1], [-1, -2]]
        """,
    )
    assert space.settings == {
        "head.dropout": Range(0.0, 0.5, 0.1),
        "train.epochs": Range(2, 9),
        "train.groups.head.times": Range(1.0, 100.0, log=True),
        "head.layers": Choices(([-1], [-1, -2])),
    }


def test_suggested_values_are_in_the_space_and_keep_their_type(tmp_path: Path) -> None:
    space = space_of(
        tmp_path,
        """
        a = { low = 2, high = 4 }
        b = { low = 0.001, high = 1000.0, log = true }
        c = { choices = [[-1], "all", true, 2] }
        d = { low = 0.0, high = 1.0, step = 0.25 }
        """,
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [space.suggest(study.ask()) for _ in range(200)]
    assert {values["a"] for values in drawn} == {2, 3, 4}
    assert all(type(values["a"]) is int for values in drawn)
    small = sum(values["b"] < 1 for values in drawn)  # on a logarithmic scale half of them are below 1
    assert 70 < small < 130
    assert [value for value in ([-1], "all", True, 2) if all(values["c"] != value for values in drawn)] == []
    assert {values["d"] for values in drawn} == {0.0, 0.25, 0.5, 0.75, 1.0}


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        (Range(1, 9), (1, 9)),
        (Range(0.0, 1.0, 0.3), (0.0, pytest.approx(0.9))),
        (Range(0.0, 0.5, 0.1), (0.0, pytest.approx(0.5))),
        (Range(1.0, 2.0), (1.0, 2.0, pytest.approx(1.618))),
        (Choices(("a", "b")), ("a", "b")),
    ],
)
def test_ends_are_values_that_can_be_drawn(values: Range | Choices, ends: tuple[object, ...]) -> None:
    assert values.ends == ends


def test_applied_values_leave_other_settings_alone() -> None:
    base = {"head": {"dropout": 0.1, "blend": "gate"}, "seed": 1}
    made = override_paths(base, {"head.dropout": 0.3, "train.groups.head.times": 5, "name": "x"})
    assert made == {
        "head": {"dropout": 0.3, "blend": "gate"},
        "seed": 1,
        "train": {"groups": {"head": {"times": 5}}},
        "name": "x",
    }
    assert base == {"head": {"dropout": 0.1, "blend": "gate"}, "seed": 1}


def test_the_packaged_space_is_valid_with_the_packaged_config_at_both_ends() -> None:
    space, base = load_space(SPACE), load_values("paper-minilm")
    for end in (0, -1):
        chosen = {
            path: (values.low, values.high)[end] if isinstance(values, Range) else values.values[end]
            for path, values in space.settings.items()
        }
        parse_experiment(override_paths(base, chosen))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got no setting"),
        ("head.dropout = 0.3", r"head\.dropout: got 0\.3; expected a table"),
        ("a = { low = 1 }", r"a\.high: got None; expected a number"),
        ("a = { low = 1, high = 'x' }", r"a\.high: got 'x'"),
        ("a = { low = 2, high = 1 }", "expected low below high"),
        ("a = { low = 0, high = 1, log = true }", "with log a low above 0"),
        (
            "a = { low = 1, high = 2, steps = 1 }",
            r"a\.steps: unknown key; expected any of: choices, high, log, low, step",
        ),
        ("a = { choices = [] }", "expected only choices"),
        ("a = { choices = [1], low = 1 }", "expected only choices"),
        ("a = { choices = [1979-05-27] }", r"got datetime\.date.*; expected text, numbers"),
        ("a = { choices = [nan] }", "got nan; expected text, numbers"),
        ("a = { low = 0, high = 1, step = nan }", "a step above 0"),
        ("a = { low = 0, high = 1, step = inf }", "a step above 0"),
        ("a = [", "not valid TOML"),
    ],
)
def test_a_faulty_space_is_refused_with_its_key_path(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        space_of(tmp_path, text)


def test_integer_ends_with_a_fractional_step_give_fractions(tmp_path: Path) -> None:
    space = space_of(tmp_path, "a = { low = 0, high = 1, step = 0.25 }")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {space.suggest(study.ask())["a"] for _ in range(50)} == {0.0, 0.25, 0.5, 0.75, 1.0}


@pytest.mark.parametrize("bounds", ["low = 0, high = inf", "low = -inf, high = 1.0", "low = nan, high = 1.0"])
def test_a_range_without_an_end_is_refused(tmp_path: Path, bounds: str) -> None:
    with pytest.raises(ConfigError, match="expected low below high"):
        space_of(tmp_path, f"a = {{ {bounds} }}")
