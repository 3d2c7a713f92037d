"""JSON of tools that keep texts and spans in objects of their own, as objects in the keys of ``reading.keys``.

``TOOLS`` has those with one text and its spans. stanza, DyGIE++ and SpERT count words, BioC has several texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coner.data.reading import keys

Values = Mapping[str, Any]
Objects = list[dict[str, Any]]
ADDRESS = re.compile(r"(?:https?|s3|gs)://\S+|/data/\S+")
SKIPPED = "performance_details.skipped"  # in a label of Labelbox
REFUSED = {  # by a key that only they have
    "%FEATURE_STRUCTURES": "UIMA CAS JSON, which is not read. Fix: export it as WebAnno TSV 3",
    "projectFileVersion": "labels of Azure Language without texts. Fix: write objects with text and entities",
    "textGcsUri": "the address of a text as textGcsUri; expected the text itself as textContent",
    "source-ref": "the address of a text as source-ref; expected the text itself as source",
    "@context": "JSON-LD, which is not read. Fix: convert it to brat, or write objects with text and entities",
}


@dataclass(frozen=True)
class Tool:
    """Where a tool writes what. In a path, dots separate keys, and ``*`` stands for each of them."""

    text: str  # a string, or an object of strings
    spans: str  # lists, of which the first is read
    start: str  # path in a span, as the following
    end: str
    label: str
    repeated: str = "-"  # the text of a span
    inclusive: bool = False  # whether the end is the last character
    address: bool = False  # whether the text may be an address instead
    id: str = "id"
    predicted: str = "-"  # key of what nobody confirmed

    def wrote(self, values: Values) -> bool:
        """Whether the tool wrote an object."""
        top, *below = self.spans.split(".")
        return at(values, self.text) is not None and (bool(self._lists(values)) or (top in values and "*" in below))

    def read(self, values: Values) -> Objects:
        """The object in the usual keys; counts of further lists, and of predictions beside them, under ``UNREAD``."""
        own, lists = at(values, self.text), self._lists(values)
        if self.address and isinstance(own, str) and ADDRESS.fullmatch(own):
            raise ValueError(f"got {own!r:.80}, the address of a text; expected the text itself as {self.text}")
        texts = own if isinstance(own, dict) else {"text": own}
        (text, _, _), (top, _, below) = self.text.partition("."), self.spans.partition(".")
        read = {key for key, value in values.items() if key == top or (top == "*" and at(value, below))}
        usual = {key: value for key, value in values.items() if key != text and not (lists and key in read)}
        usual |= {key: each for key, each in texts.items() if isinstance(each, str)} | {"id": at(values, self.id)}
        if lists:
            unread = {"further annotations": len(lists) - 1, "predictions": len(usual.pop(self.predicted, None) or ())}
            usual |= {"spans": list(map(self._span, lists[0])), UNREAD: unread}
        return [usual]

    def _lists(self, values: Values) -> list[list[Values]]:
        """The lists that are empty, or have a span; whatever else is among its items is malformed."""
        lists = [items for items in _found(values, self.spans.split(".")) if isinstance(items, list)]
        return [items for items in lists if not items or any(map(self._is_span, items))]

    def _is_span(self, item: Any) -> bool:
        return all(at(item, path) is not None for path in (self.start, self.label))

    def _span(self, item: Values) -> dict[str, Any]:
        start, end, label, repeated = (at(item, path) for path in (self.start, self.end, self.label, self.repeated))
        end = end + 1 if self.inclusive and type(end) is int else end
        return {"start": start, "end": end, "label": label, "text": repeated}


PART = "text_extraction.text_segment"
TOOLS = {
    "Argilla 2": Tool("fields", "responses.*.*.value", "start", "end", "label", predicted="suggestions"),
    "AutoML": Tool("text_snippet.content", "annotations", f"{PART}.start_offset", f"{PART}.end_offset", "display_name"),
    "Labelbox": Tool(
        "data_row.row_data",
        "projects.*.labels.*.annotations.objects",
        "location.start",
        "location.end",
        "name",
        "location.token",
        inclusive=True,
        address=True,
        id="data_row.external_id",
    ),
    "LightTag": Tool("content", "annotations", "start", "end", "tag", "value", id="example_id"),
    "SageMaker Ground Truth": Tool("source", "*.annotations.entities", "startOffset", "endOffset", "label"),
    "Vertex AI": Tool("textContent", "textSegmentAnnotations", "startOffset", "endOffset", "displayName"),
}
KEYS = frozenset(
    {*REFUSED, "sentences", "tokens", "passages", *(tool.text.partition(".")[0] for tool in TOOLS.values())}
)
UNREAD = "not read"  # key of counts


def at(value: Any, path: str) -> Any:
    """The first value at a path in an object; ``None`` if there is none."""
    return next(_found(value, path.split(".")), None)


def _found(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == "*":
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in inner:
            if at(item, SKIPPED) is not True:
                yield from _found(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        yield from _found(value[path[0]], path[1:])


def tool_objects(value: Any) -> tuple[Objects, Counter[str]] | None:
    """The objects in the usual keys that a value of these tools stands for, and what it has besides.

    ``None`` if it is of none of them; ``ValueError`` if it is malformed, or refused.
    """
    if (read := _reader(value)) is None:
        return None
    unread, objects = Counter[str](), read(value)
    for item in objects:
        unread.update(item.pop(UNREAD, {}))
    return objects, unread


def is_tool(value: Any) -> bool:
    """Whether a value is of one of these tools."""
    return _reader(value) is not None


def _reader(value: Any) -> Callable[[Any], Objects] | None:
    if isinstance(value, list):
        tokens = all(isinstance(token, dict) and "text" in token for token in value)
        return _of_stanza if tokens and any("ner" in token for token in value) else None
    if not isinstance(value, dict) or KEYS.isdisjoint(value):
        return None
    others = [(tool.wrote, tool.read) for tool in TOOLS.values()]
    return next((read for wrote, read in (*READERS, *others) if wrote(value)), None)


def _is_refused(values: Values) -> bool:
    return any(key in values for key in REFUSED) and not any(key in values for key in (*keys.TEXTS, *keys.WORDS))


def _refuse(values: Values) -> Objects:
    raise ValueError(f"got {next(got for key, got in REFUSED.items() if key in values)}")


def _of_stanza(tokens: Objects) -> Objects:
    """A sentence; words that are written also as one, as ``de`` and ``el`` of ``del``, are read as that one."""
    ids = [token["id"] for token in tokens if isinstance(token.get("id"), list)]
    parts = [id for id in ids if len(id) == 2 and set(map(type, id)) == {int}]

    def whole(token: Values) -> bool:
        return type(id := token.get("id")) is not int or not any(first <= id <= last for first, last in parts)

    return [{"tokens": list(filter(whole, tokens))}]


def _is_dygie(values: Values) -> bool:
    sentences = _list(values, "sentences")
    return bool(sentences) and all(map(keys.is_flat, sentences)) and ("ner" in values or "doc_key" in values)


def _of_dygie(values: Values) -> Objects:
    """The sentences of a document, whose spans count the words of the document; their ends are inclusive."""
    objects, first, layers = Objects(), 0, {key: _list(values, key) for key in ("ner", "relations")}
    for number, words in enumerate(values["sentences"]):
        sentence = {"tokenized_text": words, "id": values.get("doc_key")}
        for key, items in layers.items():
            if key in values and (len(items) != len(values["sentences"]) or not isinstance(items[number], list)):
                raise ValueError(f"got {key} for {len(items)} of {len(values['sentences'])} sentences; expected all")
            sentence |= {key: items[number]} if key in values else {}
        if "ner" in sentence:
            sentence["ner"] = [_moved(item, -first, -first) for item in sentence["ner"]]
        objects.append(sentence)
        first += len(words)
    objects[0][UNREAD] = {key: len(_list(values, key)) for key in ("clusters", "events", "predicted_ner")}
    return _numbered(objects)


def _is_spert(values: Values) -> bool:
    if "text" in values or not isinstance(values.get("relations"), list) or not keys.is_flat(values.get("tokens")):
        return False
    return all(isinstance(item, dict) and item.keys() == {"type", "start", "end"} for item in _list(values, "entities"))


def _of_spert(values: Values) -> Objects:
    """A sentence whose spans count words; their ends are exclusive."""
    spans = [_moved([item["start"], item["end"], item["type"]], 0, -1) for item in _list(values, "entities")]
    others = {key: value for key, value in values.items() if key not in ("tokens", "entities")}
    return [{"id": values.get("orig_id"), **others, "tokenized_text": values["tokens"], "ner": spans}]


def _of_bioc(values: Values) -> Objects:
    """The passages of a document, or their sentences; offsets count the characters of the document."""
    objects = Objects()
    for passage in _list(values, "passages"):
        for part in [passage] if at(passage, "text") else _list(passage, "sentences"):
            inner = [part, *_list(part, "sentences")]
            spans = [item for each in inner for item in _list(each, "annotations")]
            labelled = any("annotations" in each for each in inner if isinstance(each, dict))
            found = {"spans": [_of_location(item, at(part, "offset")) for item in spans]} if labelled else {}
            objects.append({"text": at(part, "text"), "id": values.get("id"), **found})
    objects = [item for item in objects if item["text"]]
    return _numbered(objects)


def _of_location(item: Any, offset: Any) -> dict[str, Any]:
    places = [(at(place, "offset"), at(place, "length")) for place in _list(item, "locations")]
    if type(offset) is not int or not places or any(type(number) is not int for place in places for number in place):
        raise ValueError(f"annotation {item!r:.200}: got no offset, or no length; expected them, also of its passage")
    start, end = places[0][0], places[-1][0] + places[-1][1]
    return {"start": start - offset, "end": end - offset, "label": at(item, "infons.type"), "text": at(item, "text")}


def _list(value: Any, key: str) -> list[Any]:
    items = value.get(key) if isinstance(value, dict) else None
    return items if isinstance(items, list) else []


def _moved(item: Any, start: int, end: int) -> list[Any]:
    """A list of the first word, the last word and the label."""
    if not isinstance(item, list) or len(item) < 3 or not type(item[0]) is type(item[1]) is int:
        raise ValueError(f"got entity {item!r:.200}; expected the first word, the last word and the label")
    return [item[0] + start, item[1] + end, item[2]]


def _numbered(objects: Objects) -> Objects:
    """Objects of one document, with ids of their own."""
    for number, item in enumerate(objects, 1):
        if len(objects) > 1 and isinstance(item["id"], str | int):
            item["id"] = f"{item['id']}-{number}"
    return objects


READERS: tuple[tuple[Callable[[Values], bool], Callable[[Values], Objects]], ...] = (
    (_is_refused, _refuse),
    (_is_dygie, _of_dygie),
    (_is_spert, _of_spert),
    (lambda values: bool(_list(values, "passages")), _of_bioc),
)
