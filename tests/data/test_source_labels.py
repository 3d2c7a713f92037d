"""Predictions of fine labels, scored on data with the labels of a source."""

from __future__ import annotations

from pathlib import Path

from coner.core.types import Entity, Sentence
from coner.data.label_map import LabelMap
from coner.data.source_labels import SourceLabels
from coner.data.taxonomy import Taxonomy

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": "", "Cleric": ""}, "Place": {"River": "", "City": ""}, "Ill": {}})
MAP = LabelMap(
    Path("own.toml"),
    {"PER": ["Person"], "LOC": ["Place", "Cleric"], "MISC": ["River", "O"], "none": []},
    unannotated=["City"],
)
GOLD = (Entity(0, 1, "PER"), Entity(2, 3, "LOC"), Entity(4, 6, "MISC"), Entity(7, 8, "none"))
SENTENCE = Sentence(tuple("abcdefghij"), GOLD)


def projected(*predictions: tuple[int, int, str]) -> tuple[list[tuple[int, int, str]], int]:
    labels = SourceLabels(MAP.onto(TAXONOMY))
    found = labels.predicted(SENTENCE, [Entity(*p) for p in predictions])
    return [(e.start, e.end, e.label) for e in found], labels.unscored_predictions


def test_a_prediction_gets_the_gold_label_if_that_may_stand_for_it() -> None:
    assert projected((0, 1, "Cleric"), (2, 3, "Cleric")) == ([(0, 1, "PER"), (2, 3, "LOC")], 0)


def test_other_predictions_get_the_first_label_that_may_stand_for_theirs() -> None:
    assert projected((0, 2, "Cleric"), (2, 3, "Artist"), (8, 9, "River")) == (
        [(0, 2, "PER"), (2, 3, "PER"), (8, 9, "LOC")],
        0,
    )


def test_what_the_source_does_not_say_is_not_scored() -> None:
    assert projected((1, 2, "City"), (4, 5, "Artist"), (2, 3, "City"), (7, 8, "Artist")) == (
        [(2, 3, "LOC"), (7, 8, "PER")],
        2,
    )
    labels = SourceLabels(MAP.onto(TAXONOMY))
    assert labels.gold(SENTENCE).entities == GOLD[:2]
    assert labels.unscored_gold == 2
