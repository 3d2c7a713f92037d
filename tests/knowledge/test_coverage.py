"""What a knowledge base knows about labelled sentences."""

from __future__ import annotations

from pathlib import Path

from coner.core.types import Entity, Sentence
from coner.knowledge.coverage import measure
from coner.knowledge.type_labels import TypeLabels
from helpers.names import knowledge


def sentence(text: str, *entities: tuple[int, int, str]) -> Sentence:
    return Sentence(tuple(text.split()), tuple(Entity(*entity) for entity in entities))


SENTENCES = [
    sentence("miles davis lived in davis", (0, 2, "PER"), (4, 5, "LOC")),
    sentence("sigur ros played", (0, 2, "GRP")),
    sentence("miles davis and sigur ros", (0, 2, "PER"), (3, 5, "GRP")),
    sentence("davis is no mention , reykjavik is", (5, 6, "LOC")),
]


def test_labels_of_types_are_learned_from_matches_that_are_mentions(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    types = TypeLabels.learn(kb, SENTENCES)
    assert [types.label(m) for m in kb.match(["miles", "davis", "saw", "sigur", "ros"])] == ["PER", "LOC", "GRP"]
    assert types.label(kb.match(["東京大学"])[0]) is None


def test_a_type_that_is_named_like_a_label_stands_for_it(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    types = TypeLabels.learn(kb, [sentence("x y", (0, 1, "Band"), (1, 2, "Artist"))])
    assert [types.label(m) for m in kb.match(["sigur", "ros"])] == ["Band"]


def test_coverage_counts_exact_matches_by_class(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    found = measure(kb, [s for s in SENTENCES for _ in range(2)])  # each half has each sentence: all types are known
    assert (found.sentences, found.words) == (8, 40)
    person, place, band = (vars(found.classes[label]) for label in ("PER", "LOC", "GRP"))
    assert (person["mentions"], person["covered"], person["right"]) == (4, 4, 4)
    assert (band["mentions"], band["covered"], band["right"]) == (4, 4, 4)
    # Reykjavik is not in the knowledge base.
    assert (place["mentions"], place["covered"], place["right"]) == (4, 2, 2)
    assert found.all.mentions == 12
    assert (found.matches, found.mentions, found.right) == (12, 10, 10)


def test_unseen_mentions_are_those_of_no_other_sentence_or_not_of_the_training_file(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    assert measure(kb, SENTENCES).all.unseen == 2  # davis, reykjavik
    assert measure(kb, SENTENCES, {"miles davis", "reykjavik"}).all.unseen == 3
