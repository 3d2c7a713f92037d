"""JSON objects of tools with keys of their own, in the keys that ``reading.keys`` lists.

======================  ===========================================================================================
tool                    what it writes
======================  ===========================================================================================
spaCy 3                 ``doc_annotation`` with offsets or tags, ``token_annotation`` with ``ORTH`` and ``SPACY``
prodigy                 no ``spans`` where an annotator accepted a text without any; spans that were rejected
Dataturks               ``annotation``: objects with ``points``, whose ends are inclusive
CLUENER                 ``label``: for each label the surfaces with their places, whose ends are inclusive
UBIAI                   ``tokens``: objects with ``entityLabel``, which are the entities
the viewer of datasets  ``row``: the object
======================  ===========================================================================================

Words and tags may be strings with spaces between them, tags may also be in the objects of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coner.core.counted import counted
from coner.core.tags import OUTSIDE
from coner.data.reading import keys
from coner.data.reading.delimited import SENTENCE, plain_name

OWN = frozenset(("id", "text", "words", "entities", "meta"))
VIEWER = frozenset(("row_idx", "row", "truncated_cells"))
PARTS = frozenset(SENTENCE.split()[:-2])  # names of the number of a sentence
WORDS = ("text", "orth", "word", "form")  # keys in the objects of tokens
MANUAL = (None, "ner_manual", "spans_manual", "relations", "blocks")  # interfaces of prodigy in which all is annotated


def usual_form(values: dict[str, Any]) -> dict[str, Any]:
    """An object in the usual keys, itself if it has them; ``ValueError`` if it is malformed."""
    if values.keys() <= OWN and not keys.is_flat(values.get("entities")):
        return values
    usual = _usual_form(dict(values))
    return values if usual == values else usual


def _usual_form(values: dict[str, Any]) -> dict[str, Any]:
    if isinstance(values.get("row"), dict) and values.keys() <= VIEWER:
        if values.get("truncated_cells"):
            raise ValueError("got cells that the viewer has truncated. Fix: download the file of the data set instead")
        values = values["row"]
    if isinstance(values.get("doc_annotation"), dict):
        values = _of_spacy(values)
    if values.get("answer") == "accept" and "tokens" in values and values.get("_view_id") in MANUAL:
        values.setdefault("spans", [])
    spans = values.get("spans") if "answer" in values else None
    if isinstance(spans, list) and (rejected := [span for span in spans if _is_rejected(span)]):
        values |= {"spans": [span for span in spans if span not in rejected], "rejected spans": rejected}
    tokens = values.get("tokens")
    if isinstance(tokens, list) and tokens and all(isinstance(token, dict) for token in tokens):
        values |= {} if _has_spans(values) else _of_tokens(values, tokens)
    text = next((values[key] for key in keys.TEXTS if isinstance(values.get(key), str)), "")
    points = values.get("annotation")
    if isinstance(points, list) and points and all(isinstance(item, dict) and "points" in item for item in points):
        del values["annotation"]
        values["entities"] = [entity for item in points for entity in _of_points(item, text)]
    if isinstance(places := values.get("label"), dict) and places and all(map(_is_places, places.values())):
        values["label"] = [entity for label, of in places.items() for entity in _of_places(label, of, text)]
    return values if _has_spans(values) else values | _split(values, text)


def columns_as_rows(values: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The rows of a table that is written by columns, as pandas and datasets do; ``None`` if an object is no table."""
    columns = {key: list(value.values()) if isinstance(value, dict) else value for key, value in values.items()}
    if not columns or not all(isinstance(value, list) for value in columns.values()):
        return None
    words, texts = (next((columns[key] for key in of if key in columns), []) for of in (keys.WORDS, keys.TEXTS))
    table = any(isinstance(cell, list) for cell in words) or (
        not words and all(isinstance(cell, str) for cell in texts)
    )
    if not table or not (words or texts) or len(set(map(len, columns.values()))) != 1:
        return None
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _has_spans(values: Mapping[str, Any]) -> bool:
    return any(isinstance(values.get(key), list) and any(map(keys.is_span, values[key])) for key in keys.SPANS)


def _is_rejected(span: Any) -> bool:
    return isinstance(span, dict) and span.get("answer") in ("reject", "ignore")


def _of_spacy(values: dict[str, Any]) -> dict[str, Any]:
    annotation, tokens = values.pop("doc_annotation"), values.pop("token_annotation", {})
    words = tokens.get("ORTH") if isinstance(tokens, dict) else None
    entities = annotation.get("entities")
    if words:
        spaces = tokens.get("SPACY") or [True] * len(words)
        pairs = zip(words, spaces, strict=False)
        values |= {"words": words, "text": values.get("text") or "".join(f"{word}{' ' * bool(s)}" for word, s in pairs)}
    if keys.is_flat(entities):
        entities = [OUTSIDE if tag in ("", "-") else tag for tag in entities]
    return values | {"ner" if words and keys.is_flat(entities) else "entities": entities}


def _of_tokens(values: Mapping[str, Any], tokens: list[dict[str, Any]]) -> dict[str, Any]:
    """Annotations in the objects of tokens."""
    if isinstance(text := values.get("document"), str) and all("entityLabel" in token for token in tokens):
        return {"tokens": None, "text": text, "entities": [{**t, "label": t["entityLabel"]} for t in tokens]}
    for key in sorted((key for key in tokens[0] if key not in WORDS), key=lambda key: key not in keys.TAGS):
        tags = [token.get(key) for token in tokens]
        if all(map(_is_tag, tags)) or (key in keys.TAGS and all(isinstance(tag, str) and tag for tag in tags)):
            return {"ner_tags": tags}
    return {}


def _of_points(item: Mapping[str, Any], text: str) -> Iterator[dict[str, Any]]:
    for point in item["points"] or ():
        if isinstance(point, dict):
            yield _inclusive(point.get("start"), point.get("end"), point.get("text"), item.get("label"), text)


def _is_places(value: Any) -> bool:
    """Whether a value has the places of surfaces."""
    places = list(value.values()) if isinstance(value, dict) else []
    return bool(places) and all(isinstance(place, list) and all(map(keys.is_flat, place)) for place in places)


def _of_places(label: str, surfaces: Mapping[str, list[list[Any]]], text: str) -> Iterator[dict[str, Any]]:
    for surface, places in surfaces.items():
        for start, end, *_ in places:
            yield _inclusive(start, end, surface, label, text)


def _inclusive(start: Any, end: Any, surface: Any, label: Any, text: str) -> dict[str, Any]:
    """A span whose end is inclusive, unless its text shows that it is not."""
    if type(start) is type(end) is int and not (surface and text[start:end] == surface):
        end += 1
    return {"start": start, "end": end, "label": label, "text": surface}


def _split(values: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Words and tags that are strings with spaces between them, or words under a key of texts."""
    named = next((key for key in keys.WORDS if values.get(key) is not None), None)
    own = values.get(named or "")
    if named is None:
        words = next((values[key] for key in keys.TEXTS if keys.is_flat(values.get(key))), text.split())
    else:
        words = own.split() if isinstance(own, str) else own if keys.is_flat(own) else []
    for key in (*keys.TAGS, "entities") if words else ():
        value = values.get(key)
        if isinstance(value, list) and isinstance(own, list) and key != "entities":
            continue  # tags in the usual form
        tags: Any = value.split() if isinstance(value, str) else value if keys.is_flat(value) else []
        if all(map(_is_tag, tags)) and (len(tags) == len(words) or len(set(tags)) > 1):
            if len(tags) != len(words):
                raise ValueError(f"got {len(tags)} {key} for {counted(len(words), 'word')}; expected a tag per word")
            if len(words) == 1 and any(plain_name(name) in PARTS for name in values):
                raise ValueError("got an object per word; expected one per sentence. Fix: write it as CSV")
            return {named or "words": words, key: None, "ner_tags": tags}
    return {}


def _is_tag(value: Any) -> bool:
    return isinstance(value, str) and (value == OUTSIDE or keys.TAG.fullmatch(value) is not None)
