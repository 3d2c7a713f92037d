"""Features of sentences: names, offsets, edges, and caching."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.features import Extractor, Lexicon, extract


def test_neighbours_have_offsets_and_end_at_the_edges() -> None:
    rows = Extractor(["neighbour"])(["a", "b", "c"])
    assert rows == [
        ["neighbour[+1]=b", "neighbour[+2]=c"],
        ["neighbour[-1]=a", "neighbour[+1]=c"],
        ["neighbour[-2]=a", "neighbour[-1]=b"],
    ]


def test_one_word_sentence_has_no_neighbours() -> None:
    assert Extractor(["word", "neighbour"])(["a"]) == [["word=a"]]
    assert Extractor(["bigram"])(["a"]) == [["bigram=< a", "bigram=>a "]]
    assert Extractor(["position"])(["a"]) == [["position=<0", "position=>0"]]


def test_affixes_never_exceed_the_word() -> None:
    assert Extractor(["prefix", "suffix"])(["ab"])[0] == ["prefix=a", "prefix=ab", "suffix=b", "suffix=ab"]


def test_ngrams_mark_both_edges() -> None:
    assert Extractor(["ngram"])(["ab"])[0] == ["ngram=^ab", "ngram=ab$", "ngram=^ab$"]


def test_shape_cuts_runs() -> None:
    assert Extractor(["shape"])(["Mi-2400"])[0] == ["shape=Xx-dd"]


def test_case_is_named_and_lower_case_is_shared() -> None:
    words = ["miles", "Miles", "MILES", "McCoy", "A", "'Tis", "1959", "ß"]
    kinds = [Extractor(["case"])([word])[0][0].removeprefix("case=") for word in words]
    assert kinds == ["lower", "title", "upper", "mixed", "initial", "mixed", "none", "lower"]
    assert Extractor(["lower"])(["Miles", "DAVIS"])[0] == ["lower=miles", "lower[+1]=davis"]


def test_topic_is_the_same_at_every_word_and_skips_function_words() -> None:
    rows = Extractor(["topic"])(["the", "album", "of", "the", "album", "."])
    assert rows == [["topic=album"]] * 6


def test_clusters_of_the_neighbours() -> None:
    rows = Extractor(["cluster"], Lexicon(clusters={"b": ("7", "70")}))(["a", "b"])
    assert rows == [["cluster[+1]=0 7", "cluster[+1]=1 70"], ["cluster=0 7", "cluster=1 70"]]


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5), max_size=6))
def test_the_cache_changes_nothing(sentences: list[list[str]]) -> None:
    one = Extractor()
    assert [one(words) for words in sentences] == [Extractor()(words) for words in sentences]


def test_clearing_the_cache_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [chr(97 + i % 26) * (1 + i % 3) for i in range(60)]
    expected = Extractor()(words)
    monkeypatch.setattr(extract, "MAX_CACHED", 5)
    assert Extractor()(words) == expected
