"""Raw text in, mentions with characters out: for every kind of tagger, the same as from the other ways in."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import coner
from coner.core.errors import DataError
from coner.core.types import Entity, Mention, Sentence
from coner.data.formats.text import TextReader
from coner.data.reading.words import line_spans, sentences_from_text
from coner.data.taxonomy import Taxonomy
from coner.families import _MODULES
from coner.families.tagger import Tagger
from helpers.small import small_crf

LINES = st.text(st.sampled_from("ab é\u200d\ufeff北 \t\r\n\n\u2028\u00a0.'"), max_size=40)


class Long(Tagger):
    """Says that all of a sentence but its first word is a mention, and notes what it was asked."""

    kind, labels, taxonomy, repaired = "long", ("River",), Taxonomy("t", {"Place": {"River": ""}}), 0

    def __init__(self) -> None:
        self.asked: list[list[Sentence]] = []

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        self.asked.append(list(sentences))
        return [[Entity(1, len(s), "River", 0.5)] if len(s) > 1 else [] for s in sentences]

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def test_three_lines_of_python(tmp_path: Path) -> None:
    small_crf().save(tmp_path / "model")
    text = "They met. Later\nthey moved to rio  de janeiro in spring."
    mention = {mention.text: mention for mention in coner.load(tmp_path / "model")(text)}["rio  de janeiro"]
    assert (mention.label, mention.group) == ("City", "Place")
    assert (mention.start, mention.end) == (text.index("rio"), text.index(" in"))
    assert 0.5 < mention.score <= 1


def test_lines_are_sentences_and_characters_count_through() -> None:
    tagger = Long()
    text = "\ufeffa b\r\n\n  c d (e)\n\u00a0\nf"
    assert tagger(text) == [
        Mention("b", "River", "Place", 0.5, start=3, end=4),
        Mention("d (e)", "River", "Place", 0.5, start=11, end=16),
    ]
    assert [list(s.words) for s in tagger.asked[0]] == [["\ufeffa", "b"], ["c", "d", "(", "e", ")"], ["f"]]


def test_texts_are_tagged_together() -> None:
    tagger = Long()
    texts = ["a b\nc d", "", "e f"]
    assert [[m.text for m in found] for found in tagger.texts(texts)] == [["b", "d"], [], ["f"]]
    assert len(tagger.asked) == 1
    assert tagger("") == tagger(" \n") == []
    assert tagger.texts([]) == []


@given(LINES)
def test_a_mention_is_where_it_says(text: str) -> None:
    for mention in Long()(text):
        assert text[mention.start : mention.end] == mention.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example writes the file anew
@given(text=LINES.filter(lambda text: not text.startswith("\ufeff")))  # of a file it would be no part of its text
def test_cut_as_the_file_of_this_text_is(text: str, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(text.encode())
    read = [] if not text.split() else list(TextReader(path))
    cut = [sentence for _, sentence in sentences_from_text(text)]
    assert [(s.words, s.offsets) for s in cut] == [(s.words, s.offsets) for s in read]


@given(LINES)
def test_lines_are_those_of_python(text: str) -> None:
    expected = [line.removesuffix("\r") for line in text.split("\n") if line]
    assert [text[a:b] for a, b in line_spans(text)] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (["a", "b"], "text 0: came list; expected a string"),
        (b"a", "text 0: came bytes; expected a string"),
        ("ab\ud83d", "text 0: character 2 is half of a surrogate pair"),
    ],
)
def test_what_is_no_text_is_told(text: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Long()(text)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="came one text; expected a list of texts"):
        Long().texts("a text")


@pytest.mark.parametrize("kind", _MODULES)
def test_every_kind_takes_text(kind: str) -> None:
    module = importlib.import_module(_MODULES[kind])
    made = typing.get_type_hints(module.load)["return"]
    assert Tagger in made.__mro__
