"""Exact inference in a linear-chain CRF, in numpy: the best valid path, and the probabilities of spans.

The best path (Viterbi) is the most probable tag sequence, which can lack a mention whose probability is divided among
several labels. ``likely_spans`` therefore gives each span the summed probability of all paths that contain it, and
``spans.select_spans`` selects among them.

Shapes: B sentences of one length, W words, C tags. Scores are natural logarithms; a forbidden transition has minus
infinity and so contributes nothing to any sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coner.core.tags import OUTSIDE, TagSet
from coner.core.types import Entity

Scores = NDArray[np.float64]
Ids = NDArray[np.intp]
MAX_SCORE = 1e6  # trained ones are below 100
MOVES = 1 << 24  # moves between two tags that are in memory at once: 128 MiB


class _Prefixes(NamedTuple):
    """Spans whose end is not decided yet; arrays of one length."""

    rows: Ids  # sentence of each
    starts: Ids
    words: Ids  # the word that it extends to
    labels: Ids
    tags: Ids  # its tag at that word
    scores: Scores  # log sum of all paths up to that word that contain it

    def where(self, chosen: NDArray[np.bool_]) -> _Prefixes:
        return _Prefixes._make(values[chosen] for values in self)


class _Lattice(NamedTuple):
    """Forward and backward log sums of sentences of one length."""

    transitions: Scores  # C x C
    emissions: Scores  # B x W x C
    alpha: Scores  # over the paths up to each word, given its tag. B x W x C
    beta: Scores  # over the paths after each word, given its tag, less the log partition function. B x W x C

    def begin(self, tags: Ids, threshold: float) -> _Prefixes:
        """Prefixes of one word with these tags (one per label) whose probability is at least the threshold."""
        alpha = self.alpha[:, :, tags]
        rows, words, labels = np.nonzero(alpha + self.beta[:, :, tags] >= np.log(threshold))
        return _Prefixes(rows, words, words, labels, tags[labels], alpha[rows, words, labels])

    def extend(self, spans: _Prefixes, tags: Ids) -> _Prefixes:
        s, words, to = spans, spans.words + 1, tags[spans.labels]
        scores = s.scores + self.transitions[s.tags, to] + self.emissions[s.rows, words, to]
        return _Prefixes(s.rows, s.starts, words, s.labels, to, scores)

    def likely(self, spans: _Prefixes, threshold: float) -> _Prefixes:
        return spans.where(self.log_probability(spans) >= np.log(threshold))

    def log_probability(self, spans: _Prefixes) -> Scores:
        return spans.scores + self.beta[spans.rows, spans.words, spans.tags]

    def end_probability(self, spans: _Prefixes, inner: Ids) -> Scores:
        """Probability that the spans end at their word: the next tag may be any but their ``inner`` tag."""
        s, log = spans, self.log_probability(spans)
        continued = s.words + 1 < self.emissions.shape[1]
        rows, words, tags = s.rows[continued], s.words[continued] + 1, s.tags[continued]
        onward = self.transitions[tags] + (self.emissions[rows, words] + self.beta[rows, words])
        onward[np.arange(len(tags)), inner[s.labels[continued]]] = -np.inf
        log[continued] = s.scores[continued] + _log_sum(onward)
        return np.exp(log)


def _scores(scores: Scores | float, allowed: NDArray[np.bool_]) -> Scores:
    """The scores of what is allowed, ``-inf`` elsewhere; ``ValueError`` where they are absurd."""
    if np.ndim(scores) and np.shape(scores) != allowed.shape:
        raise ValueError(f"got scores of shape {np.shape(scores)}; expected {allowed.shape}, from the labels")
    if not (np.abs(np.broadcast_to(scores, allowed.shape)[allowed]) <= MAX_SCORE).all():
        raise ValueError(f"got scores that are NaN, infinite or above {MAX_SCORE:g}")
    return np.where(allowed, scores, -np.inf)


class Chain:
    """A linear chain over tags in which the transitions that the scheme forbids are impossible.

    ``transitions[i, j]`` is the score of tag j right after tag i, C x C; ``first`` and ``last`` are the scores of the
    tags of first and last words, C. ``ValueError`` for other shapes, and for possible tags with a score that is NaN,
    infinite or absurd.
    """

    def __init__(
        self, tags: TagSet, transitions: Scores, *, first: Scores | float = 0.0, last: Scores | float = 0.0
    ) -> None:
        self.tags = tags
        if np.shape(transitions) != (len(tags), len(tags)):  # before the matrix of what is allowed takes memory
            raise ValueError(f"got transitions of shape {np.shape(transitions)}; expected {len(tags)} tags by as many")
        allowed = np.array(tags.allowed())
        self.transitions = _scores(transitions, allowed)
        self.first = _scores(first, np.array(tags.allowed_first()))
        self.last = _scores(last, np.array(tags.allowed_last()))
        # Half of all tags are inner ones, which may follow two tags only.
        inner = allowed.sum(axis=0) <= 2
        self._outer, self._inner = np.flatnonzero(~inner), np.flatnonzero(inner)
        self._before_inner = (~allowed[:, inner]).argsort(axis=0, kind="stable")[:2]  # the two tags before each
        self._shift = float(self.transitions.max())
        self._exp = np.exp(self.transitions - self._shift)
        self._single_ids, self._begin_ids, self._inner_ids, self._end_ids = (
            np.array([tags.ids[f"{prefix}-{label}"] for label in tags.labels])
            for prefix in ("BBII" if tags.scheme == "iob2" else "SBIE")
        )

    def viterbi(self, emissions: Scores) -> Ids:
        """The best valid paths, B x W x C to B x W. Back pointers are not stored: the backward pass recomputes them."""
        batch, length, tags = emissions.shape
        if batch > (at_once := max(1, MOVES // (tags * len(self._outer)))):
            return np.concatenate([self.viterbi(emissions[i : i + at_once]) for i in range(0, batch, at_once)])
        best = np.empty_like(emissions)
        best[:, 0] = self.first + emissions[:, 0]
        to_outer, to_inner = self.transitions[:, None, self._outer], self.transitions[self._before_inner, self._inner]
        moves = np.empty((tags, batch, len(self._outer)))  # sources first: their maximum compares contiguous rows
        for t in range(1, length):
            before, now = best[:, t - 1], best[:, t]
            now[:, self._outer] = np.add(before.T[:, :, None], to_outer, out=moves).max(axis=0)
            now[:, self._inner] = (before[:, self._before_inner] + to_inner).max(axis=1)
            now += emissions[:, t]
        path = np.empty((batch, length), dtype=np.intp)
        path[:, -1] = (best[:, -1] + self.last).argmax(axis=1)
        into = np.ascontiguousarray(self.transitions.T)
        for t in range(length - 2, -1, -1):
            path[:, t] = (best[:, t] + into[path[:, t + 1]]).argmax(axis=1)
        return path

    def decode(self, emissions: Scores) -> Iterator[list[Entity]]:
        """The entities of each best valid path, each with its probability. B x W x C to B."""
        found = [self.tags.decode(path)[0] for path in self.viterbi(emissions).tolist()]
        for entities, scores in zip(found, self.span_probabilities(emissions, found), strict=True):
            yield [replace(entity, score=score) for entity, score in zip(entities, scores, strict=True)]

    def span_probabilities(self, emissions: Scores, entities: Sequence[Sequence[Entity]]) -> list[list[float]]:
        """For each entity of B sentences, the probability of exactly that span with that label, over all valid paths.

        Emissions are B x W x C.
        """
        ids = {label: number for number, label in enumerate(self.tags.labels)}
        some = [row for row, spans in enumerate(entities) if spans]
        spans = [(row, e.start, e.end - e.start, ids[e.label]) for row, i in enumerate(some) for e in entities[i]]
        if not spans:
            return [[] for _ in entities]
        lattice = self._lattice(emissions[some])
        rows, starts, sizes, labels = np.array(spans, dtype=np.intp).T
        scores = np.empty(len(spans))
        for size in np.unique(sizes):
            same = sizes == size
            row, word, label = rows[same], starts[same], labels[same]
            tag = (self._single_ids if size == 1 else self._begin_ids)[label]
            group = _Prefixes(row, word, word, label, tag, lattice.alpha[row, word, tag])
            for left in range(size - 1, 0, -1):
                group = lattice.extend(group, self._end_ids if left == 1 else self._inner_ids)
            scores[same] = lattice.end_probability(group, self._inner_ids)
        values = iter(np.minimum(scores, 1.0).tolist())
        return [list(islice(values, len(some))) for some in entities]

    def outside_probabilities(self, emissions: Scores, entities: Sequence[Sequence[Entity]]) -> list[list[float]]:
        """For each span of B sentences, the probability that none of its words is in a mention, over all valid paths.

        Emissions are B x W x C.
        """
        lattice, outside = self._lattice(emissions), self.tags.ids[OUTSIDE]
        stay = self.transitions[outside, outside]
        alpha, beta = lattice.alpha[:, :, outside], lattice.beta[:, :, outside]
        return [
            [
                min(1.0, float(np.exp(alpha[row, e.start] + own[e.start + 1 : e.end].sum() + beta[row, e.end - 1])))
                for e in spans
            ]
            for row, (spans, own) in enumerate(zip(entities, stay + emissions[:, :, outside], strict=True))
        ]

    def tag_marginals(self, emissions: Scores) -> Scores:
        """The probability of each tag at each word, over all valid paths. B x W x C to B x W x C."""
        lattice = self._lattice(emissions)
        return np.exp(lattice.alpha + lattice.beta)

    def likely_spans(self, emissions: Scores, threshold: float) -> list[list[Entity]]:
        """All labelled spans whose probability is at least the threshold; exact.

        The probability of a prefix of a span (whatever its end) is an upper bound for every span that it begins. So a
        prefix is extended only while its probability is at least the threshold, which must be above 0.

        Returns:
            The spans of each of B sentences, sorted by end; they may overlap. The score of each is the probability of
            exactly that span with that label over all valid paths.
        """
        lattice = self._lattice(emissions)
        ended = [lattice.begin(self._single_ids, threshold)]
        active = lattice.begin(self._begin_ids, threshold)
        while len(active.rows):
            active = active.where(active.words + 1 < emissions.shape[1])
            ended.append(lattice.likely(lattice.extend(active, self._end_ids), threshold))
            active = lattice.likely(lattice.extend(active, self._inner_ids), threshold)
        spans: list[list[Entity]] = [[] for _ in emissions]
        for group in ended:
            probability = lattice.end_probability(group, self._inner_ids)
            likely = probability >= threshold
            kept = group.where(likely)
            columns = (kept.rows, kept.starts, kept.words + 1, kept.labels, probability[likely])
            for row, start, end, label, score in zip(*(column.tolist() for column in columns), strict=True):
                spans[row].append(Entity(start, end, self.tags.labels[label], min(score, 1.0)))
        return [sorted(entities, key=attrgetter("end")) for entities in spans]

    def _lattice(self, emissions: Scores) -> _Lattice:
        alpha, beta = self.forward(emissions), self.backward(emissions)
        beta -= _log_sum(alpha[:, -1] + self.last)[:, None, None]
        return _Lattice(self.transitions, emissions, alpha, beta)

    def forward(self, emissions: Scores) -> Scores:
        """Log sums over all valid paths up to each word, given its tag. B x W x C to B x W x C."""
        alpha = np.empty_like(emissions)
        alpha[:, 0] = self.first + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            alpha[:, t] = self._log_matmul(alpha[:, t - 1], self._exp) + emissions[:, t]
        return alpha

    def backward(self, emissions: Scores) -> Scores:
        """Log sums over all valid paths after each word, given its tag. B x W x C to B x W x C."""
        beta = np.empty_like(emissions)
        beta[:, -1] = self.last
        for t in range(emissions.shape[1] - 2, -1, -1):
            beta[:, t] = self._log_matmul(beta[:, t + 1] + emissions[:, t + 1], self._exp.T)
        return beta

    def _log_matmul(self, scores: Scores, transitions: Scores) -> Scores:
        highest: Scores = scores.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):  # the logarithm of zero is intended: no path leads there
            return np.log(np.exp(scores - highest) @ transitions) + highest + self._shift


def _log_sum(scores: Scores) -> Scores:
    """Logarithm of the summed exponentials of each row."""
    highest: Scores = scores.max(axis=1, keepdims=True)
    sums: Scores = np.log(np.exp(scores - highest).sum(axis=1))
    return sums + highest[:, 0]
