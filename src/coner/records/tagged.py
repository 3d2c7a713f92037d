"""The predictions of a run by sentence, in its folder; the record beside it contains no text.

``tagged.SPLIT.jsonl`` is JSONL as every command reads it (see ``data.formats.jsonl``). Its entities are the
predictions; gold is added to each line under its own key, as spans of words: ``"gold": [[start, end, label], ...]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.types import Entity, Sentence
from coner.core.untrusted import parse_json
from coner.data import stream
from coner.data.formats.jsonl import to_json


def tagged_path(folder: Path, split: str) -> Path:
    """The file of the predictions on a split in a run's folder."""
    return folder / f"tagged.{split}.jsonl"


def write_tagged(path: Path, sentences: Iterable[Sentence], predicted: Iterable[Sequence[Entity]]) -> None:
    """Write gold sentences with their predictions, atomically; ``OutputError`` if that fails."""
    with atomic_write(path) as handle:
        for sentence, entities in zip(sentences, predicted, strict=True):
            values = to_json(replace(sentence, entities=tuple(entities)))
            values["gold"] = [[e.start, e.end, e.label] for e in sentence.entities or ()]
            handle.write(json.dumps(values, ensure_ascii=False) + "\n")


def read_tagged(path: Path) -> tuple[list[Sentence], list[tuple[Entity, ...]]]:
    """Gold sentences and their predictions; ``DataError`` where the file is missing or damaged."""
    tagged = list(stream(path, format="jsonl", predicted=True))  # not as gold, which has a key of its own
    sentences = []
    for number, (line, sentence) in enumerate(zip(Lines(path), tagged, strict=True), 1):
        try:
            values = parse_json(line)
            spans, _ = values["gold"], values["entities"]
            gold = tuple(Entity(int(start), int(end), str(label)) for start, end, label in spans)
        except (ValueError, KeyError, TypeError):
            message = 'expected "entities", and "gold" as a list of [start, end, label]; train again with --overwrite'
            raise DataError(message, path, number) from None
        sentences.append(replace(sentence, entities=gold))
    return sentences, [sentence.entities or () for sentence in tagged]
