"""JSON: an array of objects in any form of ``reading.keys``, spaCy's training data, or an object with such an array.

spaCy's are pairs of a text and its annotations (``TRAIN_DATA``, also from NER Annotator), or documents with
``paragraphs`` of tagged tokens (spaCy 2). Of an object its only array of objects is read, such as ``data``,
or the rows, if it is a table by columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.tags import OUTSIDE
from coner.core.types import Sentence
from coner.data.formats import Format, formats, suffix
from coner.data.formats.jsonl import LINES
from coner.data.reading.forms import columns_as_rows
from coner.data.reading.json_text import first_value, json_items
from coner.data.reading.keys import FORMS, NAMES, TEXTS, WORDS, first_of, is_pair, tag_names
from coner.data.reading.objects import NO_GOLD, ObjectReader
from coner.data.reading.spans import check_words
from coner.data.reading.tools import is_tool
from coner.data.reading.words import lone_surrogate

UNKNOWN = (None, "", "-")  # tags of words that nobody annotated


class JsonReader(ObjectReader):
    expected = f"an array of objects ({FORMS}), or of pairs of a text and its annotations"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        return self._objects(self._items(), self._object)

    def _items(self) -> list[Any]:
        values, array = json_items(self.path, "objects")
        if len(values) != 1 or array or not isinstance(values[0], dict):
            return values
        if rows := columns_as_rows(values[0]):
            return rows
        value = values[0]
        while (inner := _only_object(value)) is not None:
            value = inner
        if not is_wrapper(value):
            return values
        lists = {key: items for key, items in value.items() if _is_array(items) and key not in NAMES}
        if len(lists) != 1:
            got = f"got arrays under {', '.join(map(repr, lists))}"
            raise DataError(f"{got:.200}; expected one. Fix: jq .{min(lists)} {self.path}", self.path)
        self.file_names = tag_names(value, "ner_tags")
        return next(iter(lists.values()))

    def _object(self, item: Any, number: int) -> Iterable[Sentence]:
        if item is None:  # NER Annotator: a text that was passed over
            self.ignored["objects that are null"] += 1
            return []
        if not isinstance(item, dict) or "paragraphs" not in item:
            return super()._object(item, number)
        sentences = [s for paragraph in _objects(item, "paragraphs") for s in self._paragraph(paragraph, number)]
        id = item.get("id")
        if not isinstance(id, str | int) or lone_surrogate(str(id)) is not None:
            return sentences
        several = len(sentences) > 1
        return [replace(s, id=f"{id}-{count}" if several else str(id)) for count, s in enumerate(sentences, 1)]

    def _paragraph(self, paragraph: dict[str, Any], number: int) -> Iterator[Sentence]:
        rows = [_objects(sentence, "tokens") for sentence in _objects(paragraph, "sentences")]
        if not any("ner" in token for row in rows for token in row) and isinstance(paragraph.get("raw"), str):
            yield from super()._object([paragraph["raw"], paragraph], number)
            return
        for row in rows:
            tokens = [token for token in row if str(token.get("orth")).strip()]
            words: list[Any] = [token.get("orth") for token in tokens]
            check_words("orth", words)
            tags = [OUTSIDE if token.get("ner") in UNKNOWN else token["ner"] for token in tokens]
            unknown = sum(token.get("ner") in UNKNOWN for token in tokens)
            if unknown == len(tokens):
                if self._gold:
                    raise self.error(number, f"got no entity annotation on any token; {NO_GOLD}")
                yield Sentence(tuple(words), line=number)
            else:
                self.ignored["words without annotation"] += unknown
                yield from super()._object({"words": words, "ner": tags}, number)


def _objects(values: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = values.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError(f"got {key} {items!r:.80}; expected a list of objects")
    return items


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) or is_pair(item) for item in value)


def is_wrapper(values: dict[str, Any]) -> bool:
    """Whether an object is not a sentence, but has arrays of them."""
    sentence = any(isinstance(values.get(key), str) for key in TEXTS) or first_of(WORDS, values) is not None
    inner = _only_object(values)
    arrays = any(_is_array(value) and key not in NAMES for key, value in values.items())
    return (
        not sentence
        and "paragraphs" not in values
        and not is_tool(values)
        and (arrays or (inner is not None and is_wrapper(inner)))
    )


def _only_object(values: dict[str, Any]) -> dict[str, Any] | None:
    """The value of the only key, if it is an object, as under ``rasa_nlu_data``."""
    value = next(iter(values.values())) if len(values) == 1 else None
    return value if isinstance(value, dict) else None


class Json(Format):
    title = "JSON"
    reader = JsonReader
    input_suffixes = (".json", *LINES)
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "scores", "links", "white space"})

    def claims(self, path: Path) -> bool:
        return super().claims(path) and (suffix(path) not in LINES or path.is_file())

    def sniff(self, head: bytes) -> float:
        if head[:100].translate(None, b" \t\r\n").startswith(b"[[{"):  # stanza
            return 0.9
        value, array = first_value(head)
        if array or is_pair(value):
            return 0.9 * (isinstance(value, dict) or is_pair(value) or value == [])
        columns = isinstance(value, dict) and columns_as_rows(value) is not None
        pretty = head.lstrip()[1:].lstrip(b" \t\r")[:1] == b"\n"
        return 0.9 * (isinstance(value, dict) and (pretty or columns or is_wrapper(value) or "paragraphs" in value))


formats.register(Json())
