"""What a run found, sentence by sentence, in its folder: the record beside it has no text.

``tagged.PART.jsonl`` is JSONL as every command reads it (see ``data.jsonl``), its entities the predictions, with gold
added to each line under a key of its own, as spans of words: ``"gold": [[start, end, label], ...]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.types import Entity, Sentence
from coner.data import stream
from coner.data.formats.jsonl import to_json


@dataclass(frozen=True)
class TaggedSentence:
    """The words of a sentence, what is gold in it, and what was predicted."""

    words: tuple[str, ...]
    gold: tuple[Entity, ...]
    predicted: tuple[Entity, ...]


def tagged_path(folder: Path, part: str) -> Path:
    """Where a run's folder keeps what it found in a part."""
    return folder / f"tagged.{part}.jsonl"


def write_tagged(path: Path, sentences: Iterable[Sentence], found: Iterable[Sequence[Entity]]) -> None:
    """Write gold sentences with what was predicted, whole or not at all; ``OutputError`` where that cannot be."""
    with atomic_write(path) as handle:
        for sentence, entities in zip(sentences, found, strict=True):
            values = to_json(replace(sentence, entities=tuple(entities)))
            values["gold"] = [[e.start, e.end, e.label] for e in sentence.entities or ()]
            handle.write(json.dumps(values, ensure_ascii=False) + "\n")


def read_tagged(path: Path) -> list[TaggedSentence]:
    """The inverse of ``write_tagged``; ``DataError`` where the file is missing or damaged."""
    found = list(stream(path, format="jsonl", gold=True))
    golds = []
    for number, line in enumerate(Lines(path), 1):
        try:
            golds.append(
                tuple(Entity(int(start), int(end), str(label)) for start, end, label in json.loads(line)["gold"])
            )
        except (ValueError, KeyError, TypeError):
            message = 'expected "gold" as a list of [start, end, label]; train again with --overwrite'
            raise DataError(message, path, number) from None
    pairs = zip(found, golds, strict=True)
    return [TaggedSentence(sentence.words, gold, sentence.entities or ()) for sentence, gold in pairs]
