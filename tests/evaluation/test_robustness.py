"""Robustness to noise: the scores on both sides, and their difference paired by sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import DataError
from coner.core.tags import entities_from_tags
from coner.core.types import Entity, Sentence
from coner.evaluation.robustness import changes, check_copy
from coner.evaluation.score import score
from helpers.corpora import GROUPS, tag_pairs, valid_tags


@given(pair=tag_pairs(), data=st.data())
def test_each_side_has_the_numbers_of_the_scorer(
    pair: tuple[list[list[str]], list[list[str]]], data: st.DataObject
) -> None:
    tags = [*pair, [data.draw(valid_tags(len(sentence))) for sentence in pair[0]]]
    gold, clean, noisy = ([entities_from_tags(sentence) for sentence in corpus] for corpus in tags)
    result = changes(gold, clean, noisy, groups=GROUPS)
    for side, corpus in (("clean", clean), ("noisy", noisy)):
        scores = score(gold, corpus, groups=GROUPS)
        expected = (scores.fine.micro_f1, scores.fine.macro_f1, scores.coarse.macro_f1, scores.span.f1)
        names = ("micro_f1", "macro_f1", "coarse_macro_f1", "span_f1")
        assert tuple(getattr(result[name], side) for name in names) == pytest.approx(expected)
    for change in result.values():
        assert change.difference.value == pytest.approx(change.noisy - change.clean)
    assert all(change.difference.value == 0 for change in changes(gold, clean, clean).values())


def test_a_consistent_loss_is_significant() -> None:
    gold = [[Entity(0, 1, "Artist")], [Entity(0, 1, "Food")]] * 30
    noisy = [entities if i % 3 else [] for i, entities in enumerate(gold)]
    result = changes(gold, gold, noisy)
    for change in result.values():
        assert (change.clean, change.noisy) == (1, pytest.approx(0.8))
        assert change.difference.low < -0.2 < change.difference.high < 0
        assert change.difference.p < 0.01
    values = result["macro_f1"].as_dict()
    assert (set(values), set(values["difference"])) == ({"clean", "noisy", "difference"}, {"value", "low", "high", "p"})


CLEAN = (Sentence(("a", "b"), (Entity(0, 1, "Artist"),), line=1), Sentence(("c",), (), line=4))


@pytest.mark.parametrize(
    ("copy", "message"),
    [
        (CLEAN[:1], "^x: got 1 sentence, the clean file has 2"),
        ((*CLEAN, CLEAN[0]), "^x: got 3 sentences, the clean file has 2"),
        ((Sentence(("a",), (Entity(0, 1, "Artist"),), line=7), CLEAN[1]), "^x:7: got other words than .* of line 1"),
        ((CLEAN[0], Sentence(("c",), (Entity(0, 1, "Food"),), line=9)), "^x:9: got other mentions than .* of line 4"),
    ],
)
def test_a_file_that_is_not_a_noisy_copy_is_refused(copy: tuple[Sentence, ...], message: str) -> None:
    check_copy(CLEAN, (Sentence(("aa", "x"), CLEAN[0].entities), CLEAN[1]), "x")
    with pytest.raises(DataError, match=message):
        check_copy(CLEAN, copy, "x")
