"""Select the best set of non-overlapping spans from overlapping candidates."""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.types import Entity


def select_spans(spans: Sequence[Entity], threshold: float) -> list[Entity]:
    """Select non-overlapping spans that maximise the sum of (probability - threshold), by dynamic programming.

    F1 is highest where the threshold is half of the F1 that is reached (Lipton, Elkan and Naryanaswamy 2014). It
    therefore lies well below one half, and has to be tuned for each model.

    Args:
        spans: candidates of one sentence, sorted by end; the score of each is its probability.
        threshold: cost of one span.

    Returns:
        The selected spans in text order.
    """
    best = [0.0]  # best[w]: highest sum over the first w words
    last: list[Entity | None] = [None]  # the span that ends at w in that selection
    for span in spans:
        while len(best) <= span.end:
            best.append(best[-1])
            last.append(None)
        total = best[span.start] + span.score - threshold
        if total > best[span.end]:
            best[span.end], last[span.end] = total, span
    selected: list[Entity] = []
    word = len(best) - 1
    while word:
        span_here = last[word]
        if span_here:
            selected.append(span_here)
        word = span_here.start if span_here else word - 1
    return selected[::-1]
