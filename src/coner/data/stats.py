"""Statistics of a file: counts, lengths, classes, repeats, ambiguous surfaces and faults."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Stats:
    """Counts over sentences; a mention is an occurrence of an entity, its surface is its words in lower case.

    Attributes:
        sentences, words, mentions: numbers of them.
        unlabelled: sentences without labels.
        without_mention: labelled sentences without a mention.
        sentence_words, mention_words: lengths in words.
        classes: label to mentions, most frequent first.
        touching: mentions that start where another one of the same label ends.
        repeated_texts: texts (ignoring case) that occur more than once; ``repeats`` are the sentences after the first.
        repeated_ids: ids used more than once.
        ambiguous: surface to label to mentions, for surfaces with several labels, most frequent first.
        unseen: mentions whose surface is no mention of the other file; ``None`` without another file.
    """

    sentences: int
    words: int
    mentions: int
    unlabelled: int
    without_mention: int
    sentence_words: Spread
    mention_words: Spread
    classes: dict[str, int]
    touching: int
    repeated_texts: int
    repeats: int
    repeated_ids: dict[str, int]
    ambiguous: dict[str, dict[str, int]]
    unseen: int | None = None

    @property
    def unseen_rate(self) -> float | None:
        """Fraction of the mentions that are unseen."""
        return None if self.unseen is None or not self.mentions else self.unseen / self.mentions

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "unseen_rate": self.unseen_rate}


def describe(sentences: Iterable[Sentence], *, seen: Collection[str] | None = None) -> Stats:
    """Count in one pass over the sentences; ``seen`` are the ``core.types.surfaces`` of another file."""
    lengths, mention_lengths = Counter[int](), Counter[int]()
    classes, texts, ids = Counter[str](), Counter[int](), Counter[str]()
    labels_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unlabelled = without = touching = 0
    for sentence in sentences:
        lengths[len(sentence)] += 1
        texts[hash(text_key(sentence))] += 1  # a hash, so that a large file fits in memory
        if sentence.id is not None:
            ids[sentence.id] += 1
        if sentence.entities is None:
            unlabelled += 1
            continue
        without += not sentence.entities
        ends = {(entity.end, entity.label) for entity in sentence.entities}
        for entity in sentence.entities:
            mention_lengths[entity.end - entity.start] += 1
            classes[entity.label] += 1
            labels_of[sentence.surface(entity).lower()][entity.label] += 1
            touching += (entity.start, entity.label) in ends
    several = {surface: labels for surface, labels in labels_of.items() if len(labels) > 1}
    return Stats(
        sentences=lengths.total(),
        words=sum(length * count for length, count in lengths.items()),
        mentions=classes.total(),
        unlabelled=unlabelled,
        without_mention=without,
        sentence_words=_spread(lengths),
        mention_words=_spread(mention_lengths),
        classes=_ordered(classes),
        touching=touching,
        repeated_texts=sum(count > 1 for count in texts.values()),
        repeats=sum(count - 1 for count in texts.values()),
        repeated_ids=_ordered(Counter({name: count for name, count in ids.items() if count > 1})),
        ambiguous={
            surface: _ordered(several[surface])
            for surface in _ordered(Counter({surface: labels.total() for surface, labels in several.items()}))
        },
        unseen=None
        if seen is None
        else sum(labels.total() for surface, labels in labels_of.items() if surface not in seen),
    )


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _spread(counts: Counter[int]) -> Spread:
    total = counts.total()
    if not total:
        return Spread(0.0, 0, 0, 0)
    mean = sum(value * count for value, count in counts.items()) / total
    return Spread(mean, _quantile(counts, total, 1, 2), _quantile(counts, total, 19, 20), max(counts))


def _quantile(counts: Counter[int], total: int, part: int, whole: int) -> int:
    """The smallest value that ``part/whole`` of all do not exceed; in integers, so that rounding has no influence."""
    reached = 0
    for value in sorted(counts):
        reached += counts[value]
        if whole * reached >= part * total:
            return value
    raise AssertionError("unreachable: no value exceeds the last one")


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
