"""The embedded corpus keeps what its README promises."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from coner.core.types import Sentence, surfaces
from coner.data import Corpus, read
from coner.data.stats import describe
from coner.data.taxonomy import load_taxonomy

SAMPLE = Path(str(resources.files("coner.data"))) / "sample"
SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def splits() -> dict[str, Corpus]:
    labels = load_taxonomy("multiconer2").labels
    return {split: read(SAMPLE / f"{split}.conll", labels=labels, gold=True) for split in SPLITS}


def masked(sentence: Sentence) -> tuple[str, ...]:
    """The words, with one placeholder for each mention, whatever its class."""
    words, end = [], 0
    for entity in sentence.entities or ():
        words += [*sentence.words[end : entity.start], "<>"]
        end = entity.end
    return (*words, *sentence.words[end:])


def test_it_is_large_enough_and_has_sentences_without_an_entity(splits: dict[str, Corpus]) -> None:
    assert sum(map(len, splits.values())) >= 600
    for corpus in splits.values():
        assert any(sentence.entities == () for sentence in corpus)


def test_each_of_the_33_classes_has_25_mentions_and_some_in_each_split(splits: dict[str, Corpus]) -> None:
    counts = {split: Counter(e.label for s in corpus for e in s.entities or ()) for split, corpus in splits.items()}
    for label in load_taxonomy("multiconer2").labels:
        assert sum(count[label] for count in counts.values()) >= 25, label
        assert all(count[label] for count in counts.values()), label


def test_no_two_sentences_are_equal_once_their_mentions_are_masked(splits: dict[str, Corpus]) -> None:
    texts = Counter(masked(sentence) for corpus in splits.values() for sentence in corpus)
    assert [text for text, count in texts.items() if count > 1] == []


def test_most_mentions_of_the_test_split_are_unseen(splits: dict[str, Corpus]) -> None:
    assert describe(splits["test"], seen=surfaces(splits["train"]))["unseen_rate"] >= 0.6


def test_ids_are_used_once_and_words_are_lower_case_and_not_empty(splits: dict[str, Corpus]) -> None:
    sentences = [sentence for corpus in splits.values() for sentence in corpus]
    assert len({sentence.id for sentence in sentences}) == len(sentences)
    assert all(word == word.lower() and not word.isspace() for sentence in sentences for word in sentence.words)


def test_the_counts_in_the_readme_are_right(splits: dict[str, Corpus]) -> None:
    rows = [line.strip("| ").split(" | ") for line in (SAMPLE / "README.md").read_text(encoding="utf-8").splitlines()]
    table = {row[0]: row[1:] for row in rows}
    for split, corpus in splits.items():
        found = describe(corpus)
        expected = [found[key] for key in ("sentences", "without_mention", "words", "mentions")]
        assert table[split][:4] == [str(count) for count in expected]
    for label in load_taxonomy("multiconer2").labels:
        counts = [sum(e.label == label for s in splits[split] for e in s.entities or ()) for split in SPLITS]
        assert table[label] == [*map(str, counts), str(sum(counts))]
