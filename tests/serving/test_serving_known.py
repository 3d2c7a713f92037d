"""What a knowledge base has of the names in responses: where it is looked up, how often, and how much is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from coner.core.errors import ModelError
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.linking import Linker
from coner.families.tagger import Prediction, Tagger
from coner.knowledge.typed import TypedKnowledge
from coner.serving.app import make_app
from coner.serving.settings import Settings
from helpers.names import TABLE, knowledge

pytest.importorskip("marisa_trie")


class FirstWord(Tagger):
    """Finds the first word."""

    kind, labels, taxonomy = "crf", ("City",), Taxonomy("stub", {"Place": {"City": ""}})

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        return (Prediction(sentence, (Entity(0, 1, "City", 0.5),)) for sentence in sentences)

    def save(self, folder: Path) -> None: ...


class Recording:
    """A knowledge base that records where names are looked up; ``broken`` is damaged."""

    def __init__(self, knowledge: Any) -> None:
        self.knowledge, self.asked = knowledge, list[tuple[str, str]]()

    def lookup(self, name: str, limit: int) -> Any:
        self.asked.append((threading.current_thread().name, name))
        if name == "broken":
            raise ModelError("kb: is damaged")
        return self.knowledge.lookup(name, limit)


def test_names_are_looked_up_once_and_in_the_thread_that_tags(tmp_path: Path) -> None:
    tagger = FirstWord()
    names: Any = Recording(knowledge(tmp_path, f"{TABLE}basel,,City,{'x' * 999},,\n"))
    tagger.knowledge = TypedKnowledge(names, ["City"])
    app = make_app(Settings({"m": tmp_path}), load=lambda _: tagger, on_error=print)
    with TestClient(app) as client:
        while client.get("/ready").status_code != 200:
            pass
        for _ in range(3):
            results = client.post("/tag", json={"texts": ["davis", "", "basel x", "zyx"]}).json()["results"]
        known = [entity["known"] for result in results for entity in result["entities"]]
        assert known[0] == ["Miles Davis (Artist): American trumpeter", "Davis (City): city in California"]
        assert known[1] == ["basel (City): " + "x" * (199 - len("basel (City): ")) + "…"]
        assert known[2] == []
        assert client.post("/tag", json={"text": "broken"}).status_code == 500
        assert client.post("/tag", json={"text": "davis"}).status_code == 200
    assert names.asked == [("coner-tagger", name) for name in ("davis", "basel", "zyx", "broken")]


def test_what_is_known_is_from_the_knowledge_base_that_entities_are_linked_to(tmp_path: Path) -> None:
    tagger, own, other = FirstWord(), knowledge(tmp_path / "a"), knowledge(tmp_path / "b")
    tagger.knowledge = TypedKnowledge(own, ["City"])
    assert tagger.names is own
    tagger.linker = Linker(other, {})
    assert tagger.names is other
