"""Sentences and entities refuse values of other types, in one line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from coner.core.errors import ConerError
from coner.core.types import Entity, Mention, Sentence


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Entity("0", 1, "X"), "Entity: got start '0' and end 1; expected whole numbers"),  # type: ignore[arg-type]
        (lambda: Entity(0, 1.5, "X"), "Entity: got start 0 and end 1.5; expected whole numbers"),  # type: ignore[arg-type]
        (lambda: Entity(0, 1, 7), "Entity: got label 7; expected a string"),  # type: ignore[arg-type]
        (lambda: Sentence("ada"), "Sentence: got words 'ada'; expected a tuple"),  # type: ignore[arg-type]
        (lambda: Sentence(None), "Sentence: got words None; expected a tuple"),  # type: ignore[arg-type]
        (lambda: Sentence(("a", 3)), "Sentence: word 1: got 3; expected a string"),  # type: ignore[arg-type]
        (lambda: Sentence(("a",), 5), "Sentence: got entities 5; expected a tuple"),  # type: ignore[arg-type]
        (
            lambda: Sentence(("a",), ((0, 1, "X"),)),  # type: ignore[arg-type]
            "Sentence: got (0, 1, 'X'); expected entities such as Entity(0, 2, 'City')",
        ),
        (
            lambda: Sentence(("a", "b\ud83d")),
            "Sentence: word 1: got 'b\\ud83d' with a lone surrogate; expected whole characters",
        ),
    ],
)
def test_other_types_are_one_line(make: Any, message: str) -> None:
    with pytest.raises(ConerError) as error:
        make()
    assert str(error.value) == message


def test_sequences_and_numbers_of_numpy_are_converted() -> None:
    entity = Entity(np.int64(0), np.int32(1), np.str_("X"))  # type: ignore[arg-type]
    sentence = Sentence(["a", "b"], [entity])  # type: ignore[arg-type]
    assert sentence == Sentence(("a", "b"), (Entity(0, 1, "X"),))
    assert type(entity.start) is type(entity.end) is int


@pytest.mark.parametrize(
    "value",
    [
        Entity(0, 2, "City"),
        Entity(1, 3, "A'b", 0.25, "Q64"),
        Mention("Bern", "City", "Place", 0.5, 0, 4),
        Mention("Bern", "City", "Place", 0.5, 0, 4, "Q70"),
    ],
)
def test_representation_is_code_that_makes_the_value(value: Entity | Mention) -> None:
    again = eval(repr(value), {"Entity": Entity, "Mention": Mention})
    assert asdict(again) == asdict(value)
    assert ("kb_id" in repr(value)) == bool(value.kb_id)


def test_the_representation_of_a_sentence_leaves_out_the_layout_of_its_file() -> None:
    sentence = Sentence(("in", "bern"), (Entity(1, 2, "City"),), "7", ("# id 7",), (("_",), ("_",)), line=2)
    assert repr(sentence) == (
        "Sentence(words=('in', 'bern'), entities=(Entity(start=1, end=2, label='City', score=1.0),), id='7')"
    )
    assert repr(Sentence(("bern",))) == "Sentence(words=('bern',))"
    assert repr(Sentence(("bern",), ())) == "Sentence(words=('bern',), entities=())"
