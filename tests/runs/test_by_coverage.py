"""Scores by what a knowledge base knows, against a count by hand, and in the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.core.types import Entity, Sentence
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge
from coner.runs.by_coverage import by_coverage, warn_of_known
from helpers.names import knowledge
from helpers.shell import Completed

NAMES = "name,types\nbasel,City\nrhine,River\nalton,River\nprince,Artist|City\nprince,Artist\n"
GOLD = [
    Sentence(("rhine", "basel"), (Entity(0, 1, "River"), Entity(1, 2, "City"))),  # both with the right class
    Sentence(("alton", "prince"), (Entity(0, 1, "City"), Entity(1, 2, "Artist"))),  # another, right
    Sentence(("são", "paulo", "rhine"), (Entity(0, 2, "City"), Entity(2, 3, "City"))),  # not known, another
]
PREDICTED = [
    [Entity(0, 1, "River"), Entity(1, 2, "River")],  # found; a false one, whose class is another than the known
    [Entity(0, 1, "City"), Entity(0, 2, "City")],  # found; a false one that is not known
    [Entity(2, 3, "River")],  # a false one with the class that is known
]


def counts(kb: FolderKnowledge, train: list[Sentence] | None) -> dict[str, tuple[int, int, int]]:
    found = by_coverage(kb, GOLD, PREDICTED, train)
    return {group: (result.tp, result.support, result.predicted) for group, result in found.items()}


def test_mentions_and_predictions_are_grouped_by_what_is_known_about_their_words(tmp_path: Path) -> None:
    expected = {"right": (1, 3, 2), "other": (1, 2, 2), "none": (0, 1, 1)}
    assert counts(knowledge(tmp_path, NAMES), []) == expected


def test_the_groups_add_up_and_classes_of_types_are_learned(tmp_path: Path) -> None:
    foreign = NAMES.replace("City", "Q515").replace("River", "Q4022").replace("Artist", "Q5")
    kb = knowledge(tmp_path, foreign)
    train = [
        Sentence(("basel",), (Entity(0, 1, "City"),)),
        Sentence(("rhine",), (Entity(0, 1, "River"),)),
        Sentence(("prince",), (Entity(0, 1, "Artist"),)),
    ]
    assert counts(kb, train) == {"right": (1, 3, 2), "other": (1, 2, 2), "none": (0, 1, 1)}
    assert [sum(column) for column in zip(*counts(kb, None).values(), strict=True)] == [2, 6, 5]


def test_known_sentences_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "dev.conll").write_text("Rhine B-River\nBasel B-City\n\nx B-City\n")
    build([tmp_path / "dev.conll"], tmp_path / "kb", BuildSettings())
    [line] = warn_of_known(FolderKnowledge(tmp_path / "kb"), GOLD, "gold")
    assert line == "Warning: the knowledge base knows mentions of 1 sentence of gold (from dev.conll)"
    assert warn_of_known(FolderKnowledge(tmp_path / "kb"), GOLD[1:], "gold") == []
    simulated = knowledge(tmp_path / "simulated", NAMES, simulated=True)
    [line] = warn_of_known(simulated, GOLD[1:], "gold")
    assert line == "Warning: the knowledge base knows mentions of gold (it was made from gold mentions)"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    knowledge(tmp_path, NAMES)
    (tmp_path / "gold.conll").write_text("rhine B-River\nbasel B-City\n\nalton B-City\nx O\n")
    (tmp_path / "train.conll").write_text("rhine B-River\n")
    (tmp_path / "predicted.conll").write_text("rhine B-River\nbasel O\n\nalton B-City\nx B-City\n")
    return tmp_path


def test_evaluate_shows_one_table(files: Path, coner: Callable[..., Completed]) -> None:
    arguments = "evaluate", files / "gold.conll", files / "predicted.conll", "--train", files / "train.conll", "--kb"
    arguments = (*arguments, files / "kb")
    shown = coner(*arguments)
    assert shown.code == 0
    assert "known, with the right class" in shown.out
    values = json.loads(coner(*arguments, "--json").out)["knowledge"]
    assert {name: (of["tp"], of["support"], of["predicted"]) for name, of in values.items()} == {
        "right": (1, 2, 1),
        "other": (1, 1, 1),
        "none": (0, 0, 1),
    }
    assert "knowledge" not in json.loads(coner(*arguments[:5], "--json").out)
