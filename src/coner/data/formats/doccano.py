"""doccano: an object per line with ``text`` and ``label``, triples of start, end and label, as doccano imports them.

doccano keeps other keys as the metadata of a text. It is read as JSONL (see ``reading.keys``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TextIO

from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.formats.jsonl import to_json


def to_document(sentence: Sentence) -> dict[str, Any]:
    """The object of a sentence; offsets are half-open and count code points."""
    values = to_json(sentence)
    if "\n" in values["text"]:  # without words each line would be read as a sentence
        values["words"] = list(sentence.words)
    if (entities := values.pop("entities", None)) is not None:
        values["label"] = [[entity["start"], entity["end"], entity["label"]] for entity in entities]
    return values


class Doccano(Format):
    title = "doccano (read as JSONL)"
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "white space"})
    appends = True

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        for number, sentence in enumerate(sentences):
            values = to_document(sentence) | options.meta_of(number)
            handle.write(json.dumps(values, ensure_ascii=False) + "\n")


formats.register(Doccano())
