"""What noise costs: the scorer's own numbers on both sides, their difference paired by sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.tags import entities_from_tags
from coner.core.types import Entity, Sentence
from coner.evaluation.robustness import changes, check_copy
from coner.evaluation.score import score
from helpers.judged import GROUPS, tag_pairs, valid_tags


@given(pair=tag_pairs(), data=st.data())
def test_each_side_has_the_scorers_numbers(pair: tuple[list[list[str]], list[list[str]]], data: st.DataObject) -> None:
    tags = [*pair, [data.draw(valid_tags(len(sentence))) for sentence in pair[0]]]
    gold, clean, noisy = ([entities_from_tags(sentence) for sentence in corpus] for corpus in tags)
    found = changes(gold, clean, noisy, groups=GROUPS)
    assert list(found) == ["micro_f1", "macro_f1", "coarse_macro_f1", "span_f1"]
    for side, corpus in (("clean", clean), ("noisy", noisy)):
        scores = score(gold, corpus, groups=GROUPS)
        expected = (scores.fine.micro_f1, scores.fine.macro_f1, scores.coarse.macro_f1, scores.span.f1)
        assert tuple(getattr(change, side) for change in found.values()) == pytest.approx(expected)
    for change in found.values():
        assert change.difference.value == pytest.approx(change.noisy - change.clean)
    assert all(change.difference.value == 0 for change in changes(gold, clean, clean).values())


def test_a_loss_in_every_sentence_is_beyond_chance_and_paired() -> None:
    gold = [[Entity(0, 1, "Artist")], [Entity(0, 1, "Food")]] * 30
    noisy = [entities if i % 3 else [] for i, entities in enumerate(gold)]
    found = changes(gold, gold, noisy)
    for change in found.values():
        assert (change.clean, change.noisy) == (1, pytest.approx(0.8))
        assert change.difference.low < -0.2 < change.difference.high < 0
        assert change.difference.p < 0.01
    values = found["macro_f1"].as_dict()
    assert (set(values), set(values["difference"])) == ({"clean", "noisy", "difference"}, {"value", "low", "high", "p"})


CLEAN = (Sentence(("a", "b"), (Entity(0, 1, "Artist"),), line=1), Sentence(("c",), (), line=4))


@pytest.mark.parametrize(
    ("copy", "told"),
    [
        (CLEAN[:1], "^x: 1 sentences, the clean file has 2"),
        ((*CLEAN, CLEAN[0]), "^x: 3 sentences, the clean file has 2"),
        ((Sentence(("a",), (Entity(0, 1, "Artist"),), line=7), CLEAN[1]), "^x:7: other words than .* of line 1"),
        ((CLEAN[0], Sentence(("c",), (Entity(0, 1, "Food"),), line=9)), "^x:9: other mentions than .* of line 4"),
    ],
)
def test_what_is_no_copy_is_refused(copy: tuple[Sentence, ...], told: str) -> None:
    check_copy(CLEAN, (Sentence(("aa", "x"), CLEAN[0].entities), CLEAN[1]), "x")
    with pytest.raises(DataError, match=told):
        check_copy(CLEAN, copy, "x")
