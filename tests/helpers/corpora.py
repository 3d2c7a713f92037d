"""Random corpora as tags, and a scorer by brute force as an oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st

from coner.core.types import Entity

LABELS = ("Artist", "Athlete", "Food", "Work/Art-Work")
GROUPS = {"Artist": "Person", "Athlete": "Person", "Food": "Product", "Work/Art-Work": "Work"}
Corpus = list[list[str]]


@st.composite
def valid_tags(draw: st.DrawFn, length: int, labels: Sequence[str] = LABELS) -> list[str]:
    """Valid IOB2 tags of one sentence."""
    tags: list[str] = []
    for _ in range(length):
        choices = ["O", *("B-" + label for label in labels)]
        if tags and tags[-1] != "O":
            choices.extend(["I-" + tags[-1][2:]] * 3)
        tags.append(draw(st.sampled_from(choices)))
    return tags


@st.composite
def tag_pairs(draw: st.DrawFn, labels: Sequence[str] = LABELS) -> tuple[Corpus, Corpus]:
    """Valid gold and predicted tags of up to six sentences, some of them empty, the predictions often right."""
    gold, predicted = [], []
    for length in draw(st.lists(st.integers(0, 7), max_size=6)):
        gold.append(draw(valid_tags(length, labels)))
        predicted.append(gold[-1] if draw(st.booleans()) else draw(valid_tags(length, labels)))
    return gold, predicted


def mentions(corpus: Sequence[Sequence[Entity]]) -> set[tuple[int, int, int, str]]:
    """A corpus as a set of (sentence, start, end, label)."""
    return {(i, e.start, e.end, e.label) for i, entities in enumerate(corpus) for e in entities}


def rates(tp: int, support: int, predicted: int) -> tuple[float, float, float]:
    """Precision, recall and F1 by their definitions."""
    precision = tp / predicted if predicted else 0.0
    recall = tp / support if support else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def confusion(
    gold: set[tuple[int, int, int, str]], predicted: set[tuple[int, int, int, str]]
) -> Counter[tuple[str, str]]:
    """Pairs of labels on the same span, by comparing all mentions with all predictions."""
    return Counter((g[3], p[3]) for g in gold for p in predicted if g[:3] == p[:3])
