"""Mentions replace each other within their label; everything else of a sentence stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConerError
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.augment import augment, augmented, mentions_by_label
from helpers import SAMPLE

WORDS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=8)


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    words = draw(WORDS)
    cuts = sorted(set(draw(st.lists(st.integers(0, len(words)), max_size=6))))
    label = st.sampled_from(["City", "River"])
    spans = zip(cuts[::2], cuts[1::2], strict=False)
    return Sentence(tuple(words), tuple(Entity(a, b, draw(label)) for a, b in spans))


def outside(sentence: Sentence) -> list[tuple[str, ...]]:
    """The words between the mentions."""
    ends = [0, *(entity.end for entity in sentence.entities or ())]
    starts = [*(entity.start for entity in sentence.entities or ()), len(sentence.words)]
    return [sentence.words[a:b] for a, b in zip(ends, starts, strict=True)]


@given(st.lists(labelled(), min_size=1, max_size=6), st.integers(0, 99), st.sampled_from([0.3, 1.0]))
def test_only_mentions_change_and_only_to_others_of_their_label(
    corpus: list[Sentence], seed: int, share: float
) -> None:
    if not any(sentence.entities for sentence in corpus):
        return
    by_label = mentions_by_label(corpus)
    for sentence in corpus:
        copy = augmented(sentence, by_label, share=share, seed=seed)
        changeable = any(len(by_label[entity.label]) > 1 for entity in sentence.entities or ())
        if copy is None:
            assert share < 1 or not changeable
            continue
        assert changeable
        assert outside(copy) == outside(sentence)
        before, after = sentence.entities or (), copy.entities or ()
        assert [entity.label for entity in before] == [entity.label for entity in after]
        changed = 0
        for old, new in zip(before, after, strict=True):
            old_words, new_words = sentence.words[old.start : old.end], copy.words[new.start : new.end]
            assert new_words in by_label[new.label]
            changed += old_words != new_words
            assert share < 1 or len(by_label[new.label]) == 1 or old_words != new_words
        assert changed


def test_copies_do_not_depend_on_the_order_of_the_file_and_differ_from_each_other() -> None:
    corpus = read(SAMPLE / "train.conll").sentences[:40]
    forward = list(augment(corpus, copies=2, share=1.0, seed=3))
    backward = list(augment(corpus[::-1], copies=2, share=1.0, seed=3))
    assert 60 < len(forward) < 80  # some labels have one mention only
    assert sorted(s.words for s in forward) == sorted(s.words for s in backward)
    assert list(augment(corpus, copies=2, share=1.0, seed=4)) != forward
    assert forward[0].words != forward[1].words


@pytest.mark.parametrize(
    ("options", "message"),
    [({"copies": 0}, "got 0 copies"), ({"share": 0.0}, "got share 0"), ({"share": 1.5}, "got share 1.5")],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    corpus = [Sentence(("paris",), (Entity(0, 1, "City"),))]
    with pytest.raises(ConerError, match=message):
        list(augment(corpus, **{"copies": 1, "share": 1.0, "seed": 1, **options}))  # type: ignore[arg-type]


def test_sentences_without_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConerError, match="got no mention"):
        mentions_by_label([Sentence(("paris",))])
