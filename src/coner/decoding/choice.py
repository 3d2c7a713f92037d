"""Of likely spans that overlap, those that are worth the most together; from whichever tagger or vote they come."""

from __future__ import annotations

from collections.abc import Sequence

from coner.core.types import Entity


def choose(spans: Sequence[Entity], threshold: float) -> list[Entity]:
    """Of likely spans, those that make the most of the sum of (probability - threshold), none over another.

    A mention is worth its probability of being right; its price is the threshold. F1 is highest where the price is
    half of the F1 that is reached (Lipton, Elkan and Naryanaswamy 2014), so it lies far below one half, and must be
    tried out: it depends on how well the model does.

    Args:
        spans: of one sentence, by last word, each with its probability as score.
        threshold: what a mention must be worth.

    Returns:
        The spans chosen, in the order of the text.
    """
    worth = [0.0]  # worth[w]: the most that the first w words are worth
    last: list[Entity | None] = [None]  # the span that ends there, in the choice that is worth so much
    for span in spans:
        while len(worth) <= span.end:
            worth.append(worth[-1])
            last.append(None)
        with_it = worth[span.start] + span.score - threshold
        if with_it > worth[span.end]:
            worth[span.end], last[span.end] = with_it, span
    chosen: list[Entity] = []
    word = len(worth) - 1
    while word:
        ends_here = last[word]
        if ends_here:
            chosen.append(ends_here)
        word = ends_here.start if ends_here else word - 1
    return chosen[::-1]
