"""The config with every setting: it has the defaults, and TOML reads it back."""

from __future__ import annotations

import tomllib
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from coner.config.section import Section
from coner.config.template import template, toml
from coner.families.registry import family, kinds
from coner.families.settings import parse_experiment

NEEDED = {"llm": {"llm": {"model": "x"}}}  # settings without a default
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value if item is not None] if isinstance(value, list) else value


@given(VALUES.filter(lambda value: value is not None).map(without_none))
def test_toml_reads_back_every_value(value: Any) -> None:
    assert tomllib.loads(f"value = {toml(value)}") == {"value": value}


@pytest.mark.parametrize("kind", kinds(configurable=True))
def test_the_config_of_a_kind_equals_its_defaults(kind: str) -> None:
    needed = NEEDED.get(kind, {})
    values = tomllib.loads(template(family(kind).settings, needed))
    read, default = parse_experiment(values), parse_experiment({"kind": kind, **needed})
    assert read == default
    assert read.model_dump() == default.model_dump()  # which may depend on what is set


def settings_in(values: Any) -> set[str]:
    """The names of all settings, without those of sections."""
    names = set()
    for name, value in values.items():
        names |= settings_in(value) if isinstance(value, dict) and value else {name}
    return names


@pytest.mark.parametrize("kind", kinds(configurable=True))
def test_the_config_of_a_kind_has_every_setting_and_says_what_it_is(kind: str) -> None:
    lines = template(family(kind).settings, {}).splitlines()
    for name in settings_in(parse_experiment({"kind": kind, **NEEDED.get(kind, {})}).model_dump(mode="json")):
        [at, *_] = [i for i, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{name} =")]
        assert lines[at - 1].startswith("# ") or name == "kind", name
    assert all(len(line) <= 120 for line in lines if line.startswith("#"))


def test_values_replace_defaults_also_in_sections_by_name() -> None:
    values = {"kind": "encoder", "head": {"blend": "gate"}, "train": {"groups": {"a.b": {"match": ["x"], "rate": 1.0}}}}
    text = template(family("encoder").settings, values)
    assert '[train.groups."a.b"]' in text
    read = tomllib.loads(text)
    assert read["head"] == {"blend": "gate"}
    assert '# mix = "last"' in text
    assert read["train"]["groups"]["a.b"] == {"match": ["x"], "rate": 1.0}


class Adaptive(Section):
    by: Literal["auto", "hand"] = "auto"
    size: int = Field(8, description="how many")

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name == "by" or name in self.model_fields_set}


class Chosen(Section):
    sizes: Adaptive = Adaptive()


def test_what_depends_on_the_data_is_commented_out_with_its_value() -> None:
    lines = template(Chosen, {}).splitlines()
    assert 'by = "auto"' in lines and "# size = 8" in lines
    assert "size = 4" in template(Chosen, {"sizes": {"by": "hand", "size": 4}}).splitlines()


class Inner(Section):
    """What it is.

    More.
    """

    a: Literal["one", "two"] = Field("one", description="which")
    b: int = Field(description="how many")


class Outer(Section):
    c: str = Field("", description="a name")
    inner: Inner


def test_a_setting_without_a_value_is_commented_out_and_choices_are_named() -> None:
    assert template(Outer, {}).splitlines() == [
        *("# a name", "# c =", "", "", "[inner]", "# What it is.", ""),
        *("# which (one, two)", 'a = "one"', "", "# how many; required", "# b ="),
    ]
