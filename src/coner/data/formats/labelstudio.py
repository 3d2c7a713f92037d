"""Label Studio: a JSON list of tasks as it is exported and imported, JSON-MIN, or a task per line.

A cloud storage has annotations, each with its task inside. The list may be under ``tasks`` in an object. Of the
annotations of a task (before version 1.0 ``completions``) the one that is marked as ground truth is read, else the
first that was not cancelled, and of its results the labelled spans; without any annotation the first prediction,
unless gold labels are asked for. Old versions count UTF-16 units, which ``value.text`` reveals. The text is the
string of ``data``, or of an object in it, in which every ``value.text`` stands, else ``data.text``, or the only
string; paragraphs are lines of one text. ``data.words``, written if the words are not those of ``split_words``, makes
the task one sentence.

If an entity has a score, all sentences are written as predictions, because nobody has confirmed them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, Unpack

from coner.core.errors import DataError
from coner.core.lines import Lines
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats, suffix
from coner.data.formats.jsonl import LINES
from coner.data.reading.json_text import first_value, json_values
from coner.data.reading.markup import without_tags
from coner.data.reading.objects import NO_GOLD, ObjectReader, QuotedMark, Values, claims_of
from coner.data.reading.offsets import Claim, find_offsets
from coner.data.reading.reader import ReadOptions
from coner.data.reading.results import (
    MINIMAL,
    TASKS,
    is_around,
    is_cancelled,
    is_wrapper,
    items_of,
    list_under,
    placed,
    texts_in,
    whole_task,
)
from coner.data.reading.spans import Mark, align_words
from coner.data.reading.tools import ADDRESS
from coner.data.reading.words import BOM, entity_objects, lone_surrogate, raw_text, split_words

READ = ("labels", "hypertextlabels", "paragraphlabels")  # types of results
ANNOTATIONS = ("annotations", "completions")
KNOWN = (*ANNOTATIONS, "predictions", "drafts")


class LabelStudioReader(ObjectReader):
    unit = "task"
    expected = "a JSON list of Label Studio tasks"
    read_keys = f"results of one of the types {', '.join(READ)}"
    fix = "label spans of text with <Labels>, and export them as JSON"

    def __init__(self, path: str | Path, **options: Unpack[ReadOptions]) -> None:
        super().__init__(path, **options)
        self._usual = ("text",)
        self._labelled = False  # the file has results that are read
        self._html = False  # offsets do not count the tags of HTML
        self._on_images = ""  # a type of results
        self._guesses = 0

    @property
    def notes(self) -> list[str]:
        guesses = f"tasks without annotation whose prediction is read: {self._guesses}"
        return [*super().notes, *([guesses] if self._guesses else [])]

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        tasks = [whole_task(value) for value in self._tasks(json_values(self.path, "tasks"))]
        for task in tasks if all(isinstance(task, dict) for task in tasks) else ():
            self._survey_task(task)
        if self._on_images and not self._labelled:
            got = f"got results of type {self._on_images:.80}, which label images; expected results on text"
            raise DataError(f"{got}. Fix: {self.fix}", self.path)
        return self._objects(tasks, self._object)

    def _tasks(self, values: list[Any]) -> list[Any]:
        """The tasks of a file, which may be in an object with other values."""
        if len(values) != 1 or not is_wrapper(values[0]):
            return values
        self.ignored.update(f"values under {key!r:.80}" for key in values[0] if key != TASKS)
        return list_under(values[0], TASKS)

    def _survey_task(self, task: Values) -> None:
        """Note what the file contains: some tasks prove how the others are to be read."""
        runs = [run for key in KNOWN for run in items_of(task.get(key)) if isinstance(run, dict)]
        results = [result for run in runs for result in items_of(run.get("result")) if isinstance(result, dict)]
        self._labelled = self._labelled or any(result.get("type") in READ for result in results)
        images = (str(result.get("type")) for result in results if "original_width" in result)
        self._on_images = self._on_images or next(images, "")
        texts = self._texts(data) if isinstance(data := task.get("data"), dict) else {}
        claims = [([place[:2]], place[2]) for result in results if (place := placed(result))[2] is not None]
        if claims and (key := self._key_of_text(texts, claims)) is not None and "<" in texts[key]:
            with_tags, without = (find_offsets(text, claims) for text in (texts[key], without_tags(texts[key])))
            self._html = self._html or without.agreeing(claims) > with_tags.agreeing(claims)

    def _object(self, item: Any, number: int) -> Iterable[Sentence]:
        data = item.get("data") if isinstance(item, dict) else None
        if not isinstance(data, dict):
            raise ValueError('got a task without "data"; expected what Label Studio exports as JSON or JSON-MIN')
        if lone_surrogate(json.dumps(item, ensure_ascii=False)) is not None:
            raise ValueError("got a lone surrogate; expected whole characters")
        self._count_unread(item, KNOWN, None, number)
        results = self._results(item)
        spans = None if results is None else self._spans(results, number)
        if spans is None and self._gold:
            guess = "only predictions" if item.get("predictions") else "no annotation that was not cancelled"
            got = guess if results is None else f"only {self._named()}"
            raise self.error(number, f"got {got}; {NO_GOLD}")
        text, words = self._text(data, claims_of(spans or ())), data.get("words")
        offsets = () if words is None else align_words({"text": text, "words": words}, self._split)[1]
        marks = None if spans is None else list(self._marks(spans, text, number, guess=words is None))
        id = data.get("id", item.get("id"))
        if not offsets:
            return self._document(text, marks, id=id, number=number)
        return self._cut(text, [((0, len(text)), offsets)], marks, id=id, number=number)

    def _results(self, task: Values) -> list[Any] | None:
        """The results of the annotation or prediction that is read; ``None`` if there is none."""
        annotations = [item for key in ANNOTATIONS for item in list_under(task, key)]
        kept = [item for item in annotations if isinstance(item, dict) and not is_cancelled(item)]
        kept.sort(key=lambda item: item.get("ground_truth") is not True)
        predictions = [item for item in list_under(task, "predictions") if isinstance(item, dict)]
        self.ignored["cancelled annotations"] += len(annotations) - len(kept)
        self.ignored["further annotations"] += len(kept[1:])
        self.ignored["drafts"] += len(list_under(task, "drafts"))
        if annotations or not predictions or (self._gold and not self._predicted):
            self.ignored["predictions"] += len(predictions)
            return list_under(kept[0], "result") if kept else None
        self.ignored["predictions"] += len(predictions[1:])
        self._guesses += 1
        score = predictions[0].get("score")  # of results that have none of their own
        results = list_under(predictions[0], "result")
        return [{"score": score, **item} if isinstance(item, dict) else item for item in results]

    def _spans(self, results: list[Any], number: int) -> list[QuotedMark] | None:
        """The labelled spans among results; ``None`` if labels of spans are only in results that are not read."""
        types = [str(result.get("type")) if isinstance(result, dict) else "None" for result in results]
        self.ignored.update(f"results of type {type:.80}" for type in types if type not in READ)
        if types and not any(type in READ for type in types):
            others = [type for type in types if type.endswith("labels") or not (self._labelled or type == "relation")]
            self._unread.update(f"results of type {type}" for type in others)
            self._first_unread = self._first_unread or number
            if others:
                return None
        spans = [self._quoted(result, number) for result, type in zip(results, types, strict=True) if type in READ]
        return [span for span in spans if span is not None]

    def _quoted(self, result: Values, number: int) -> QuotedMark | None:
        start, end, repeated, labels = placed(result)
        score: Any = result.get("score")
        known = type(score) in (int, float) and 0 <= score <= 1
        name = f"result {result.get('id')!r}"
        if type(start) is not int or type(end) is not int:
            self._fault(number, f"{name}: got start {start!r:.40} and end {end!r:.40}; expected whole numbers")
        elif not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str) or not labels[0]:
            fault = "several labels" if isinstance(labels, list) and len(labels) > 1 else "without a label"
            self._fault(number, f"{name}, entity {start}-{end}: got labels {labels!r:.80}; expected one label", fault)
        else:
            return Mark(start, end, labels[0], score if known else 1.0, number), repeated
        return None

    def _texts(self, values: Values) -> dict[str, str]:
        texts = texts_in(values)
        return texts if self._text_key is None else {k: text for k, text in texts.items() if k == self._text_key}

    def _key_of_text(self, texts: Mapping[str, str], claims: Sequence[Claim]) -> str | None:
        key = super()._key_of_text(texts, claims)
        alone = [name for name in texts if "." not in name] or list(texts)  # before those in objects
        return alone[0] if key is None and len(alone) == 1 else key

    def _text(self, data: Values, claims: Sequence[Claim]) -> str:
        texts = self._texts(data)
        if (key := self._key_of_text(texts, claims)) is None:
            wanted = f"a string {self._text_key!r}" if self._text_key else 'a string "text", one string alone'
            raise ValueError(f"got data with {sorted(texts or data)!r:.200}; expected {wanted}, or --text KEY")
        if claims and ADDRESS.fullmatch(texts[key]):
            raise ValueError(f"got {texts[key]!r:.60}, the address of a text; expected the text itself as data.{key}")
        if self._html and "<" in texts[key]:
            self.ignored["texts with tags of HTML, without the tags"] += 1
            return without_tags(texts[key])
        return texts[key]


def to_task(sentence: Sentence, *, predicted: bool = False) -> dict[str, Any]:
    """The task of a sentence, with its entities as an annotation, or as a prediction; one without labels has neither.

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
        entity.pop("kb_id", None)
        value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
        named = {"id": str(number), "from_name": "label", "to_name": "text", "type": "labels", "value": value}
        result.append({**named, **entity})  # with the score, if it has one
    return {"data": data, "predictions" if predicted else "annotations": [{"result": result}]}


class LabelStudio(Format):
    title = "Label Studio"
    reader = LabelStudioReader
    suffixes = (".json",)
    input_suffixes = LINES
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "scores", "white space"})

    def claims(self, path: Path) -> bool:
        return super().claims(path) and (suffix(path) not in LINES or path.is_file())

    def sniff(self, head: bytes) -> float:
        value, _ = first_value(head)
        if isinstance(value, dict) and is_wrapper(value):
            value = next(iter(value[TASKS]), None)
        task = isinstance(value, dict) and (
            is_around(value) or isinstance(value.get("data"), dict) or {"data", *KNOWN} & value.keys() > {"data"}
        )
        return float(task or (isinstance(value, dict) and "data" not in value and any(key in value for key in MINIMAL)))

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        given = list(sentences)
        predicted = options.predicted or any(
            entity.score != 1 for sentence in given for entity in sentence.entities or ()
        )
        start = "[\n"
        for number, sentence in enumerate(given):
            task = to_task(sentence, predicted=predicted) | options.meta_of(number)
            handle.write(start + json.dumps(task, ensure_ascii=False))
            start = ",\n"
        handle.write("[]\n" if start == "[\n" else "\n]\n")


formats.register(LabelStudio())
