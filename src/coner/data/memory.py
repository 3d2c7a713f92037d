"""Data in memory: sentences, lists of words and tags, and pandas frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, Unpack, runtime_checkable

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.tags import InvalidTags, Scheme, entities_from_tags
from coner.core.types import Sentence
from coner.data.reading.reader import Reader, ReadOptions
from coner.data.reading.tables import ID, TAGS, TEXT, TOKENS, RowReader, plain

Words = Sequence[str]


@runtime_checkable
class Frame(Protocol):
    """What is used of a pandas frame."""

    columns: Any

    def itertuples(self, index: bool = True, name: str | None = None) -> Iterable[tuple[Any, ...]]:
        """The rows."""


class SentencesReader(Reader):
    unit = "sentence"

    def __init__(self, sentences: Iterable[Sentence], **options: Unpack[ReadOptions]) -> None:
        super().__init__("memory", **options)
        self._source = sentences

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        for number, sentence in enumerate(self._source, 1):
            if not isinstance(sentence, Sentence):
                expected = "Sentence objects (coner.sentence_from_text makes one), a path, or a pandas frame"
                raise self.error(number, f"got {sentence!r:.80}; expected {expected}")
            if sentence.entities is None and self._gold:
                raise self.error(number, "got no labels; expected gold labels")
            for entity in sentence.entities or ():
                self._check_label(entity.label, number)
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
    return [item if isinstance(item, Sentence) else _from_words(item, f"X[{i}]") for i, item in enumerate(items)]


def _from_words(words: Words, place: str) -> Sentence:
    if isinstance(words, str):
        fix = "coner.sentence_from_text splits a text"
        raise DataError(f"{place}: got a single string; expected a list of words. Fix: {fix}")
    sentence = Sentence(tuple(words))
    if bad := [word for word in sentence.words if not isinstance(word, str) or not word]:
        raise DataError(f"{place}: got {bad[0]!r} as a word; expected non-empty strings")
    return sentence


def labelled(
    items: Sequence[Words | Sentence], tags: Sequence[Sequence[str]] | None, scheme: Scheme = "iob2"
) -> list[Sentence]:
    """Sentences with gold entities, from ``tags`` or their own; ``DataError`` if there are none, or they do not fit."""
    sentences = as_sentences(items)
    if tags is None:
        if missing := [number for number, sentence in enumerate(sentences) if sentence.entities is None]:
            raise DataError(f"X[{missing[0]}]: got no labels; expected tags as y, or Sentences with entities")
        return sentences
    if len(tags) != len(sentences):
        raise DataError(f"y: got {len(tags)} lists of tags; expected {len(sentences)}, as X has sentences")
    gold = []
    for number, (sentence, own) in enumerate(zip(sentences, tags, strict=True)):
        if len(own) != len(sentence):
            raise DataError(f"y[{number}]: got {len(own)} tags; expected {len(sentence)}, as X[{number}] has words")
        try:
            gold.append(replace(sentence, entities=tuple(entities_from_tags(own, scheme))))
        except InvalidTags as error:
            raise DataError(f"y[{number}][{error.index}]: {error}") from None
    return gold
