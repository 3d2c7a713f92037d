"""Statistics of a file: counts, lengths, classes, repeats, ambiguous surfaces and faults."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from coner.core.types import Sentence
from coner.data.reading.reader import Reader
from coner.data.stratify import text_key


@dataclass(frozen=True)
class Spread:
    """The distribution of a number; all 0 if there is nothing to count."""

    mean: float
    median: int
    p95: int
    longest: int

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Spread:
        """Of these numbers; a quantile is the smallest one that so many of them do not exceed."""
        ordered = sorted(numbers)
        if not ordered:
            return cls(0.0, 0, 0, 0)
        n = len(ordered)
        return cls(fmean(ordered), ordered[(n - 1) // 2], ordered[(19 * n - 1) // 20], ordered[-1])


@dataclass(frozen=True)
class Stats:
    """Counts over sentences; a mention is an occurrence of an entity, its surface is its words in lower case."""

    sentences: int
    words: int
    mentions: int
    unlabelled: int  # sentences without labels
    without_mention: int  # labelled sentences without a mention
    sentence_words: Spread
    mention_words: Spread
    classes: dict[str, int]  # label to mentions, most frequent first
    touching: int  # mentions that start where another one of the same label ends
    repeated_texts: int  # texts (ignoring case) that occur more than once
    repeats: int  # sentences after the first of such a text
    repeated_ids: dict[str, int]  # ids used more than once
    ambiguous: dict[str, dict[str, int]]  # surfaces with several labels to mentions by label, most frequent first
    unseen: int | None = None  # mentions whose surface is no mention of the other file; ``None`` without one

    @property
    def unseen_rate(self) -> float | None:
        """Fraction of the mentions that are unseen."""
        return None if self.unseen is None or not self.mentions else self.unseen / self.mentions

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "unseen_rate": self.unseen_rate}


def describe(sentences: Iterable[Sentence], *, seen: Collection[str] | None = None) -> Stats:
    """Count in one pass over the sentences; ``seen`` are the ``core.types.surfaces`` of another file."""
    lengths, mention_lengths = list[int](), list[int]()
    texts, ids, classes = Counter[int](), Counter[str](), Counter[str]()
    labels_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unlabelled = without = touching = 0
    for sentence in sentences:
        lengths.append(len(sentence))
        texts[hash(text_key(sentence))] += 1  # a hash, so that a large file fits in memory
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
    return Stats(
        sentences=len(lengths),
        words=sum(lengths),
        mentions=len(mention_lengths),
        unlabelled=unlabelled,
        without_mention=without,
        sentence_words=Spread.of(lengths),
        mention_words=Spread.of(mention_lengths),
        classes=_ordered(classes),
        touching=touching,
        repeated_texts=sum(count > 1 for count in texts.values()),
        repeats=texts.total() - len(texts),
        repeated_ids=_ordered({id: count for id, count in ids.items() if count > 1}),
        ambiguous={surface: _ordered(labels_of[surface]) for surface in totals if len(labels_of[surface]) > 1},
        unseen=None if seen is None else sum(count for surface, count in totals.items() if surface not in seen),
    )


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


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
