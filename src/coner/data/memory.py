"""Data in memory: sentences, lists of words and tags, and pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, Protocol, Unpack, runtime_checkable

from coner.core.errors import DataError, quoted
from coner.core.lines import Lines
from coner.core.tags import InputScheme
from coner.core.types import Sentence
from coner.data.reading.reader import Reader, ReadOptions
from coner.data.reading.schemes import PairCounter, TagReader, UnknownTags
from coner.data.reading.spellings import Pairs
from coner.data.reading.tables import ID, TAGS, TEXT, TOKENS, RowReader, plain

Words = Sequence[str]


@runtime_checkable
class Frame(Protocol):
    """The attributes of a pandas frame that are used."""

    columns: Any

    def itertuples(self, index: bool = True, name: str | None = None) -> Iterable[tuple[Any, ...]]:
        """The rows."""


class SentencesReader(Reader):
    unit = "sentence"

    def __init__(self, sentences: Iterable[Sentence], **options: Unpack[ReadOptions]) -> None:
        super().__init__("memory", **options)
        self._source = sentences

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        expected = "Sentence objects (coner.sentence_from_text makes one), a path, or a pandas frame"
        if not isinstance(self._source, Iterable):
            raise DataError(f"got {quoted(self._source)}; expected {expected}")
        for number, sentence in enumerate(self._source, 1):
            if not isinstance(sentence, Sentence):
                raise self.error(number, f"got {quoted(sentence)}; expected {expected}")
            if sentence.entities is None and self._gold:
                raise self.error(number, "got no labels; expected gold labels")
            labels = [self._check_label(entity.label, number) for entity in sentence.entities or ()]
            if self._names and sentence.entities is not None:
                pairs = zip(sentence.entities, labels, strict=True)
                sentence = replace(sentence, entities=tuple([replace(e, label=label) for e, label in pairs]))  # noqa: PLW2901
            yield sentence


class FrameReader(RowReader):
    """Reads a pandas frame; if a row is a word, rows with the same ``sentence`` that follow one another are one."""

    def __init__(self, frame: Frame, **options: Unpack[ReadOptions]) -> None:
        self._frame = frame
        super().__init__("frame", **options)

    def _rereadable(self) -> bool:
        return True

    def _again(self, options: ReadOptions) -> Reader:
        return type(self)(self._frame, **options)

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        names = [str(column) for column in self._frame.columns]
        cells = self._frame.itertuples(index=False, name=None)
        rows: Iterator[dict[str, Any]] = (dict(zip(names, map(plain, row), strict=True)) for row in cells)
        columns = names
        if {"sentence", "word"} <= set(names) and TOKENS not in names and TEXT not in names:
            columns, rows = [ID, TOKENS, *([TAGS] if "tag" in names else [])], _joined(rows)
        wanted = self._columns(columns)
        return self._each(({column: row[column] for column in wanted} for row in rows), self._row)


def _joined(words: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for id, group in groupby(words, itemgetter("sentence")):
        rows = list(group)
        tags = [row.get("tag") for row in rows]
        yield {ID: id, TOKENS: [row["word"] for row in rows], TAGS: None if set(tags) == {None} else tags}


def as_sentences(items: Sequence[Words | Sentence]) -> list[Sentence]:
    """Sentences from lists of words; ``DataError`` for a single string, or something that is not a word."""
    rows = _listed(items, "X", "a list of sentences")
    return [item if isinstance(item, Sentence) else _from_words(item, f"X[{i}]") for i, item in enumerate(rows)]


def _from_words(words: Words, place: str) -> Sentence:
    if isinstance(words, str):
        fix = "coner.sentence_from_text splits a text"
        raise DataError(f"{place}: got a single string; expected a list of words. Fix: {fix}")
    own = _listed(words, place, "a list of words, or a Sentence")
    if bad := [word for word in own if not isinstance(word, str) or not word]:
        raise DataError(f"{place}: got {quoted(bad[0])} as a word; expected non-empty strings")
    return Sentence(tuple(own))


def _listed(items: Any, place: str, expected: str) -> list[Any]:
    try:
        if not isinstance(items, str):
            return list(items)
    except TypeError:
        pass
    raise DataError(f"{place}: got {quoted(items)}; expected {expected}")


def labelled(
    items: Sequence[Words | Sentence], tags: Sequence[Sequence[str]] | None, scheme: InputScheme = "auto"
) -> tuple[list[Sentence], Literal["iob2", "bioes"]]:
    """Sentences with gold entities, from ``tags`` or their own, and the scheme in which the tags can be written again.

    ``DataError`` if there are no labels, or the tags do not fit the words, or no scheme.
    """
    sentences = as_sentences(items)
    if tags is None:
        if missing := [number for number, sentence in enumerate(sentences) if sentence.entities is None]:
            raise DataError(f"X[{missing[0]}]: got no labels; expected tags as y, or Sentences with entities")
        return sentences, "iob2"
    rows = [_tags(row, f"y[{number}]") for number, row in enumerate(_listed(tags, "y", "a list of tags per sentence"))]
    if len(rows) != len(sentences):
        raise DataError(f"y: got {len(rows)} lists of tags; expected {len(sentences)}, as X has sentences")
    reader, gold = TagReader(scheme, partial(_pairs, rows)), list[Sentence]()
    for number, (sentence, own) in enumerate(zip(sentences, rows, strict=True)):
        if len(own) != len(sentence):
            raise DataError(f"y[{number}]: got {len(own)} tags; expected {len(sentence)}, as X[{number}] has words")
        try:
            entities, faults = reader.read(own)
        except UnknownTags as error:
            raise DataError(f"y: {error}. Fix: name the scheme of y with scheme=") from None
        for index, message in faults:
            raise DataError(f"y[{number}][{index}]: {message}")
        gold.append(replace(sentence, entities=tuple(entities)))
    return gold, "bioes" if reader.rule == "bioes" else "iob2"


def _tags(tags: Any, place: str) -> list[str]:
    own = _listed(tags, place, "a list of tags, such as B-City")
    for index, tag in enumerate(own):
        if not isinstance(tag, str):
            raise DataError(f"{place}[{index}]: got {quoted(tag)}; expected tags such as B-City")
    return [str(tag) for tag in own]  # numpy has strings of its own


def _pairs(rows: Iterable[Sequence[str]]) -> Pairs:
    counter = PairCounter()
    for tags in rows:
        counter.read(tags)
    return counter.pairs
