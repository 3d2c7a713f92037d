"""How a tagger over an encoder goes through sentences: those of like length together, as many as a pass takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coner.encoder.layout import split_by_budget
from coner.encoder.pieces import PieceMaker, Pieces
from coner.types import Entity, Sentence

TAGGING_PIECES = 4096  # pieces a pass: more does not go faster on two cores, and costs memory
CHUNK = 2048  # sentences that are sorted by length together


def tag_in_passes(
    sentences: Sequence[Sentence],
    tag: Callable[[list[Pieces]], list[list[Entity]]],
    *,
    pieces: PieceMaker,
    advance: Callable[[int], object] | None,
) -> list[list[Entity]]:
    """Entities of each sentence, in order.

    Args:
        sentences: of any length; those without a word have no entity.
        tag: entities of each of the sentences of one pass.
        pieces: cuts the words.
        advance: is told how many sentences are done, as they are done.
    """
    found: list[list[Entity]] = [[] for _ in sentences]
    for start in range(0, len(sentences), CHUNK):
        made = pieces([sentence.words for sentence in sentences[start : start + CHUNK]])
        lengths = [len(sentence.ids) for sentence in made]
        order = sorted((i for i, sentence in enumerate(made) if sentence.counts), key=lengths.__getitem__)
        for some in split_by_budget(order, lengths, TAGGING_PIECES):
            for i, entities in zip(some, tag([made[i] for i in some]), strict=True):
                found[start + i] = entities
            if advance is not None:
                advance(len(some))
    return found
