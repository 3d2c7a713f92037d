"""Tag sentences in passes of the network: sorted by length, as many in a pass as its budget of pieces allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces

CHUNK = 2048  # sentences that are sorted together
SINGLE_PASS = 4096  # pieces of a pass on all threads; more is no faster on two cores, and needs more memory
PARALLEL_MIN, PARALLEL_MAX = 512, 2048  # pieces of one of several parallel passes
Tagged = tuple[list[Entity], int]  # entities of a sentence, and how many of its tags were repaired
Result = TypeVar("Result")


def tag_in_passes(
    sentences: Sequence[Sentence],
    tag: Callable[[list[Pieces]], list[Tagged]],
    *,
    pieces: PieceMaker,
    parallel_map: Callable[..., Iterable[list[Tagged]]] = map,
    workers: int = 1,
) -> list[Tagged]:
    """The entities of each sentence, in order, and how many of its tags were repaired; see ``in_passes``."""
    found = in_passes(sentences, tag, pieces=pieces, parallel_map=parallel_map, workers=workers)
    return [([], 0) if result is None else result for result in found]


def in_passes(
    sentences: Sequence[Sentence],
    run: Callable[[list[Pieces]], list[Result]],
    *,
    pieces: PieceMaker,
    parallel_map: Callable[..., Iterable[list[Result]]] = map,
    workers: int = 1,
) -> list[Result | None]:
    """The result for each sentence, in order; ``None`` for those without a word.

    ``run`` gives those of the sentences of one pass, all of which have a word. ``parallel_map`` is a parallel ``map``,
    used if there are enough passes for several ``workers``.
    """
    results: list[Result | None] = [None for _ in sentences]
    for start in range(0, len(sentences), CHUNK):
        chunk = pieces([sentence.words for sentence in sentences[start : start + CHUNK]])
        lengths = [len(sentence.ids) for sentence in chunk]
        order = sorted((i for i, sentence in enumerate(chunk) if sentence.counts), key=lengths.__getitem__)
        share = sum(lengths) // (2 * workers)  # two passes per worker, so that none waits long for the last one
        parallel = workers > 1 and share >= PARALLEL_MIN
        passes = split_by_budget(order, lengths, min(share, PARALLEL_MAX) if parallel else SINGLE_PASS)
        found = (parallel_map if parallel else map)(run, [[chunk[i] for i in one] for one in passes])
        for indices, result in zip(passes, found, strict=True):
            for i, one in zip(indices, result, strict=True):
                results[start + i] = one
    return results
