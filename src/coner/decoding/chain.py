"""Exact inference in a linear-chain CRF, in numpy: the best valid tags, and the spans that are likely.

Two ways to read a chain. The best path (Viterbi) is the likeliest whole answer; where five classes share the
probability of a mention it says that there is none. Spans are judged one by one: each has the probability of all the
paths that hold it; which ones pay is for ``choice``.

Shapes: B sentences of one length, W words, C tags, L labels. Scores are natural logarithms; a forbidden move is minus
infinity, so that it has no part in any sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from coner.core.tags import TagSet
from coner.core.types import Entity

Scores = NDArray[np.float64]
Ids = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Mentions:
    """Mentions under way: for each, in which sentence, from where, up to which word, with which label and tag.

    Attributes:
        score: log sum of all paths up to that word that hold the mention's tags.
    """

    rows: Ids
    starts: Ids
    words: Ids
    labels: Ids
    tags: Ids
    score: Scores

    def __getitem__(self, chosen: NDArray[np.bool_]) -> _Mentions:
        rows, starts, words, labels, tags = (
            column[chosen] for column in (self.rows, self.starts, self.words, self.labels, self.tags)
        )
        return _Mentions(rows, starts, words, labels, tags, self.score[chosen])


@dataclass(frozen=True, slots=True)
class _Lattice:
    """Sums over the paths of sentences of one length.

    Attributes:
        transitions: C x C.
        emissions: B x W x C.
        after: B x W x C, log sums after each word, less the sum over all paths.
    """

    transitions: Scores
    emissions: Scores
    after: Scores

    @property
    def length(self) -> int:
        """Words of each sentence: W."""
        return int(self.emissions.shape[1])

    def begin(self, before: Scores, tags: Ids, least: float) -> _Mentions:
        """Mentions that begin with these tags (one a label) and at least so likely."""
        begun = before[:, :, tags]
        rows, words, labels = np.nonzero(begun + self.after[:, :, tags] >= np.log(least))
        return _Mentions(rows, words, words, labels, tags[labels], begun[rows, words, labels])

    def move(self, mentions: _Mentions, tags: Ids) -> _Mentions:
        """The mentions one word on, with these tags (one a label)."""
        m, words, to = mentions, mentions.words + 1, tags[mentions.labels]
        score = m.score + self.transitions[m.tags, to] + self.emissions[m.rows, words, to]
        return _Mentions(m.rows, m.starts, words, m.labels, to, score)

    def likely(self, mentions: _Mentions, least: float) -> _Mentions:
        """Those of the mentions that are at least so likely, wherever they end."""
        return mentions[self.log_probability(mentions) >= np.log(least)]

    def log_probability(self, mentions: _Mentions) -> Scores:
        """Of all that the mentions hold so far, wherever they end."""
        sums: Scores = mentions.score + self.after[mentions.rows, mentions.words, mentions.tags]
        return sums

    def probability_of_end(self, mentions: _Mentions, inner: Ids) -> Scores:
        """That the mentions end with their word: whatever comes next, they do not go on with an ``inner`` tag."""
        m, log = mentions, self.log_probability(mentions)
        on = m.words + 1 < self.length
        rows, words, tags = m.rows[on], m.words[on] + 1, m.tags[on]
        onward = self.transitions[tags] + (self.emissions[rows, words] + self.after[rows, words])
        onward[np.arange(len(tags)), inner[m.labels[on]]] = -np.inf
        log[on] = m.score[on] + _log_sum(onward)
        return np.exp(log)


class Chain:
    """Transitions between tags, those that the scheme forbids shut.

    Args:
        tags: the tags and their scheme.
        transitions: C x C, ``[i, j]`` for tag j right after tag i.
        first: scores of the tags of first words, C; by default 0.
        last: likewise of last words.
    """

    def __init__(
        self, tags: TagSet, transitions: Scores, *, first: Scores | float = 0.0, last: Scores | float = 0.0
    ) -> None:
        self.tags = tags
        self.transitions = np.where(tags.allowed(), transitions, -np.inf)
        self.first = np.where(tags.allowed_first(), first, -np.inf)
        self.last = np.where(tags.allowed_last(), last, -np.inf)
        # A tag within a mention may come after two others only; half of all tags are such.
        allowed = np.array(tags.allowed())
        inner = allowed.sum(axis=0) <= 2
        self._open, self._closed = np.flatnonzero(~inner), np.flatnonzero(inner)
        self._sources = (~allowed[:, inner]).argsort(axis=0, kind="stable")[:2]  # those two, of each
        self._shift = float(transitions.max())
        self._exp = np.exp(self.transitions - self._shift)
        single, start, inner, final = "BBII" if tags.scheme == "iob2" else "SBIE"
        self._single, self._start, self._inner, self._final = (
            np.array([tags.ids[f"{prefix}-{label}"] for label in tags.labels])
            for prefix in (single, start, inner, final)
        )

    def best(self, emissions: Scores) -> Ids:
        """The best valid tags. B x W x C to B x W.

        Where the best score of a tag came from is not kept, but found again on the way back, for the tags of the path.
        """
        batch, length, tags = emissions.shape
        best = np.empty_like(emissions)
        best[:, 0] = self.first + emissions[:, 0]
        from_all, from_two = self.transitions[:, None, self._open], self.transitions[self._sources, self._closed]
        moves = np.empty((tags, batch, len(self._open)))  # from outermost: a maximum over it compares rows of memory
        for t in range(1, length):
            before, now = best[:, t - 1], best[:, t]
            now[:, self._open] = np.add(before.T[:, :, None], from_all, out=moves).max(axis=0)
            now[:, self._closed] = (before[:, self._sources] + from_two).max(axis=1)
            now += emissions[:, t]
        path = np.empty((batch, length), dtype=np.intp)
        path[:, -1] = (best[:, -1] + self.last).argmax(axis=1)
        into = np.ascontiguousarray(self.transitions.T)
        for t in range(length - 2, -1, -1):
            path[:, t] = (best[:, t] + into[path[:, t + 1]]).argmax(axis=1)
        return path

    def entities(self, emissions: Scores) -> Iterator[list[Entity]]:
        """Of each sentence the entities of its best valid tags, each with its probability. B x W x C."""
        found = [self.tags.decode(path)[0] for path in self.best(emissions).tolist()]
        some = [row for row, entities in enumerate(found) if entities]
        scores = dict(zip(some, self.probabilities(emissions[some], [found[row] for row in some]), strict=True))
        for row, entities in enumerate(found):
            pairs = zip(entities, scores.get(row, ()), strict=True)
            yield [Entity(e.start, e.end, e.label, score) for e, score in pairs]

    def probabilities(self, emissions: Scores, entities: Sequence[Sequence[Entity]]) -> list[list[float]]:
        """Probability, over all valid tags, of exactly that span with that label, for the entities of each sentence.

        Args:
            emissions: B x W x C.
            entities: B.
        """
        ids = {label: number for number, label in enumerate(self.tags.labels)}
        spans = [(row, e.start, e.end - e.start, ids[e.label]) for row, some in enumerate(entities) for e in some]
        if not spans:
            return [[] for _ in entities]
        before, lattice = self._lattice(emissions)
        rows, starts, sizes, labels = np.array(spans, dtype=np.intp).T
        scores = np.empty(len(spans))
        for size in np.unique(sizes):
            alike = sizes == size
            at, word, label = rows[alike], starts[alike], labels[alike]
            tag = (self._single if size == 1 else self._start)[label]
            mentions = _Mentions(at, word, word, label, tag, before[at, word, tag])
            for left in range(size - 1, 0, -1):
                mentions = lattice.move(mentions, self._final if left == 1 else self._inner)
            scores[alike] = lattice.probability_of_end(mentions, self._inner)
        values = iter(np.minimum(scores, 1.0).tolist())
        return [list(islice(values, len(some))) for some in entities]

    def spans(self, emissions: Scores, least: float) -> list[list[Entity]]:
        """Every span with a label whose probability is at least ``least``: exact, and no longer than the words allow.

        The probability that a mention begins at a word is no less than that of any span that begins there; likewise
        that it goes on to the next. So each is followed only as far as it is at least ``least``.

        Args:
            emissions: B x W x C.
            least: above 0: the work grows as it falls.

        Returns:
            For each sentence its spans, by last word; they may overlap. The score of each is its probability, of
            exactly that span with that label over all valid tags.
        """
        before, lattice = self._lattice(emissions)
        ended = [lattice.begin(before, self._single, least)]
        going = lattice.begin(before, self._start, least)
        while len(going.rows):
            going = going[going.words + 1 < lattice.length]
            ended.append(lattice.likely(lattice.move(going, self._final), least))
            going = lattice.likely(lattice.move(going, self._inner), least)
        spans: list[list[Entity]] = [[] for _ in emissions]
        for mentions in ended:
            probability = lattice.probability_of_end(mentions, self._inner)
            likely = probability >= least
            kept = mentions[likely]
            columns = (kept.rows, kept.starts, kept.words + 1, kept.labels, probability[likely])
            for row, start, end, label, score in zip(*(column.tolist() for column in columns), strict=True):
                spans[row].append(Entity(start, end, self.tags.labels[label], min(score, 1.0)))
        return [sorted(entities, key=attrgetter("end")) for entities in spans]

    def _lattice(self, emissions: Scores) -> tuple[Scores, _Lattice]:
        """Log sums before each word, its own tag given, and the lattice of those after it."""
        before, after = self.forward(emissions), self.backward(emissions)
        after -= _log_sum(before[:, -1] + self.last)[:, None, None]  # so that sums are logarithms of probabilities
        return before, _Lattice(self.transitions, emissions, after)

    def forward(self, emissions: Scores) -> Scores:
        """Log sums over all valid tags up to each word, its own tag given. B x W x C to the same."""
        alpha = np.empty_like(emissions)
        alpha[:, 0] = self.first + emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            alpha[:, t] = self._sum(alpha[:, t - 1], self._exp) + emissions[:, t]
        return alpha

    def backward(self, emissions: Scores) -> Scores:
        """Log sums over all valid tags after each word, its own tag given. B x W x C to the same."""
        beta = np.empty_like(emissions)
        beta[:, -1] = self.last
        for t in range(emissions.shape[1] - 2, -1, -1):
            beta[:, t] = self._sum(beta[:, t + 1] + emissions[:, t + 1], self._exp.T)
        return beta

    def _sum(self, scores: Scores, moves: Scores) -> Scores:
        highest = scores.max(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):  # no move leads there: the logarithm of zero is meant
            sums: Scores = np.log(np.exp(scores - highest) @ moves) + highest + self._shift
        return sums


def _log_sum(scores: Scores) -> Scores:
    """Logarithm of the summed exponentials of each row."""
    highest = scores.max(axis=1, keepdims=True)
    sums: Scores = np.log(np.exp(scores - highest).sum(axis=1)) + highest[:, 0]
    return sums
