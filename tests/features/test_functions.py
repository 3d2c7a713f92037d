"""Contract tests, which run for every registered feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.features import FEATURES, Extractor, Feature, Lexicon
from coner.features.functions import feature as register
from coner.features.gazetteer import Gazetteer, GazetteerEntry
from coner.features.known import Cover, Covers

STRANGE = [
    "a:b",
    "a\nb",
    "\u200d",
    "\ufe0f",
    "a\tb",
    "=",
    "#",
    "\x00",
    "nörd",
    "न\u200dम",
    "\ud800",
    "x" * 10_000,
    "1999",
]
words_of_any_kind = st.lists(st.text(min_size=1, max_size=12) | st.sampled_from(STRANGE), min_size=1, max_size=8)
every_feature = pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)


def calls(feature: Feature, words: list[str]) -> list[tuple[Any, ...]]:
    """The arguments of all calls for a sentence."""
    if feature.scope == "word":
        return [(word,) for word in words]
    if feature.scope == "cluster":
        return [(tuple(word),) for word in words]
    if feature.scope == "gazetteer":
        size = len(words)
        return [(GazetteerEntry(size, ((w, size),), (w,), True, size),) for w in words] + [
            (GazetteerEntry(0),),
            (GazetteerEntry(3),),
        ]
    if feature.scope == "knowledge":
        return [((Cover("B", (w,), 2, 3.0), Cover("I", (w, "City"), 1, 0.0)),) for w in words] + [((),)]
    return [(words, i) for i in range(len(words))] if feature.scope == "place" else [(words,)]


@every_feature
@given(words=words_of_any_kind)
def test_values_are_distinct_non_empty_strings_and_repeatable(feature: Feature, words: list[str]) -> None:
    for arguments in calls(feature, words):
        before = repr(arguments)
        values = feature.function(*arguments)
        assert all(isinstance(value, str) and value for value in values)
        assert len(set(values)) == len(values)
        assert feature.function(*arguments) == values
        assert repr(arguments) == before


@every_feature
def test_some_ordinary_word_has_a_value(feature: Feature) -> None:
    assert any(
        feature.function(*arguments) for arguments in calls(feature, ["the", "miles", "davis", "1959", "quintet"])
    )


@every_feature
def test_has_a_docstring_and_few_values_for_long_words(feature: Feature) -> None:
    assert feature.function.__doc__
    if feature.scope != "cluster":  # a word has as many clusters as the user's file gives it
        assert all(len(feature.function(*arguments)) < 200 for arguments in calls(feature, ["y" * 10_000]))


@every_feature
def test_works_without_other_features(feature: Feature) -> None:
    lexicon = Lexicon(
        {"davis": ("3", "17")}, Gazetteer.learn([Sentence(("miles", "davis"), (Entity(0, 2, "Artist"),))])
    )
    covers = (Cover("S", ("Artist",), 1, 2.0),)
    known = (lambda words: [covers] * len(words)) if feature.scope == "knowledge" else None
    rows = Extractor([feature.name], lexicon, known=known)(["miles", "davis", "1959"])
    assert len(rows) == 3
    assert any(rows)
    assert all(string.startswith(feature.name) for row in rows for string in row)


@given(words=words_of_any_kind)
def test_one_row_per_word_without_duplicates(words: list[str]) -> None:
    rows = Extractor()(words)
    assert len(rows) == len(words)
    once = [[string for string in row if not string.startswith("beside[")] for row in rows]  # these may repeat
    assert all(len(set(row)) == len(row) for row in once)


KNOWN = {"known_type", "known_ambiguity", "known_prior"}


def test_order_of_the_config_is_kept_and_the_default_is_all_but_those_for_cased_text_and_knowledge() -> None:
    assert Extractor(["suffix", "word"]).names == ("suffix", "word")
    assert set(FEATURES) - set(Extractor().names) == {"lower", "case"} | KNOWN
    assert Extractor().names == tuple(name for name in FEATURES if name not in {"lower", "case"} | KNOWN)


def test_features_of_a_knowledge_base_are_used_if_and_only_if_there_is_one() -> None:
    def known(words: Sequence[str]) -> list[Covers]:
        return [()] * len(words)

    assert set(Extractor(known=known).names) - set(Extractor().names) == KNOWN
    assert Extractor(["word"], known=known).names == ("word", "known_type", "known_ambiguity", "known_prior")
    assert Extractor(["known_prior"], known=known).names == ("known_prior",)
    with pytest.raises(ConfigError, match=r"got 'known_prior' without a knowledge base. Fix: set knowledge.base"):
        Extractor(["word", "known_prior"])


def test_an_unknown_name_lists_the_known_names() -> None:
    with pytest.raises(ConfigError, match=r"crf\.features: got 'sufix'; expected any of: .*suffix"):
        Extractor(["word", "sufix"])


def test_a_repeated_name_is_an_error() -> None:
    with pytest.raises(ConfigError, match="got 'word' twice"):
        Extractor(["word", "word"])


def test_registering_a_name_twice_is_an_error() -> None:
    def suffix(word: str) -> list[str]:
        return [word]

    with pytest.raises(ValueError, match="two features are called suffix"):
        register("word")(suffix)
