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
PARTS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def parts() -> dict[str, Corpus]:
    labels = load_taxonomy("multiconer2").labels
    return {part: read(SAMPLE / f"{part}.conll", labels=labels, gold=True) for part in PARTS}


def masked(sentence: Sentence) -> tuple[str, ...]:
    """The words, with one placeholder for each mention, whatever its class."""
    words, end = [], 0
    for entity in sentence.entities or ():
        words += [*sentence.words[end : entity.start], "<>"]
        end = entity.end
    return (*words, *sentence.words[end:])


def test_it_is_large_enough_and_holds_sentences_without_an_entity(parts: dict[str, Corpus]) -> None:
    assert sum(map(len, parts.values())) >= 600
    for corpus in parts.values():
        assert any(sentence.entities == () for sentence in corpus)


def test_each_of_the_33_classes_has_25_mentions_and_some_in_each_part(parts: dict[str, Corpus]) -> None:
    counts = {part: Counter(e.label for s in corpus for e in s.entities or ()) for part, corpus in parts.items()}
    for label in load_taxonomy("multiconer2").labels:
        assert sum(count[label] for count in counts.values()) >= 25, label
        assert all(count[label] for count in counts.values()), label


def test_no_two_sentences_are_equal_once_their_mentions_are_masked(parts: dict[str, Corpus]) -> None:
    texts = Counter(masked(sentence) for corpus in parts.values() for sentence in corpus)
    assert [text for text, count in texts.items() if count > 1] == []


def test_most_mentions_of_its_test_part_are_new(parts: dict[str, Corpus]) -> None:
    rate = describe(parts["test"], seen=surfaces(parts["train"])).unseen_rate
    assert rate is not None
    assert rate >= 0.6


def test_ids_are_used_once_and_words_are_lower_case_and_not_empty(parts: dict[str, Corpus]) -> None:
    sentences = [sentence for corpus in parts.values() for sentence in corpus]
    assert len({sentence.id for sentence in sentences}) == len(sentences)
    assert all(word == word.lower() and not word.isspace() for sentence in sentences for word in sentence.words)


def test_the_counts_in_its_readme_are_true(parts: dict[str, Corpus]) -> None:
    rows = [line.strip("| ").split(" | ") for line in (SAMPLE / "README.md").read_text(encoding="utf-8").splitlines()]
    table = {row[0]: row[1:] for row in rows}
    for part, corpus in parts.items():
        found = describe(corpus)
        expected = [found.sentences, found.without_mention, found.words, found.mentions]
        assert table[part][:4] == [str(count) for count in expected]
    for label in load_taxonomy("multiconer2").labels:
        counts = [sum(e.label == label for s in parts[part] for e in s.entities or ()) for part in PARTS]
        assert table[label] == [*map(str, counts), str(sum(counts))]
