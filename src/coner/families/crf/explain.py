"""What a CRF has learned: the strongest features and tag transitions of each label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coner.core.errors import ConfigError, ModelError
from coner.families.crf.tagger import CrfTagger
from coner.families.tagger import Tagger


@dataclass(frozen=True, slots=True)
class FeatureWeight:
    """What a feature adds to the score of a tag (log odds)."""

    feature: str
    tag: str
    weight: float


@dataclass(frozen=True, slots=True)
class TransitionWeight:
    """What a valid transition between tags adds to the score."""

    before: str
    after: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The strongest weights of one label."""

    label: str
    supports: tuple[FeatureWeight, ...]  # above zero, descending
    opposes: tuple[FeatureWeight, ...]  # below zero, ascending
    transitions: tuple[TransitionWeight, ...]  # to and from its tags, the strongest first


def explain(tagger: Tagger, *, labels: Sequence[str] = (), top: int = 20) -> list[Explanation]:
    """The strongest weights of these labels; by default of all, in the tagger's order.

    ``top`` limits the number of supporting features, of opposing features, and of transitions. ``ConfigError`` for a
    label that the tagger does not have, ``ModelError`` if it is not a CRF.
    """
    if not isinstance(tagger, CrfTagger):
        raise ModelError(f"got a model of kind {tagger.kind}; expected a feature CRF (kind crf)")
    for label in labels:
        if label not in tagger.labels:
            raise ConfigError(f"got label {label!r}; expected one of: {', '.join(tagger.labels)}")
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

    transitions = [
        TransitionWeight(tags.tags[i], tags.tags[j], float(weights.transitions[i, j]))
        for i, j in np.argwhere(tags.allowed())
        if (i in own or j in own) and weights.transitions[i, j] != 0
    ]
    transitions.sort(key=lambda transition: -abs(transition.weight))
    return Explanation(label, named(order[:top], 1), named(order[::-1][:top], -1), tuple(transitions[:top]))
