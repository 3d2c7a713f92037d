"""Modules under the names that they had before."""

from __future__ import annotations

import importlib

import pytest


@pytest.mark.parametrize(
    ("former", "module", "names"),
    [
        ("coner.estimators", "coner.integrations.sklearn", ["CrfEstimator", "EncoderEstimator"]),
        ("coner.spacy", "coner.integrations.spacy", ["ConerPipe", "make"]),
    ],
)
def test_former_names_still_import(former: str, module: str, names: list[str]) -> None:
    old, new = importlib.import_module(former), importlib.import_module(module)
    assert old.__all__ == names
    assert all(getattr(old, name) is getattr(new, name) for name in names)
