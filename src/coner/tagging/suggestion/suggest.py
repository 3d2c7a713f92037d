"""Suggest sentences to label: one pass over any amount of text, then a diverse choice among the most uncertain."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from coner.core.types import Entity, Sentence
from coner.data.stratify import duplicate_key
from coner.families.tagger import Tagger
from coner.tagging.file import labelled
from coner.tagging.stream import batches
from coner.tagging.suggestion.diversity import choose_diverse
from coner.tagging.suggestion.uncertainty import doubtful_spans, likely_spans, uncertainty

CANDIDATES, MIN_CANDIDATES = 10, 1000  # sentences kept for each one to suggest, and at least


@dataclass(frozen=True)
class Suggestion:
    """A sentence to label."""

    sentence: Sentence  # with the predicted entities
    uncertainty: float  # see ``uncertainty.uncertainty``
    worth: float  # the uncertainty times 1 minus the similarity to the closest suggestion before
    doubtful: tuple[Entity, ...]  # disjoint spans that may be mentions

    @property
    def meta(self) -> dict[str, float]:
        """Metadata of the task: worth and uncertainty."""
        return {"worth": round(self.worth, 6), "uncertainty": round(self.uncertainty, 6)}


@dataclass
class SuggestionCounts:
    """What was read, and what was left out."""

    sentences: int = 0
    words: int = 0
    known: int = 0  # sentences that are labelled already
    repeated: int = 0
    similar: int = 0  # candidates that are near-duplicates of a suggestion


@dataclass(frozen=True)
class Suggestions:
    """Sentences to label, the most worthwhile first."""

    chosen: tuple[Suggestion, ...]
    counts: SuggestionCounts


class _Candidate(NamedTuple):
    uncertainty: float
    tie: int  # decides between equal ones; depends on the seed and the text only
    number: int  # of the sentence: no two are equal
    sentence: Sentence
    spans: list[Entity]


@dataclass
class _NewSentences:
    """Filters the sentences of a source: those with a word that were not seen before and are not known.

    Of each different text 8 bytes are kept.
    """

    known: set[int]
    counts: SuggestionCounts = field(default_factory=SuggestionCounts)
    seen: set[int] = field(default_factory=set)

    def __call__(self, source: Iterable[Sentence]) -> Iterator[Sentence]:
        for sentence in source:
            if not sentence.words:
                continue
            self.counts.sentences += 1
            self.counts.words += len(sentence)
            key = _hash(duplicate_key(sentence))
            if key in self.known:
                self.counts.known += 1
            elif key in self.seen:
                self.counts.repeated += 1
            else:
                self.seen.add(key)
                yield sentence


def suggest(
    tagger: Tagger, source: Iterable[Sentence], number: int, *, known: Iterable[Sentence] = (), seed: int = 42
) -> Suggestions:
    """The sentences of a source that are most worth labelling.

    The memory does not grow with the source, except for 8 bytes (about 70 as Python stores them) for each different
    sentence: only the ``CANDIDATES * number`` most uncertain ones are kept, and at least ``MIN_CANDIDATES``.

    Args:
        tagger: with probabilities; not one that calls an endpoint.
        source: sentences; their labels are ignored.
        number: how many to suggest at most.
        known: sentences that are labelled already.
        seed: decides between equally uncertain sentences.
    """
    fresh = _NewSentences({_hash(duplicate_key(sentence)) for sentence in known})
    size, count, pool = max(CANDIDATES * number, MIN_CANDIDATES), 0, list[_Candidate]()
    for batch in batches(tagger, fresh(source)):
        for sentence, spans in zip(batch, likely_spans(tagger, batch), strict=True):
            value, tie = uncertainty(spans, len(sentence)), _hash(f"{seed} {duplicate_key(sentence)}")
            candidate = _Candidate(value, tie, count, sentence, spans)
            (heapq.heappush if len(pool) < size else heapq.heappushpop)(pool, candidate)
            count += 1
    if not pool:
        return Suggestions((), fresh.counts)
    pool.sort(reverse=True)
    texts, values = [c.sentence.words for c in pool], [c.uncertainty for c in pool]
    chosen, fresh.counts.similar = choose_diverse(texts, values, number)
    return Suggestions(tuple(_suggestions(tagger, pool, chosen)), fresh.counts)


def _suggestions(
    tagger: Tagger, pool: Sequence[_Candidate], chosen: Sequence[tuple[int, float]]
) -> Iterator[Suggestion]:
    predictions = tagger.predict([pool[index].sentence for index, _ in chosen])
    for (index, worth), prediction in zip(chosen, predictions, strict=True):
        own = pool[index]
        yield Suggestion(labelled(prediction), own.uncertainty, worth, tuple(doubtful_spans(own.spans)))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
