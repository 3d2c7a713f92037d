"""Which keys of a JSON object hold text, words and labels, in the forms of annotation tools and data sets.

======================  ===========================================================================================
form                    keys
======================  ===========================================================================================
coner                   ``text`` or ``words``; ``entities``: objects with ``start``, ``end``, ``label``
doccano                 ``text`` or ``data``; ``label``, ``labels`` or ``entities``: triples, or objects with offsets
prodigy                 ``text``, ``tokens``: objects; ``spans``; ``answer``
spaCy's Doc             ``text``, ``tokens``: objects; ``ents``
tags                    ``tokens`` or ``words``: strings; ``ner_tags``, ``ner``, ``tags`` or ``labels``: names or ids
GLiNER                  ``tokenized_text``: strings; ``ner``: triples of the first word, the last word, the label
Argilla                 ``text``, ``tokens``: strings; ``annotation``: triples of the label, the start, the end
======================  ===========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from coner.core.tags import OUTSIDE
from coner.data.reading.delimited import TAG as NAMES_OF_TAGS
from coner.data.reading.delimited import plain_name
from coner.data.reading.offsets import Claim, find_offsets

FORMS = "coner's own, doccano, prodigy, spaCy, GLiNER, tokens with ner_tags"
FORM_OF_SPANS = "objects with start, end and label, or [start, end, label], with whole numbers"
TEXTS = ("text", "data", "content", "sentence", "textContent")
WORDS = ("words", "tokens", "tokenized_text")
TAGS = ("ner_tags", "ner", "tags", "labels", "label")
SPANS = ("entities", "spans", "ents", "labels", "label", "ner", "annotations", "annotation")
STARTS = ("start", "start_offset", "start_char", "start_pos", "startOffset", "begin")
ENDS = ("end", "end_offset", "end_char", "end_pos", "endOffset")
LABELS = ("label", "labels", "type", "entity_group", "entity", "tag", "tag_name", "category")
NAMES = ("ner_tag_names", "label_list", "label_names", "id2label", "features")
TAG_NAMES = frozenset(NAMES_OF_TAGS.split())  # of other keys, without case and separators
TAG = re.compile(r"[BIESLUMWbieslumw][-_]\S+")
SPANS_IN_TEXT = re.compile(
    r"""\s*\[\s*(?:[\[(]\s*(?:['"][^'"]*['"]\s*,\s*)?\d+\s*,\s*\d+\s*[,\])]|\{\s*['"])"""
)  # a list as JSON or Python write it
DEPTH = 4  # of objects and lists in which annotations are looked for


def first_of(keys: Sequence[str], values: Mapping[str, Any]) -> Any:
    """The first value of these keys that is not null."""
    return next((values[key] for key in keys if values.get(key) is not None), None)


def whole(place: Any) -> int | None:
    """A place that may be a float, or a string of digits, as a whole number; ``None`` if it is none."""
    if isinstance(place, float) and place.is_integer():
        return int(place)
    if isinstance(place, str) and place.isdecimal() and len(place) < 10:
        return int(place)
    return place if type(place) is int else None


def label_last(item: Sequence[Any]) -> Sequence[Any]:
    """A span that is a list with its label behind its places, if it is in front of them, as Argilla writes it."""
    first = len(item) >= 3 and isinstance(item[0], str) and whole(item[0]) is None
    return [*item[1:3], item[0], *item[3:]] if first else item


def is_span(item: Any) -> bool:
    """Whether a value has the form of a labelled span."""
    if isinstance(item, list):
        item = label_last(item)
        return len(item) >= 3 and None not in map(whole, item[:2]) and isinstance(item[2], str | int)
    if not isinstance(item, dict):
        return False
    places = any(key in item for key in STARTS) and any(key in item for key in ENDS)
    return places and any(key in item for key in LABELS)


def is_pair(item: Any) -> bool:
    """Whether a value is a text with its annotations, as spaCy's training data has them."""
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)


def is_own(values: Mapping[str, Any]) -> bool:
    """Whether an object has coner's own form, not that of a document of another tool."""
    items = values.get("entities") or ()
    keys = values.keys()
    texts = "text" in keys or "words" in keys
    own = {"start", "end", "label"}
    return texts and "relations" not in keys and all(isinstance(item, dict) and own <= item.keys() for item in items)


def is_flat(value: Any) -> bool:
    """Whether a value is a list of names or numbers, as tags are."""
    return isinstance(value, list) and bool(value) and all(type(item) in (str, int) for item in value)


def count_annotations(key: str, value: Any, words: Sequence[str] | None = None) -> int:
    """How many labelled spans, results of Label Studio or tags a value seems to hold, in whatever form."""
    if isinstance(value, str) and SPANS_IN_TEXT.match(value):
        return 1
    if isinstance(value, str) or is_flat(value):
        parts = value.split() if isinstance(value, str) else list(map(str, value))
        aligned = words is not None and len(parts) == len(words)
        tags = all(part == OUTSIDE or TAG.fullmatch(part) for part in parts) and (aligned or OUTSIDE in parts)
        return len(parts) if tags or (aligned and "ner" in key.lower()) else 0
    spans = _count_spans(value, DEPTH)
    return spans or (len(value) if key in (*SPANS, *TAGS) and isinstance(value, list) else 0)


def _count_spans(value: Any, depth: int) -> int:
    if isinstance(value, list):
        found = [item for item in value if _seems_span(item)]
        return len(found) or (sum(_count_spans(item, depth - 1) for item in value) if depth else 0)
    if isinstance(value, dict) and depth:
        places = [place for of in value.values() if isinstance(of, list) for place in of]
        if places and all(isinstance(place, list) and len(place) == 2 and is_flat(place) for place in places):
            return len(places)
        return sum(_count_spans(item, depth - 1) for item in value.values())
    return 0


def _seems_span(item: Any) -> bool:
    if isinstance(item, list):
        return is_span(item) and isinstance(label_last(item)[2], str)
    if not isinstance(item, dict):
        return False
    if isinstance(item.get("value"), dict) and "type" in item:  # of Label Studio
        return str(item["type"]) != "relation"
    places = [place for place in item.values() if type(place) is int]
    return len(places) > 1 and any(isinstance(name, str | list) for name in item.values())


def label_key(values: Mapping[str, Any], words: Sequence[str] | None) -> str | None:
    """The key of the labels: the first with tags for the words or with spans, else the first with an empty list."""
    if "tokenized_text" in values and isinstance(values.get("ner"), list):
        return "ner"
    if words is not None:
        for key in TAGS:
            value = values.get(key)
            if value is not None and is_flat(value) and (len(value) == len(words) or not key.startswith("label")):
                return key
            if isinstance(value, list) and len(value) == len(words) and any(isinstance(item, str) for item in value):
                other = next(item for item in value if not isinstance(item, str))
                raise ValueError(f"got {other!r:.40} among {key}; expected a tag or {OUTSIDE}")
        others = [key for key in values if key not in TAGS and plain_name(key) in TAG_NAMES]
        if alike := [key for key in others if is_flat(values[key]) and len(values[key]) == len(words)]:
            return alike[0]
    if values.get("entities") and not isinstance(values["entities"], list):
        raise ValueError(f"got entities {values['entities']!r:.80}; expected a list")
    lists = [key for key in SPANS if isinstance(values.get(key), list)]
    full = [key for key in lists if any(map(is_span, values[key])) or (key == "entities" and values[key])]
    empty = [key for key in lists if not values[key]]
    return next(iter([*full, *empty]), None)


def text_key(texts: Mapping[str, str], claims: Sequence[Claim], preferred: Sequence[str] = TEXTS) -> str | None:
    """The key of the text in which most of the repeated texts of spans stand, if one does; else the preferred one."""
    keys = list(dict.fromkeys([key for key in (*preferred, *texts) if key in texts]))
    usual = keys[0] if keys and keys[0] in preferred else None
    if not claims or not keys:
        return usual
    agreeing = {key: find_offsets(texts[key], claims).agreeing(claims)[0] for key in keys}
    best = max(keys, key=lambda key: agreeing[key])
    return best if agreeing[best] else usual


def tag_names(values: Mapping[str, Any], key: str) -> dict[str, str]:
    """The names of tags that are ids, as far as the object has them: a list, a table of ids, or features."""
    names = first_of((f"{key}_names", *NAMES), values)
    if isinstance(names, list) and names and all(isinstance(item, dict) for item in names):  # of their viewer
        names = {item.get("name"): item.get("type") for item in names}
    while isinstance(names, dict) and (inner := first_of((key, "feature", "names"), names)) is not None:
        names = inner  # the features of Hugging Face datasets
    if isinstance(names, list):
        names = dict(enumerate(names))
    return {str(id): name for id, name in names.items() if isinstance(name, str)} if isinstance(names, dict) else {}
