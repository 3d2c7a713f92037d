"""JSONL: one JSON object per line, with entities as half-open spans of characters; see ``docs/data.md``.

Objects in the forms of other tools are read too, see ``reading.keys``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Edit, Format, WriteOptions, formats
from coner.data.reading.json_text import json_value
from coner.data.reading.keys import is_own, label_key
from coner.data.reading.objects import ObjectReader
from coner.data.reading.offsets import same_text
from coner.data.reading.words import entity_objects, raw_text, split_words

LINES = (".jsonl", ".ndjson")


class JsonlReader(ObjectReader):
    unit = "line"
    expected = "a JSON object per line"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        return self._objects(lines, self._line)

    def _line(self, line: str, number: int) -> Iterable[Sentence]:
        if not line or line.isspace():
            return []
        value = json_value(line, "a sentence")
        return [] if value is None else self._object(value, number)


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


def _editable(values: Any, text: str) -> bool:
    """Whether an object has coner's own form, and offsets in code points where it repeats texts."""
    if not is_own(values) or label_key(values, values.get("words")) not in (None, "entities"):
        return False
    repeated = [entity for entity in values.get("entities") or () if isinstance(entity.get("text"), str)]
    return all(same_text(text[entity["start"] : entity["end"]], entity["text"]) for entity in repeated)


class Jsonl(Format):
    title = "JSONL"
    reader = JsonlReader
    suffixes = (*LINES, ".json")
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "scores", "links", "white space"})
    appends = editable = True

    def sniff(self, head: bytes) -> float:
        return 0.8 if head.lstrip().startswith(b"{") else 0.05

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        for number, sentence in enumerate(sentences):
            handle.write(json.dumps(to_json(sentence) | options.meta_of(number), ensure_ascii=False) + "\n")

    def edits(self, before: Sentence, after: Sentence) -> Iterator[Edit]:
        changes = zip(before.offsets, before.words, after.words, strict=True)
        moves = [(end, len(new) - len(old)) for (_, end), old, new in changes]

        def edit(line: str) -> str:
            values = json.loads(line)
            if not _editable(values, raw_text(before)[0]):
                message = f"line {before.line}: got an object in another form than coner's own; expected that"
                raise DataError(f"{message}. Fix: convert the file to JSONL with coner convert")
            if values.get("text") is not None:
                values["text"] = after.text
            if values.get("words") is not None or after.offsets != split_words(after.text or ""):
                values["words"] = list(after.words)
            for entity in values.get("entities") or ():
                for key in ("start", "end"):
                    entity[key] += sum(by for end, by in moves if end <= entity[key])
                if entity.get("text") is not None:
                    entity["text"] = raw_text(after)[0][entity["start"] : entity["end"]]
            return json.dumps(values, ensure_ascii=line.isascii())

        yield before.line, edit


formats.register(Jsonl())
