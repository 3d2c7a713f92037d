"""Mentions of a whole corpus as arrays, from entities or directly from IOB2 tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from coner.core.errors import DataError
from coner.core.tags import OUTSIDE, InvalidTags, entities_from_tags
from coner.core.types import Entity
from coner.evaluation.counts import Ints


@dataclass(frozen=True, eq=False)
class SpanArrays:
    """M mentions of N sentences, each once, sorted by sentence, start and end; no span has two labels."""

    sentence: Ints  # index, from 0; M values, as are the following
    start: Ints  # half-open word offsets
    end: Ints
    label: Ints  # index into ``names``
    names: tuple[str, ...]  # labels, sorted
    sentences: int  # N

    def __len__(self) -> int:
        return len(self.sentence)


def spans_from_entities(corpus: Sequence[Sequence[Entity]], what: str) -> SpanArrays:
    """Convert entities, in any order, to arrays; equal ones of a sentence count once, as in a set.

    ``what`` is ``gold`` or ``predicted``, for messages.

    Raises:
        DataError: an entity is empty or begins before its sentence, or a span has two labels.
    """
    names = tuple(sorted({e.label for entities in corpus for e in entities}))
    number = {name: index for index, name in enumerate(names)}
    listed = [(i, e.start, e.end, number[e.label]) for i, entities in enumerate(corpus) for e in entities]
    rows = np.array(listed, dtype=np.int64).reshape(-1, 4)
    if (bad := np.flatnonzero((rows[:, 1] < 0) | (rows[:, 2] <= rows[:, 1]))).size:
        i, a, b, _ = rows[bad[0]]
        raise DataError(f"sentence {i + 1}: got a {what} entity from word {a} to {b}; expected 0 <= start < end")
    rows = rows[np.lexsort(rows.T[::-1])]
    steps = np.diff(rows, axis=0)
    same = (steps[:, :3] == 0).all(axis=1)  # span as the one before it, whatever its label
    if (other := np.flatnonzero(same & (steps[:, 3] != 0))).size:
        (i, a, b, label), (*_, second) = rows[other[0]], rows[other[0] + 1]
        two = f"{names[label]} and {names[second]}"
        raise DataError(f"sentence {i + 1}: got labels {two} on {what} words {a} to {b}; expected one label")
    sentence, start, end, labels = np.concatenate([rows[:1], rows[1:][~same]]).T
    return SpanArrays(sentence, start, end, labels, names, len(corpus))


def spans_from_tags(corpus: Sequence[Sequence[str]], *, strict: bool) -> tuple[SpanArrays, int]:
    """Convert IOB2 tags as ``tags.entities_from_tags`` (strict) or ``tags.repair_tags`` does, vectorised.

    Returns the mentions, and the number of repaired tags; ``DataError`` at the first invalid tag, when strict.
    """
    lengths = np.fromiter(map(len, corpus), dtype=np.int64, count=len(corpus))
    firsts, total = np.cumsum(lengths) - lengths, int(lengths.sum())
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # a new tag gets the next number
    words = np.fromiter(map(numbers.__getitem__, chain.from_iterable(corpus)), dtype=np.int64, count=total)
    tags = list(numbers)
    name = [tag[2:] if tag.startswith(("B-", "I-")) else "" for tag in tags]  # of a malformed tag: none
    names = tuple(sorted({*name} - {""}))
    label = np.array([names.index(each) if each else -1 for each in name], dtype=np.int64)[words]
    inner = np.array([tag.startswith("I-") for tag in tags], dtype=bool)[words] & (label >= 0)
    malformed = np.array([not each and tag != OUTSIDE for tag, each in zip(tags, name, strict=True)], dtype=bool)[words]
    before = np.full(total, -1, dtype=np.int64)
    before[1:] = label[:-1]
    before[firsts[lengths > 0]] = -1
    stray = inner & (before != label)
    faulty = stray | malformed
    if strict and faulty.any():
        index = int(np.searchsorted(firsts, int(np.argmax(faulty)), side="right")) - 1
        try:
            entities_from_tags(corpus[index])
        except InvalidTags as fault:
            place = f"sentence {index + 1}, word {fault.index + 1}"
            raise DataError(f"{place}: {fault}. Fix: repair the gold tags first") from None
    begins = np.flatnonzero((label >= 0) & ~inner | stray)
    stops = np.append(np.flatnonzero(~inner | stray), total)
    ends = stops[np.searchsorted(stops, begins, side="right")]
    # Where empty sentences start at the same word as a full one after them, the last of them holds the word.
    sentence = np.searchsorted(firsts, begins, side="right") - 1
    spans = SpanArrays(sentence, begins - firsts[sentence], ends - firsts[sentence], label[begins], names, len(corpus))
    return spans, int(faulty.sum())
