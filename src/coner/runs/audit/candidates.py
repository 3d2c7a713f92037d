"""Suspicious annotations, the most suspicious first, from the evidence of the folds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Literal

from coner.core.types import Entity, Sentence
from coner.runs.audit.evidence import Evidence

ErrorKind = Literal["class", "boundary", "missing", "spurious"]
KINDS: tuple[ErrorKind, ...] = ("class", "boundary", "missing", "spurious")
# How common an error is, compared with a tagger that is wrong: mentions are easily missed by annotators, and names that
# the other folds lack are missed by the tagger. Chosen on one data set, measured on others (docs/audit.md).
WEIGHTS: dict[ErrorKind, float] = {"class": 1.0, "boundary": 1.0, "missing": 3.0, "spurious": 0.1}
SUSPICIOUS = 0.9  # where nine in ten of the injected errors lie, on that data set
EPSILON = 1e-9  # probabilities below this one are the same


@dataclass(frozen=True)
class AuditCandidate:
    """A mention that may be wrong, or one that may be missing."""

    error: ErrorKind
    sentence: int  # index
    gold: Entity | None  # the mention in question; ``None`` if one is missing
    suggested: Entity | None  # the most probable other annotation, with its probability; ``None`` if there is none
    score: float  # how sure the folds are, from 0 to 1; see ``find_candidates``

    @property
    def span(self) -> tuple[int, int]:
        """Its words: those of the gold mention, else of the missing one."""
        entity = self.gold or self.suggested
        assert entity is not None  # every candidate has one of them
        return entity.start, entity.end

    @property
    def suspicious(self) -> bool:
        """Whether its score is above ``SUSPICIOUS``."""
        return self.score > SUSPICIOUS


@dataclass(frozen=True)
class Group:
    """All candidates with the same words, ignoring case, and how these words are annotated in the whole file."""

    surface: str
    candidates: tuple[AuditCandidate, ...]
    annotated: dict[str, list[tuple[int, int]]]  # sentence and first word of each mention, by label; "": no mention


def find_candidates(sentences: Sequence[Sentence], evidence: Sequence[Evidence]) -> list[AuditCandidate]:
    """A candidate for every gold mention, and for every likely mention that overlaps none, by falling score.

    The odds of an error are those of the events that the annotation excludes, each with the weight of its kind, to the
    annotation itself; all are probabilities out of fold (``MentionOutcome``). The score is the logistic function of

        log(odds) / sqrt(words)

    since the probability of a long mention is a product of many factors, and thus lower. With equal weights and without
    the root this would rank by self-confidence, the probability of the annotation (Northcutt, Jiang and Chuang 2021,
    "Confident Learning"). The kind of a gold mention is its most probable error.
    """
    found = [
        candidate
        for number, (sentence, one) in enumerate(zip(sentences, evidence, strict=True))
        for candidate in (*_of_mentions(number, sentence, one), *_missing(number, sentence, one))
    ]
    return sorted(found, key=lambda c: (-c.score, c.sentence, c.span))


def group(sentences: Sequence[Sentence], candidates: Sequence[AuditCandidate]) -> list[Group]:
    """The candidates by their words, in the order of the first one of each group."""
    grouped: defaultdict[tuple[str, ...], list[AuditCandidate]] = defaultdict(list)
    for candidate in candidates:
        start, end = candidate.span
        grouped[_lower(sentences[candidate.sentence].words[start:end])].append(candidate)
    annotated = _annotations(sentences, set(grouped))
    return [Group(" ".join(words), tuple(some), annotated[words]) for words, some in grouped.items()]


def _of_mentions(number: int, sentence: Sentence, evidence: Evidence) -> Iterator[AuditCandidate]:
    for entity, outcome in zip(sentence.entities or (), evidence.outcomes, strict=True):
        errors: dict[ErrorKind, float] = {
            "class": outcome.label,
            "boundary": outcome.boundary,
            "spurious": outcome.spurious,
        }
        error = max(errors, key=lambda error: errors[error])
        score = _score(entity, sum(WEIGHTS[error] * errors[error] for error in errors), outcome.correct)
        yield AuditCandidate(error, number, entity, _alternative(error, entity, evidence), score)


def _score(span: Entity, error: float, annotation: float) -> float:
    log_odds = log((error + EPSILON) / (annotation + EPSILON))
    return 1 / (1 + exp(-log_odds / sqrt(span.end - span.start)))


def _alternative(error: ErrorKind, gold: Entity, evidence: Evidence) -> Entity | None:
    """The most probable likely span that would be an error of this kind."""
    same = {"class": True, "boundary": False}.get(error)
    found = [
        span
        for span, _ in evidence.likely
        if _overlap(span, gold) and span != gold and ((span.start, span.end) == (gold.start, gold.end)) is same
    ]
    return max(found, key=lambda span: span.score, default=None)


def _missing(number: int, sentence: Sentence, evidence: Evidence) -> Iterator[AuditCandidate]:
    gold, seen = sentence.entities or (), list[Entity]()
    for span, outside in sorted(evidence.likely, key=lambda pair: (-pair[0].score, pair[0])):
        # More probable spans come first: one that overlaps a gold mention is another boundary of it.
        if not any(_overlap(span, other) for other in (*gold, *seen)):
            yield AuditCandidate(
                "missing", number, None, span, _score(span, WEIGHTS["missing"] * (1 - outside), outside)
            )
        seen.append(span)


def _annotations(
    sentences: Sequence[Sentence], surfaces: set[tuple[str, ...]]
) -> dict[tuple[str, ...], dict[str, list[tuple[int, int]]]]:
    """Where each surface is a mention, by label, and where it is part of none."""
    lengths = sorted(Counter(map(len, surfaces)))
    found: dict[tuple[str, ...], dict[str, list[tuple[int, int]]]] = {surface: {} for surface in surfaces}
    for number, sentence in enumerate(sentences):
        words, gold = _lower(sentence.words), sentence.entities or ()
        labels = {(entity.start, entity.end): entity.label for entity in gold}
        inside = {word for entity in gold for word in range(entity.start, entity.end)}
        for start in range(len(words)):
            for length in lengths:
                surface, span = words[start : start + length], (start, start + length)
                if surface in found and (span in labels or inside.isdisjoint(range(*span))):
                    found[surface].setdefault(labels.get(span, ""), []).append((number, start))
    return found


def _lower(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def _overlap(one: Entity, other: Entity) -> bool:
    return one.start < other.end and other.start < one.end
