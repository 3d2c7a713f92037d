"""How a tagger over an encoder goes through sentences: those of like length together, as many as a pass takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces

CHUNK = 2048  # sentences that are sorted by length together
ALONE = 4096  # pieces a pass by all threads; more does not go faster on two cores, and costs memory
LEAST, MOST = 512, 2048  # of several passes at once: a thread is as quick with few
Tagged = tuple[list[Entity], int]  # the entities of a sentence, and how many of its tags had to be mended


class Each(Protocol):
    """``map``, or what does the same."""

    def __call__(
        self, function: Callable[[list[Pieces]], list[Tagged]], items: Sequence[list[Pieces]], /
    ) -> Iterable[list[Tagged]]: ...


def tag_in_passes(
    sentences: Sequence[Sentence],
    tag: Callable[[list[Pieces]], list[Tagged]],
    *,
    pieces: PieceMaker,
    each: Each = map,
    at_once: int = 1,
) -> list[Tagged]:
    """Entities of each sentence, in order, and how many of its tags were repaired.

    Args:
        sentences: of any length; those without a word have no entity.
        tag: what is found in each of the sentences of one pass.
        pieces: cuts the words.
        each: calls ``tag`` for the passes, where there are enough for so many ``at_once``.
        at_once: passes.
    """
    found: list[Tagged] = [([], 0) for _ in sentences]
    for start in range(0, len(sentences), CHUNK):
        made = pieces([sentence.words for sentence in sentences[start : start + CHUNK]])
        lengths = [len(sentence.ids) for sentence in made]
        order = sorted((i for i, sentence in enumerate(made) if sentence.counts), key=lengths.__getitem__)
        share = sum(lengths) // (2 * at_once)  # two passes for each: where one is late, the others go on
        together = at_once > 1 and share >= LEAST
        passes = split_by_budget(order, lengths, min(share, MOST) if together else ALONE)
        results = (each if together else map)(tag, [[made[i] for i in some] for some in passes])
        for some, tagged in zip(passes, results, strict=True):
            for i, result in zip(some, tagged, strict=True):
                found[start + i] = result
    return found
