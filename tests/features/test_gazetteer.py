"""The gazetteer: lookups, and the exclusion of a sentence's own mentions."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity, Sentence
from coner.features import Extractor, Lexicon
from coner.features.gazetteer import Gazetteer, GazetteerEntry

words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    chosen = draw(words)
    cuts = sorted(draw(st.sets(st.integers(0, len(chosen)), max_size=5)))
    spans = pairwise(cuts)
    labelled = [Entity(a, b, draw(st.sampled_from("XY"))) for a, b in spans if draw(st.booleans())]
    return Sentence(tuple(chosen), tuple(labelled))


def sentence(text: str, *entities: Entity) -> Sentence:
    return Sentence(tuple(text.split()), entities)


def test_the_longest_known_phrase_covers_its_words() -> None:
    york, city = sentence("york", Entity(0, 1, "Person")), sentence("new york city", Entity(0, 3, "City"))
    learned = Gazetteer.learn([sentence("new york", Entity(0, 2, "City")), york, city])
    entries = learned.look_up(["in", "new", "york", "city", "and", "york"])
    assert [(entry.phrase, entry.first, entry.size) for entry in entries] == [
        ((), False, 0),
        (("City",), True, 3),
        (("City",), False, 3),
        (("City",), False, 3),
        ((), False, 0),
        (("Person",), True, 1),
    ]


def test_the_most_frequent_label_is_first() -> None:
    learned = Gazetteer.learn([sentence("java", Entity(0, 1, label)) for label in ("Island", "Software", "Software")])
    assert learned.look_up(["java"])[0] == GazetteerEntry(
        3, (("Island", 1), ("Software", 2)), ("Software", "Island"), True, 1
    )


def test_a_word_mostly_outside_mentions_is_not_a_phrase() -> None:
    learned = Gazetteer.learn([sentence("it", Entity(0, 1, "Work")), *[sentence("it") for _ in range(30)]])
    assert learned.look_up(["it"])[0] == GazetteerEntry(31, (("Work", 1),))


@given(st.lists(sentences(), min_size=1, max_size=6))
def test_excluding_a_sentence_equals_learning_without_it(corpus: list[Sentence]) -> None:
    whole = Gazetteer.learn(corpus)
    for index, one in enumerate(corpus):
        others = Gazetteer.learn(corpus[:index] + corpus[index + 1 :])
        assert whole.look_up(one.words, one.entities) == others.look_up(one.words)


def test_features_of_a_training_sentence_do_not_reveal_its_labels() -> None:
    one = sentence("the unheard of band", Entity(1, 3, "Artist"))
    extractor = Extractor(["phrase", "mentioned"], Lexicon(gazetteer=Gazetteer.learn([one])))
    assert {string.partition("=")[2] for row in extractor(one.words, one.entities) for string in row} == {"new"}
    assert any("Artist" in string for row in extractor(one.words) for string in row)


@given(st.lists(sentences(), max_size=4), words)
def test_json_round_trip(corpus: list[Sentence], text: list[str]) -> None:
    learned = Lexicon({"a": ("1", "2")}, Gazetteer.learn(corpus))
    again = Lexicon.from_json(json.loads(json.dumps(learned.to_json())))
    assert again.clusters == learned.clusters
    assert again.gazetteer.look_up(text) == learned.gazetteer.look_up(text)
