"""Mentions with character offsets from raw text, for every family; the text is split like a text file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import coner
from coner.core.errors import ConfigError, DataError, Unanswered
from coner.core.types import Entity, Mention, Sentence
from coner.data.formats.text import TextReader
from coner.data.reading.words import line_spans, sentences_from_text
from coner.data.taxonomy import Taxonomy
from coner.families import Prediction
from coner.families.tagger import Tagger
from coner.families.usage import Failure, Spending
from helpers.small import small_crf

LINES = st.text(st.sampled_from("ab é\u200d\ufeff北 \t\r\n\n\u2028\u00a0.'"), max_size=40)


class Long(Tagger):
    """Predicts one mention, all words except the first; records the sentences of each call."""

    kind, labels, taxonomy = "long", ("River",), Taxonomy("t", {"Place": {"River": ""}})

    def __init__(self) -> None:
        self.calls: list[list[Sentence]] = []

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        self.calls.append(list(sentences))
        for sentence in sentences:
            entities = (Entity(1, len(sentence), "River", 0.5),) if len(sentence) > 1 else ()
            yield Prediction(sentence, entities)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def test_a_loaded_tagger_finds_mentions_in_raw_text(tmp_path: Path) -> None:
    small_crf().save(tmp_path / "model")
    text = "They met. Later\nthey moved to rio  de janeiro in spring."
    mention = {mention.text: mention for mention in coner.load(tmp_path / "model")(text)}["rio  de janeiro"]
    assert (mention.label, mention.group) == ("City", "Place")
    assert (mention.start, mention.end) == (text.index("rio"), text.index(" in"))
    assert 0.5 < mention.score <= 1


def test_each_line_is_a_sentence_and_characters_count_from_the_start_of_the_text() -> None:
    tagger = Long()
    text = "\ufeffa b\r\n\n  c d (e)\n\u00a0\nf"
    assert tagger(text) == [
        Mention("b", "River", "Place", 0.5, start=3, end=4),
        Mention("d (e)", "River", "Place", 0.5, start=11, end=16),
    ]
    assert [list(s.words) for s in tagger.calls[0]] == [["\ufeffa", "b"], ["c", "d", "(", "e", ")"], ["f"]]


def test_texts_are_tagged_together() -> None:
    tagger = Long()
    texts = ["a b\nc d", "", "e f"]
    assert [[m.text for m in found] for found in tagger.texts(texts)] == [["b", "d"], [], ["f"]]
    assert len(tagger.calls) == 1
    assert tagger("") == tagger(" \n") == []
    assert tagger.texts([]) == []


@given(LINES)
def test_the_offsets_of_a_mention_are_those_of_its_text(text: str) -> None:
    for mention in Long()(text):
        assert text[mention.start : mention.end] == mention.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example rewrites the file
@given(text=LINES.filter(lambda text: not text.startswith("\ufeff")))  # a byte order mark at the start of a file
def test_a_text_is_split_like_a_file_of_this_text(text: str, tmp_path: Path) -> None:
    assume("\n" in text or "\r" not in text)  # a file with carriage returns alone is refused
    path = tmp_path / "text"
    path.write_bytes(text.encode())
    read = [] if not text.split() else list(TextReader(path))
    cut = [sentence for _, sentence in sentences_from_text(text)]
    assert [(s.words, s.offsets) for s in cut] == [(s.words, s.offsets) for s in read]


@given(LINES)
def test_lines_are_split_as_python_splits_them(text: str) -> None:
    expected = [line.removesuffix("\r") for line in text.split("\n") if line]
    assert [text[a:b] for a, b in line_spans(text)] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (["a", "b"], "text 0: got list; expected a string"),
        (b"a", "text 0: got bytes; expected a string"),
        ("ab\ud83d", "text 0: character 2 is a lone surrogate"),
    ],
)
def test_an_argument_that_is_not_a_text_is_refused(text: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Long()(text)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected a list of texts, got a single string"):
        Long().texts("a text")


class Broken(Long):
    """Has no answer for sentences of one word."""

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        for prediction in super().predict_raw(sentences):
            short = len(prediction.sentence) == 1
            failures = (Failure("unreachable", "no route to host"),) if short else ()
            yield Prediction(prediction.sentence, None if short else prediction.entities, failures=failures)


def test_tag_needs_an_answer_for_every_sentence() -> None:
    sentences = [Sentence(("a", "b")), Sentence(("a",))]
    with pytest.raises(Unanswered, match=r"1 of 2 sentences have no answer \(unreachable\): no route to host") as error:
        Broken().tag(sentences)
    assert error.value.exit_code == 3
    assert [p.entities is None for p in Broken().predict(sentences)] == [False, True]
    assert Broken().tag(sentences[:1]) == [[Entity(1, 2, "River")]]


def test_limits_are_refused_by_a_tagger_that_calls_no_endpoint() -> None:
    Long().limit(Spending())
    with pytest.raises(ConfigError, match="got a model of kind long, which calls no endpoint"):
        Long().limit(Spending(tokens=1))


def test_repr_shows_labels_and_taxonomy() -> None:
    assert repr(Long()) == "<Long: 1 labels (t)>"
