"""Evidence on the annotation of a sentence from a tagger that has not seen it, as exact probabilities of spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coner.core.types import Entity, Sentence
from coner.decoding.chain import Chain, Scores
from coner.families.tagger import Tagger

LIKELY = 0.05  # probability of spans that are kept as alternatives


@dataclass(frozen=True)
class MentionOutcome:
    """Probabilities of the four exclusive outcomes for a gold mention; they sum to 1."""

    correct: float  # exactly this span with this label
    label: float  # exactly this span with another label
    boundary: float  # a mention that shares some of its words, but not this span
    spurious: float  # none of its words is in a mention


@dataclass(frozen=True)
class Evidence:
    """Predictions and probabilities for one sentence, from a tagger that has not seen it."""

    predicted: tuple[Entity, ...]
    outcomes: tuple[MentionOutcome, ...]  # of each gold mention
    # Spans with a probability of at least ``LIKELY``, each with the probability that none of its words is in a mention.
    likely: tuple[tuple[Entity, float], ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values, of full precision."""
        return {
            "predicted": [_plain(entity) for entity in self.predicted],
            "doubts": [
                [outcome.correct, outcome.label, outcome.boundary, outcome.spurious] for outcome in self.outcomes
            ],
            "likely": [[*_plain(entity), outside] for entity, outside in self.likely],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Evidence:
        """Reverse ``to_json``; ``ValueError``, ``KeyError`` or ``TypeError`` for other values."""
        return cls(
            tuple(Entity(*row) for row in values["predicted"]),
            tuple(MentionOutcome(*row) for row in values["doubts"]),
            tuple((Entity(*row[:4]), row[4]) for row in values["likely"]),
        )


def collect_evidence(tagger: Tagger, sentences: Sequence[Sentence]) -> Iterator[Evidence]:
    """The evidence on each labelled sentence, which has a word, from a tagger whose family ``has_chain``.

    A mention whose label the tagger does not know has probability 0.
    """
    predictions = tagger.predict(sentences)
    for sentence, prediction, (chain, scores) in zip(sentences, predictions, tagger.tag_scores(sentences), strict=True):
        yield Evidence(
            prediction.entities or (),
            tuple(_outcomes(chain, scores, sentence.entities or ())),
            tuple(_likely(chain, scores)),
        )


def _outcomes(chain: Chain, scores: Scores, gold: Sequence[Entity]) -> Iterator[MentionOutcome]:
    labels = chain.tags.labels
    spans = [Entity(entity.start, entity.end, label) for entity in gold for label in labels]
    [flat] = chain.span_probabilities(scores[None], [spans])
    [outside] = chain.outside_probabilities(scores[None], [gold])
    for number, entity in enumerate(gold):
        of_labels = dict(zip(labels, flat[number * len(labels) : (number + 1) * len(labels)], strict=True))
        correct = of_labels.pop(entity.label, 0.0)
        other = sum(of_labels.values())
        yield MentionOutcome(correct, other, max(0.0, 1.0 - correct - other - outside[number]), outside[number])


def _likely(chain: Chain, scores: Scores) -> Iterator[tuple[Entity, float]]:
    [spans] = chain.likely_spans(scores[None], LIKELY)
    [outside] = chain.outside_probabilities(scores[None], [spans])
    return zip(spans, outside, strict=True)


def _plain(entity: Entity) -> list[Any]:
    return [entity.start, entity.end, entity.label, entity.score]
