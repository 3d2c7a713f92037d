"""Label Studio: a JSON list of tasks, as it is exported and imported.

::

    [{"data": {"text": "she met ada.", "id": "7"},
      "annotations": [{"result": [{"from_name": "label", "to_name": "text", "type": "labels",
                                   "value": {"start": 8, "end": 11, "text": "ada", "labels": ["Scientist"]}}]}]}]

Of a task's annotations the first that was not cancelled is read, of its results those of type ``labels``; the rest is
counted, and so are predictions. A task without such an annotation has no labels. Spans are half-open and count
characters (code points); older versions of Label Studio count UTF-16 units, which is seen by ``value.text`` and mended.
The text is ``data.text``, or the only string in ``data``. ``data.words``, a list of strings, is written where the words
are not those of coner's own splitter, and makes the task one sentence; else each line of the text is one. The id is
``data.id``, else the task's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats.jsonl import words_of
from coner.data.reading.spans import BOM, Mark, SpanReader, same_text, whole_text
from coner.data.reading.words import character_span, raw_text, split_words


class LabelStudioReader(SpanReader):
    """Reads an export, whole.

    With ``repair`` an entity that cuts a word grows to whole words, a UTF-16 span is counted anew (``repaired``); one
    that overlaps another, has several labels or none, lies outside, across a line end or not where its text is, and
    a task that cannot be read, is left out (``skipped``).
    """

    unit = "task"

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        empty = True
        for number, task in enumerate(self._tasks(), 1):
            try:
                sentences = self._task(task, number)
            except ValueError as error:
                self._skip(number, str(error))
                continue
            for sentence in sentences:
                empty = False
                yield sentence
        if empty:
            raise DataError("holds no sentence; expected a JSON list of tasks of Label Studio", self.path)

    def _tasks(self) -> list[Any]:
        try:
            tasks = json.loads(whole_text(self.path).removeprefix(BOM))
        except json.JSONDecodeError as error:
            message = f"not JSON: {error.msg.lower()} at column {error.colno}"
            raise DataError(message, self.path, error.lineno) from None
        except RecursionError:
            raise DataError("not JSON of tasks: nested too deeply", self.path) from None
        except ValueError as error:  # a number of thousands of digits
            raise DataError(f"not JSON of tasks: {str(error).lower()}", self.path) from None
        if not isinstance(tasks, list):
            raise DataError("a JSON list of tasks was expected; export as JSON, not as JSON-MIN or CSV", self.path)
        return tasks

    def _task(self, task: Any, number: int) -> list[Sentence]:
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict):
            raise ValueError('a task without "data"; expected the form that Label Studio exports as JSON')
        text = _text(data)
        try:
            json.dumps(task, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair stands in it") from None
        cut = None if data.get("words") is None else words_of({"text": text, "words": data["words"]}, self._split)
        results = self._results(task)
        if results is None and self._gold:
            raise self.error(number, "no annotation that was not cancelled; expected gold labels")
        marks = None if results is None else list(self._marks(results, text, number))
        id = data.get("id", task.get("id"))
        id = str(id) if isinstance(id, str | int) and str(id) else None
        if cut is None:
            return list(self._document(text, marks, id=id, number=number))
        words, text, offsets = cut
        entities = None if marks is None else self._place(marks, len(text), offsets)
        return [Sentence(words, entities, id, text=text, offsets=offsets, line=number)]

    def _results(self, task: dict[str, Any]) -> list[Any] | None:
        """Of the first annotation that was not cancelled."""
        given = _list(task, "annotations")
        kept = [item for item in given if isinstance(item, dict) and not item.get("was_cancelled")]
        self.unread["cancelled annotations"] += len(given) - len(kept)
        self.unread["further annotations"] += len(kept[1:])
        self.unread["predictions"] += len(_list(task, "predictions"))
        self.unread["drafts"] += len(_list(task, "drafts"))
        return _list(kept[0], "result") if kept else None

    def _marks(self, results: list[Any], text: str, number: int) -> Iterator[Mark]:
        for result in results:
            if not isinstance(result, dict) or result.get("type") != "labels":
                kind = result.get("type") if isinstance(result, dict) else None
                self.unread[f"results of type {kind}"] += 1
            elif mark := self._mark(result, text, number):
                yield mark

    def _mark(self, result: dict[str, Any], text: str, number: int) -> Mark | None:
        value = result.get("value")
        start, end, labels, said = map(
            (value if isinstance(value, dict) else {}).get, ("start", "end", "labels", "text")
        )
        place = f"result {result.get('id')!r}"
        if type(start) is not int or type(end) is not int:
            self._skip(number, f"{place} has no start and end that are whole numbers")
            return None
        place = f"{place}, entity {start}-{end}"
        if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str) or not labels[0]:
            several = isinstance(labels, list) and len(labels) > 1
            came = f"labels {labels!r}; expected one label"
            self._skip(number, f"{place} has the {came}", "several labels" if several else "without a label")
            return None
        if isinstance(said, str) and not same_text(text[max(start, 0) : max(end, 0)], said):
            wide = text.encode("utf-16-le")
            units = len(wide) // 2
            if not (0 <= start < end <= units and same_text(_units(wide, start, end), said)):
                self._skip(number, f"{place} has the text {said[:40]!r}, which does not stand there", "text differs")
                return None
            self._mend(number, f"{place} counts in UTF-16 units; expected characters", "counted anew")
            start, end = len(_units(wide, 0, start)), len(_units(wide, 0, end))
        score: Any = result.get("score")
        known = type(score) in (int, float) and 0 <= score <= 1
        return Mark(start, end, labels[0], score if known else 1.0, number)


def _units(wide: bytes, start: int, end: int) -> str:
    return wide[2 * start : 2 * end].decode("utf-16-le", "replace")


def _text(data: dict[str, Any]) -> str:
    texts = {key: value for key, value in data.items() if isinstance(value, str) and key != "id"}
    if "text" not in texts and len(texts) != 1:
        raise ValueError(f'data has no "text", but {sorted(data)!r}; expected a string "text", or one string alone')
    text = texts["text"] if "text" in texts else next(iter(texts.values()))
    return str(text)


def _list(values: dict[str, Any], key: str) -> list[Any]:
    found = values.get(key) or []
    if not isinstance(found, list):
        raise ValueError(f"{key} is no list")
    return found


def write_labelstudio(sentences: Iterable[Sentence], handle: TextIO) -> int:
    """Write a list of tasks to import, a sentence a task; returns how many.

    Those without labels get no annotation. The labelling configuration has to have ``<Labels name="label"
    toName="text">`` and ``<Text name="text" value="$text"/>``.
    """
    count = 0
    for count, sentence in enumerate(sentences, 1):
        handle.write(("[\n" if count == 1 else ",\n") + json.dumps(to_task(sentence), ensure_ascii=False))
    handle.write("\n]\n" if count else "[]\n")
    return count


def to_task(sentence: Sentence) -> dict[str, Any]:
    """A sentence as a task."""
    text, offsets = raw_text(sentence)
    data: dict[str, Any] = {"text": text} if sentence.id is None else {"text": text, "id": sentence.id}
    if "\n" in text or offsets != split_words(text) or text.startswith(BOM):
        data["words"] = list(sentence.words)
    if sentence.entities is None:
        return {"data": data}
    result: list[dict[str, Any]] = []
    for number, entity in enumerate(sentence.entities, 1):
        start, end = character_span(entity, offsets)
        value = {"start": start, "end": end, "text": text[start:end], "labels": [entity.label]}
        item = {"id": str(number), "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        result.append(item if entity.score == 1 else {**item, "score": entity.score})
    return {"data": data, "annotations": [{"result": result}]}
