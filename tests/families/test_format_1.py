"""Model folders that were written in format 1 by version 0.1.0 still load, and tag as before."""

from __future__ import annotations

import json

import pytest

import coner
from coner.core.types import Sentence
from coner.families.registry import family
from helpers import ROOT

FOLDERS = ROOT / "tests/fixtures/format-1"
EXPECTED = json.loads((FOLDERS / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", sorted(EXPECTED["entities"]))
def test_a_folder_of_format_1_predicts_the_same_entities(kind: str) -> None:
    tagger = coner.load(FOLDERS / kind)
    sentences = [Sentence(tuple(words)) for words in EXPECTED["sentences"]]
    for entities, expected in zip(tagger.tag(sentences), EXPECTED["entities"][kind], strict=True):
        assert [(e.start, e.end, e.label) for e in entities] == [tuple(row[:3]) for row in expected]
        assert [e.score for e in entities] == pytest.approx([row[3] for row in expected], abs=1e-4)


@pytest.mark.parametrize("kind", ["llm", "hybrid"])
def test_a_folder_of_format_1_that_calls_an_endpoint_loads(kind: str) -> None:
    tagger = coner.load(FOLDERS / kind)
    assert family(tagger.kind).calls_endpoint
    assert tagger.labels == ("Artist", "City")
    assert tagger.model == "tiny"
