"""Label Studio: a JSON list of tasks, as it is exported and imported.

Of the annotations of a task the first that was not cancelled is read, and of its results those of type ``labels``. Old
versions of Label Studio count UTF-16 units, which ``value.text`` reveals. The text is ``data.text``, or the only string
in ``data``. ``data.words``, written if the words are not those of ``split_words``, makes the task one sentence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.reading.offsets import same_text
from coner.data.reading.spans import Mark, SpanReader, align_words, whole_text
from coner.data.reading.words import BOM, entity_objects, lone_surrogate, raw_text, split_words


class LabelStudioReader(SpanReader):
    unit = "task"
    expected = "a JSON list of Label Studio tasks"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        return self._each(self._tasks(), self._task)

    def _tasks(self) -> list[Any]:
        try:
            tasks = json.loads(whole_text(self.path).removeprefix(BOM))
        except json.JSONDecodeError as error:
            message = f"not JSON: {error.msg.lower()} at column {error.colno}"
            raise DataError(message, self.path, error.lineno) from None
        except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).lower()
            raise DataError(f"not the JSON of tasks: {reason}", self.path) from None
        if not isinstance(tasks, list):
            message = f"got a JSON {type(tasks).__name__}; expected a list of tasks"
            raise DataError(f"{message}. Fix: export as JSON, not as JSON-MIN or CSV", self.path)
        return tasks

    def _task(self, task: Any, number: int) -> Iterator[Sentence]:
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict):
            raise ValueError('got a task without "data"; expected what Label Studio exports as JSON')
        text = _text(data)
        if lone_surrogate(json.dumps(task, ensure_ascii=False)) is not None:
            raise ValueError("got half of a surrogate pair; expected whole characters")
        words = data.get("words")
        offsets = () if words is None else align_words({"text": text, "words": words}, self._split)[1]
        results = self._results(task)
        if results is None and self._gold:
            raise self.error(number, "got no annotation that was not cancelled; expected gold labels")
        marks = None if results is None else self._marks(results, text, number)
        id = data.get("id", task.get("id"))
        if not offsets:
            return self._document(text, marks, id=id, number=number)
        return self._cut(text, [((0, len(text)), offsets)], marks, id=id, number=number)

    def _results(self, task: dict[str, Any]) -> list[Any] | None:
        annotations = _list(task, "annotations")
        kept = [item for item in annotations if isinstance(item, dict) and not item.get("was_cancelled")]
        self.ignored["cancelled annotations"] += len(annotations) - len(kept)
        self.ignored["further annotations"] += len(kept[1:])
        for key in ("predictions", "drafts"):
            self.ignored[key] += len(_list(task, key))
        return _list(kept[0], "result") if kept else None

    def _marks(self, results: list[Any], text: str, number: int) -> Iterator[Mark]:
        for result in results:
            type_ = result.get("type") if isinstance(result, dict) else None
            if type_ == "labels":
                yield from self._mark(result, text, number)
            else:
                self.ignored[f"results of type {type_}"] += 1

    def _mark(self, result: dict[str, Any], text: str, number: int) -> Iterator[Mark]:
        value = result.get("value")
        values = value if isinstance(value, dict) else {}
        start, end, labels, covered = map(values.get, ("start", "end", "labels", "text"))
        score: Any = result.get("score")
        known = type(score) in (int, float) and 0 <= score <= 1
        name = f"result {result.get('id')!r}"
        place = f"{name}, entity {start}-{end}"
        if type(start) is not int or type(end) is not int:
            self._fault(number, f"{name}: got start {start!r:.40} and end {end!r:.40}; expected whole numbers")
        elif not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str) or not labels[0]:
            fault = "several labels" if isinstance(labels, list) and len(labels) > 1 else "without a label"
            self._fault(number, f"{place}: got labels {labels!r:.80}; expected one label", fault)
        elif not isinstance(covered, str) or same_text(text[max(start, 0) : max(end, 0)], covered):
            yield Mark(start, end, labels[0], score if known else 1.0, number)
        else:
            units = text.encode("utf-16-le")
            if 0 <= start < end <= len(units) // 2 and same_text(_decode(units, start, end), covered):
                self._fault(number, f"{place}: got UTF-16 units; expected code points", "converted")
                start, end = len(_decode(units, 0, start)), len(_decode(units, 0, end))
                yield Mark(start, end, labels[0], score if known else 1.0, number)
            else:
                self._fault(number, f"{place}: got text {covered[:40]!r}, which is not there", "text differs")


def _decode(units: bytes, start: int, end: int) -> str:
    return units[2 * start : 2 * end].decode("utf-16-le", "replace")


def _text(data: dict[str, Any]) -> str:
    texts = {key: value for key, value in data.items() if isinstance(value, str) and key != "id"}
    if "text" not in texts and len(texts) != 1:
        raise ValueError(f'got data with {sorted(data)!r:.200}; expected a string "text", or one string alone')
    return str(texts.get("text", next(iter(texts.values()))))


def _list(values: dict[str, Any], key: str) -> list[Any]:
    items = values.get(key) or []
    if not isinstance(items, list):
        raise ValueError(f"got {key} {items!r:.80}; expected a list")
    return items


def to_task(sentence: Sentence) -> dict[str, Any]:
    """The task of a sentence; one without labels gets no annotation.

    The labelling configuration needs ``<Labels name="label" toName="text">`` and ``<Text name="text" value="$text"/>``.
    """
    text, offsets = raw_text(sentence)
    data: dict[str, Any] = {"text": text} if sentence.id is None else {"text": text, "id": sentence.id}
    if "\n" in text or offsets != split_words(text) or text.startswith(BOM):
        data["words"] = list(sentence.words)
    if sentence.entities is None:
        return {"data": data}
    result = []
    for number, entity in enumerate(entity_objects(sentence), 1):
        start, end, label = entity.pop("start"), entity.pop("end"), entity.pop("label")
        value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
        named = {"id": str(number), "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        result.append({**named, **entity})  # with the score, if it has one
    return {"data": data, "annotations": [{"result": result}]}


class LabelStudio(Format):
    title = "Label Studio"
    reader = LabelStudioReader
    suffixes = (".json",)
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "scores", "white space"})

    def sniff(self, head: bytes) -> float:
        items = head.lstrip()
        return 0.0 if not items.startswith(b"[") else 1.0 if items[1:].lstrip().startswith(b"{") else 0.05

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        start = "[\n"
        for sentence in sentences:
            handle.write(start + json.dumps(to_task(sentence), ensure_ascii=False))
            start = ",\n"
        handle.write("[]\n" if start == "[\n" else "\n]\n")


formats.register(LabelStudio())
