"""JSONL: one JSON object per line, with entities as half-open spans of characters; see ``docs/data.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Edit, Format, WriteOptions, formats
from coner.data.reading.spans import SpanReader
from coner.data.reading.words import entity_objects, raw_text, split_words


class JsonlReader(SpanReader):
    expected = "a JSON object per line"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        return self._each(lines, self._line)

    def _line(self, line: str, number: int) -> list[Sentence]:
        if not line or line.isspace():
            return []
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error.msg.lower()} at column {error.colno}") from None
        except RecursionError:
            raise ValueError("not the JSON of a sentence: nested too deeply") from None
        if not isinstance(values, dict):
            raise ValueError(f"got a JSON {type(values).__name__}; expected an object")
        return [self._from_object(values, number)]


def to_json(sentence: Sentence) -> dict[str, Any]:
    """The object of a sentence."""
    text, offsets = raw_text(sentence)
    values: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
    values["text"] = text
    if offsets != split_words(text):
        values["words"] = list(sentence.words)
    if sentence.entities is not None:
        values["entities"] = entity_objects(sentence)
    return values


class Jsonl(Format):
    title = "JSONL"
    reader = JsonlReader
    suffixes = (".jsonl", ".ndjson", ".json")
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "scores", "white space"})
    appends = editable = True

    def sniff(self, head: bytes) -> float:
        return float(head.lstrip().startswith(b"{"))

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        for sentence in sentences:
            handle.write(json.dumps(to_json(sentence), ensure_ascii=False) + "\n")

    def edits(self, before: Sentence, after: Sentence) -> Iterator[Edit]:
        changes = zip(before.offsets, before.words, after.words, strict=True)
        moves = [(end, len(new) - len(old)) for (_, end), old, new in changes]

        def edit(line: str) -> str:
            values = json.loads(line)
            if values.get("text") is not None:
                values["text"] = after.text
            if values.get("words") is not None or after.offsets != split_words(after.text or ""):
                values["words"] = list(after.words)
            for entity in values.get("entities") or ():
                for key in ("start", "end"):
                    entity[key] += sum(by for end, by in moves if end <= entity[key])
            return json.dumps(values, ensure_ascii=line.isascii())

        yield before.line, edit


formats.register(Jsonl())
