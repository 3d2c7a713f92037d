"""Every family declares itself: a package in ``families/`` with settings, a manifest and a description."""

from __future__ import annotations

import pytest

from coner.config.experiment import Experiment
from coner.core.errors import ConfigError
from coner.families.family import Family
from coner.families.manifest import Manifest
from coner.families.recipe import Recipe
from coner.families.registry import family, kinds
from coner.families.settings import parse_experiment, parse_trainable
from coner.families.usage import Spending
from helpers import ROOT

FOLDERS = {path.parent.name for path in (ROOT / "src/coner/families").glob("*/__init__.py")}


def test_every_package_is_a_family() -> None:
    assert set(kinds()) == FOLDERS
    assert {"crf", "encoder", "llm", "vote", "hybrid", "onnx"} <= FOLDERS


@pytest.mark.parametrize("kind", kinds())
def test_a_family_declares_its_settings_its_manifest_and_what_it_can_do(kind: str) -> None:
    declared = family(kind)
    assert isinstance(declared, Family)
    assert declared.kind == kind
    assert declared.description and "\n" not in declared.description and not declared.description.endswith(".")
    assert issubclass(declared.settings, Experiment)
    assert issubclass(declared.manifest, Manifest)
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert declared.extra is None or f"\n{declared.extra} = [" in pyproject
    assert not (declared.trains and declared.calls_endpoint)


@pytest.mark.parametrize("kind", kinds(configurable=True))
def test_a_config_of_a_family_has_its_settings_and_a_recipe(kind: str) -> None:
    needs = {"llm": {"model": "tiny"}} if family(kind).calls_endpoint else {}
    settings = parse_experiment({"kind": kind, **needs})
    assert type(settings) is family(kind).settings
    recipe = family(kind).recipe(settings)
    assert isinstance(recipe, Recipe)
    assert recipe.family.kind == kind


@pytest.mark.parametrize("kind", kinds(trains=True))
def test_a_family_that_trains_refuses_limits_for_an_endpoint(kind: str) -> None:
    settings = parse_trainable({"kind": kind})
    with pytest.raises(ConfigError, match=f"got a config of kind {kind}, which calls no endpoint"):
        family(kind).recipe(settings, Spending(tokens=1))
    assert family(kind).identity(settings).keys().isdisjoint({"name", "data"})


@pytest.mark.parametrize("kind", sorted(set(kinds()) - set(kinds(trains=True))))
def test_a_family_without_training_refuses_to_fit(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"kind = '{kind}' has nothing to train"):
        family(kind).fit(None, None)  # type: ignore[arg-type]


def test_an_unknown_kind_lists_the_families() -> None:
    with pytest.raises(ConfigError, match=f"expected one of: {', '.join(kinds())}"):
        family("crfs")
    with pytest.raises(ConfigError, match="x: kind: got 'vote'; expected one of: crf, encoder"):
        parse_experiment({"kind": "vote"}, source="x")
    with pytest.raises(ConfigError, match="x: kind: not set; expected one of"):
        parse_experiment({}, source="x")
    with pytest.raises(ConfigError, match="kind: got 'llm', which has nothing to train; expected one of: crf"):
        parse_trainable({"kind": "llm", "llm": {"model": "tiny"}})
