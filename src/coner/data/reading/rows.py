"""Tables with a row per sentence, from Hugging Face datasets, Parquet files or pandas frames.

============  ===================================================================================
column        holds
============  ===================================================================================
``tokens``    the words, a list of strings; if it is there, ``text`` is not read
``ner_tags``  their tags: a list of strings, or of ids with known names; may be absent
``text``      a string, split into words
``entities``  objects with ``start`` and ``end`` (characters), ``label`` and ``score``; may be absent
``id``        of the sentence; may be absent
============  ===================================================================================

A row whose labels are null has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.tags import OUTSIDE, read_tags
from coner.core.types import Entity, Sentence
from coner.data.reading.spans import SpanReader

TOKENS, TAGS, TEXT, ENTITIES, ID = "tokens", "ner_tags", "text", "entities", "id"
LABEL_COLUMN = {TOKENS: TAGS, TEXT: ENTITIES}


def word_column(columns: Collection[str], path: str | Path) -> str:
    """The column that holds the words, ``tokens`` or ``text``; ``DataError`` if there is none."""
    if name := next((name for name in LABEL_COLUMN if name in columns), None):
        return name
    got = ", ".join(columns) or "none"
    raise DataError(f"got columns {got}; expected {TOKENS!r} and {TAGS!r}, or {TEXT!r} and {ENTITIES!r}", path)


class RowReader(SpanReader):
    """Base class of the readers of tables."""

    unit = "row"
    expected = "a row per sentence"

    def _columns(self, columns: Collection[str]) -> list[str]:
        """The columns to read; the others are counted as ignored."""
        words = word_column(columns, self.path)
        labels = LABEL_COLUMN[words]
        if self._gold and labels not in columns:
            raise DataError(f"got no column {labels!r}, but {', '.join(columns)}; expected gold labels", self.path)
        wanted = [name for name in (ID, words, labels) if name in columns]
        for name in columns:
            if name not in wanted:
                self.ignored[f"column {name}"] += 1
        return wanted

    def _from_rows(self, rows: Iterable[Mapping[str, Any]], names: Sequence[str] | None = None) -> Iterator[Sentence]:
        """The sentences of rows; ``names`` are those of tag ids."""

        def sentence(row: Mapping[str, Any], number: int) -> list[Sentence]:
            return [self._tagged(row, number, names) if TOKENS in row else self._marked(row, number)]

        return self._each(rows, sentence)

    def _marked(self, row: Mapping[str, Any], number: int) -> Sentence:
        values = {key: value for key, value in row.items() if value is not None and value != ""}
        if isinstance(items := values.get(ENTITIES), list):  # a column of structs has null where a score is absent
            values[ENTITIES] = [
                {key: value for key, value in item.items() if value is not None} if isinstance(item, dict) else item
                for item in items
            ]
        return self._from_object(values, number)

    def _tagged(self, row: Mapping[str, Any], number: int, names: Sequence[str] | None) -> Sentence:
        words, tags, id = row[TOKENS], row.get(TAGS), row.get(ID)
        if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
            raise ValueError(f"got {TOKENS} {words!r:.80}; expected a list of non-empty words")
        if tags is None and self._gold:
            raise self.error(number, f"got no {TAGS}; expected gold labels")
        if tags is not None and (not isinstance(tags, list) or len(tags) != len(words)):
            got = len(tags) if isinstance(tags, list) else repr(tags)
            raise ValueError(f"got {got} {TAGS} for {len(words)} words; expected a tag per word")
        entities = None if tags is None else self._entities(tags, number, names)
        return Sentence(tuple(words), entities, None if id is None or not str(id) else str(id), line=number)

    def _entities(self, ids: list[Any], number: int, names: Sequence[str] | None) -> tuple[Entity, ...]:
        tags = []
        for index, id in enumerate(ids, 1):
            tag = id if names is None else names[id] if isinstance(id, int) and 0 <= id < len(names) else None
            if not isinstance(tag, str):
                self._repair(number, f"got tag {id!r} of word {index}, which has no name; expected one, or {OUTSIDE}")
            tags.append(tag if isinstance(tag, str) else OUTSIDE)
        entities, faults = read_tags(tags, self._scheme)
        for index, message in faults:
            self._repair(number, f"word {index + 1}: {message}")
        for entity in entities:
            self._check_label(entity.label, number)
        return tuple(entities)
