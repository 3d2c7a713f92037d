"""Statistics of a file: counts, lengths, classes, repeats, ambiguous surfaces and faults."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Unpack

from coner.core.types import Sentence, surfaces
from coner.data.corpus import stream
from coner.data.reading.reader import Reader, Reading
from coner.data.stratify import duplicate_key
from coner.data.taxonomy import load_taxonomy


@dataclass(frozen=True)
class FileStats:
    """What is in a file, and what is wrong with it."""

    counts: dict[str, Any]  # see ``describe``
    faults: dict[str, list[int]]  # the lines of each, the most frequent first
    notes: list[str]  # how it was read, where that is not obvious
    unit: str  # what the numbers of ``faults`` count: lines, if not another one
    faults_against: int = 0  # faults of the file that it was compared with

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        total = sum(map(len, self.faults.values()))
        return {**self.counts, "notes": self.notes, "fault_count": total, "faults": self.faults}


def describe_file(
    file: str | Path,
    *,
    against: str | Path | None = None,
    taxonomy: str | None = None,
    format: str = "auto",
    **options: Unpack[Reading],
) -> FileStats:
    """``describe`` a file or folder, in one pass. With ``repair`` all faults are counted; else the first is an error.

    Args:
        file: in any format; ``-``: standard input, whose format must be named.
        against: a labelled file; mentions that are not in it are ``unseen``.
        taxonomy: name or file; a label that it lacks is a fault.
        format: of the file; that of ``against`` is recognised.
        **options: how both are read.

    Raises:
        DataError: a file is faulty, or cannot be read.
        ConfigError: there is no such taxonomy.
    """
    known = None if taxonomy is None else load_taxonomy(taxonomy).labels
    faults, others = list[tuple[int, str]](), list[tuple[int, str]]()
    seen = None
    if against is not None:
        seen = surfaces(stream(against, **options, gold=True, predicted=True, on_fault=_appending(others)))
    note = _appending(faults)
    reader = stream(file, format=format, **options, predicted=True, on_fault=note)
    counts = describe(reader if known is None else watch_labels(reader, known, note), seen=seen)
    return FileStats(counts, group_faults(faults), reader.notes, reader.unit, len(others))


def _appending(faults: list[tuple[int, str]]) -> Callable[[int, str], None]:
    return lambda number, message: faults.append((number, message))


def describe(sentences: Iterable[Sentence], *, seen: Collection[str] | None = None) -> dict[str, Any]:
    """Counts in one pass over the sentences, ready for JSON.

    A mention is an occurrence of an entity, its surface is its words in lower case. ``seen`` are the
    ``core.types.surfaces`` of another file; without it ``unseen`` is ``None``.
    """
    lengths, mention_lengths = list[int](), list[int]()
    texts, ids, classes = Counter[int](), Counter[str](), Counter[str]()
    labels_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unlabelled = without = touching = 0
    for sentence in sentences:
        lengths.append(len(sentence))
        texts[hash(duplicate_key(sentence))] += 1  # a hash, so that a large file fits in memory
        if sentence.id is not None:
            ids[sentence.id] += 1
        unlabelled += sentence.entities is None
        without += sentence.entities is not None and not sentence.entities
        ends = {(entity.end, entity.label) for entity in sentence.entities or ()}
        for entity in sentence.entities or ():
            mention_lengths.append(entity.end - entity.start)
            classes[entity.label] += 1
            labels_of[sentence.surface(entity).lower()][entity.label] += 1
            touching += (entity.start, entity.label) in ends
    totals = _ordered({surface: labels.total() for surface, labels in labels_of.items()})
    unseen = None if seen is None else sum(count for surface, count in totals.items() if surface not in seen)
    return {
        "sentences": len(lengths),
        "words": sum(lengths),
        "mentions": len(mention_lengths),
        "unlabelled": unlabelled,  # sentences without labels
        "without_mention": without,  # labelled sentences without a mention
        "sentence_words": _spread(lengths),
        "mention_words": _spread(mention_lengths),
        "classes": _ordered(classes),  # label to mentions, most frequent first
        "touching": touching,  # mentions that start where another one of the same label ends
        "repeated_texts": sum(count > 1 for count in texts.values()),  # ignoring case
        "repeats": texts.total() - len(texts),  # sentences after the first of such a text
        "repeated_ids": _ordered({id: count for id, count in ids.items() if count > 1}),
        # Surfaces with several labels, most frequent first, to mentions by label.
        "ambiguous": {surface: _ordered(labels_of[surface]) for surface in totals if len(labels_of[surface]) > 1},
        "unseen": unseen,  # mentions whose surface is no mention of the other file
        "unseen_rate": None if unseen is None or not mention_lengths else unseen / len(mention_lengths),
    }


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _spread(numbers: Iterable[int]) -> dict[str, float]:
    """A quantile is the smallest number that so many of them do not exceed; all 0 if there are none."""
    ordered = sorted(numbers) or [0]
    n = len(ordered)
    quantiles = {"median": ordered[(n - 1) // 2], "p95": ordered[(19 * n - 1) // 20], "longest": ordered[-1]}
    return {"mean": fmean(ordered), **quantiles}


def watch_labels(reader: Reader, known: Collection[str], on_fault: Callable[[int, str], None]) -> Iterator[Sentence]:
    """Yield the sentences of a reader, and call ``on_fault`` for every entity whose label is not in ``known``."""
    for sentence in reader:
        for entity in sentence.entities or ():
            if entity.label not in known:
                # Only in CoNLL every word has its own line.
                below = 0 if reader.layout is None else len(sentence.header) + entity.start
                on_fault(sentence.line + below, f"got label {entity.label!r}, which is not in the taxonomy")
        yield sentence


def group_faults(faults: Sequence[tuple[int, str]]) -> dict[str, list[int]]:
    """The lines of each fault, the most frequent fault first."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for line, message in faults:
        lines[message].append(line)
    return dict(sorted(lines.items(), key=lambda item: (-len(item[1]), item[1][0])))
