"""Mentions of a whole corpus as arrays, from entities or directly from IOB2 tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from coner.core.errors import DataError
from coner.core.tags import OUTSIDE, InvalidTags, entities_from_tags, split_tag
from coner.core.types import Entity
from coner.evaluation.counts import Ints


@dataclass(frozen=True, eq=False)
class Spans:
    """M mentions of N sentences, each once, sorted by sentence, start and end; no span has two labels.

    Attributes:
        sentence, start, end: index of the sentence, and half-open word offsets; M values each.
        label: index into ``names``; M values.
        names: labels, sorted.
        sentences: N.
    """

    sentence: Ints
    start: Ints
    end: Ints
    label: Ints
    names: tuple[str, ...]
    sentences: int

    def __len__(self) -> int:
        return len(self.sentence)


class _Codes(dict[str, int]):
    """Strings to numbers: a new string gets the next number."""

    def __missing__(self, key: str) -> int:
        self[key] = code = len(self)
        return code


def spans_from_entities(corpus: Sequence[Sequence[Entity]], what: str) -> Spans:
    """Convert entities to arrays; equal ones count once, as in a set.

    Args:
        corpus: the entities of each sentence, in any order.
        what: ``gold`` or ``predicted``, for messages.

    Raises:
        DataError: an entity is empty or begins before its sentence, or a span has two labels.
    """
    codes = _Codes()
    rows = [(i, e.start, e.end, codes[e.label]) for i, entities in enumerate(corpus) for e in entities]
    sentence, start, end, label = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    if (bad := np.flatnonzero((start < 0) | (end <= start))).size:
        i, a, b, _ = rows[bad[0]]
        raise DataError(f"sentence {i + 1}: got a {what} entity from word {a} to {b}; expected 0 <= start < end")
    names, label = _sorted_names(codes, label)
    order = np.lexsort((label, end, start, sentence))
    sentence, start, end, label = sentence[order], start[order], end[order], label[order]
    same = np.zeros(len(order), dtype=bool)  # span as the one before it, whatever its label
    same[1:] = (np.diff(sentence) == 0) & (np.diff(start) == 0) & (np.diff(end) == 0)
    other = np.flatnonzero(same & (np.diff(label, prepend=-1) != 0))
    if other.size:
        i = other[0]
        two = f"{names[label[i - 1]]} and {names[label[i]]}"
        raise DataError(
            f"sentence {sentence[i] + 1}: got labels {two} on {what} words {start[i]} to {end[i]}; expected one label"
        )
    return Spans(sentence[~same], start[~same], end[~same], label[~same], names, len(corpus))


def spans_from_tags(corpus: Sequence[Sequence[str]], *, strict: bool) -> tuple[Spans, int]:
    """Convert the IOB2 tags of a corpus as ``tags.entities_from_tags`` or ``tags.repair_tags`` does, vectorised.

    Args:
        corpus: the tags of each sentence.
        strict: an invalid tag is an error; otherwise it is repaired by conlleval's rule.

    Returns:
        The mentions, and the number of repaired tags.

    Raises:
        DataError: at the first invalid tag, when strict.
    """
    codes = _Codes()
    lengths = np.fromiter(map(len, corpus), dtype=np.int64, count=len(corpus))
    total = int(lengths.sum())
    words = np.fromiter(map(codes.__getitem__, chain.from_iterable(corpus)), dtype=np.int64, count=total)
    labels = _Codes()
    prefixes, tag_labels, malformed = _tag_table(codes, labels)
    prefix, label = prefixes[words], tag_labels[words]
    before = np.full(total, -1, dtype=np.int64)
    before[1:] = label[:-1]
    firsts = np.cumsum(lengths) - lengths
    before[firsts[lengths > 0]] = -1
    stray = (prefix == "I") & (before != label)
    faulty = stray | malformed[words]
    if strict and faulty.any():
        _refuse(corpus, int(np.searchsorted(firsts, int(np.argmax(faulty)), side="right")) - 1)
    begins = np.flatnonzero((prefix == "B") | stray)
    stops = np.append(np.flatnonzero((prefix != "I") | stray), total)
    ends = stops[np.searchsorted(stops, begins, side="right")]
    # Where empty sentences start at the same word as a full one after them, the last of them holds the word.
    sentence = np.searchsorted(firsts, begins, side="right") - 1
    names, span_label = _sorted_names(labels, label[begins])
    spans = Spans(sentence, begins - firsts[sentence], ends - firsts[sentence], span_label, names, len(corpus))
    return spans, int(faulty.sum())


def _tag_table(codes: _Codes, labels: _Codes) -> tuple[npt.NDArray[np.str_], Ints, npt.NDArray[np.bool_]]:
    """For each distinct tag: its prefix, its label (-1: none), and whether it is malformed, which counts as outside."""
    prefixes, ids, malformed = [], [], []
    for tag in codes:
        prefix, name = split_tag(tag)
        inside = prefix in ("B", "I") and bool(name)
        prefixes.append(prefix if inside else OUTSIDE)
        ids.append(labels[name] if inside else -1)
        malformed.append(not inside and tag != OUTSIDE)
    return np.array(prefixes, dtype="U1"), np.array(ids, dtype=np.int64), np.array(malformed, dtype=bool)


def _refuse(corpus: Sequence[Sequence[str]], index: int) -> None:
    try:
        entities_from_tags(corpus[index])
    except InvalidTags as fault:
        raise DataError(f"sentence {index + 1}, word {fault.index + 1}: {fault}; repair the gold tags first") from None


def _sorted_names(codes: _Codes, label: Ints) -> tuple[tuple[str, ...], Ints]:
    """Labels in alphabetical order, and the array in their numbers."""
    names = tuple(sorted(codes))
    place = {name: index for index, name in enumerate(names)}
    table = np.array([place[name] for name in codes], dtype=np.int64)
    return names, table[label] if len(label) else label
