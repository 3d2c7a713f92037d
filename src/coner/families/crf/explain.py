"""Reading a CRF: which features speak for and against each label, and which moves from tag to tag it likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coner.core.errors import ConfigError
from coner.families.crf.tagger import CrfTagger


@dataclass(frozen=True, slots=True)
class FeatureWeight:
    """What one feature adds to the score of one tag (a natural logarithm of odds)."""

    feature: str
    tag: str
    weight: float


@dataclass(frozen=True, slots=True)
class TransitionWeight:
    """What one valid move between tags adds to the score."""

    before: str
    after: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """One label.

    Attributes:
        label: it.
        supports: features with the highest weights for its tags, the highest first; all above zero.
        opposes: those with the lowest, the lowest first; all below zero.
        transitions: moves into and out of its tags, the strongest first.
    """

    label: str
    supports: tuple[FeatureWeight, ...]
    opposes: tuple[FeatureWeight, ...]
    transitions: tuple[TransitionWeight, ...]


def explain(tagger: CrfTagger, *, labels: Sequence[str] = (), top: int = 20) -> list[Explanation]:
    """The strongest weights of each label.

    Args:
        tagger: trained.
        labels: which ones; none: all, in the tagger's order.
        top: how many features for, how many against, how many transitions, at most.

    Raises:
        ConfigError: a label that the tagger does not know.
    """
    for label in labels:
        if label not in tagger.labels:
            raise ConfigError(f"label {label!r} is not known; expected one of: {', '.join(tagger.labels)}")
    return [_explain(tagger, label, top) for label in labels or tagger.labels]


def _explain(tagger: CrfTagger, label: str, top: int) -> Explanation:
    weights, tags = tagger.weights, tagger.tags
    own = [index for index, tag in enumerate(tags.tags) if tag.partition("-")[2] == label]
    entries = np.flatnonzero(np.isin(weights.tags, own))
    order = entries[np.argsort(-weights.values[entries], kind="stable")]

    def named(chosen: NDArray[np.intp], sign: int) -> tuple[FeatureWeight, ...]:
        features = np.searchsorted(weights.starts, chosen, side="right") - 1
        rows = (
            FeatureWeight(weights.features[f], tags.tags[weights.tags[e]], float(weights.values[e]))
            for f, e in zip(features, chosen, strict=True)
        )
        return tuple(row for row in rows if row.weight * sign > 0)

    return Explanation(label, named(order[:top], 1), named(order[::-1][:top], -1), _transitions(tagger, own, top))


def _transitions(tagger: CrfTagger, own: Sequence[int], top: int) -> tuple[TransitionWeight, ...]:
    allowed, names = tagger.tags.allowed(), tagger.tags.tags
    moves = [
        TransitionWeight(names[i], names[j], float(tagger.weights.transitions[i, j]))
        for i in range(len(names))
        for j in range(len(names))
        if allowed[i][j] and (i in own or j in own) and tagger.weights.transitions[i, j] != 0
    ]
    return tuple(sorted(moves, key=lambda move: -abs(move.weight))[:top])
