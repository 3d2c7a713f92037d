"""Tag sentences in passes of the network: sorted by length, as many in a pass as its budget of pieces allows.

What a layer writes should still be in the caches when the next one reads it, so the budget follows from the processor
and the width of the encoder. Results do not depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from coner.core.types import Entity, Sentence
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pieces import Pieces

CHUNK = 2048  # sentences that are sorted together
PARALLEL_MIN = 512  # pieces: with fewer for each of several parallel passes, all threads share one
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")  # of Linux
USUAL_CACHE = 1 << 20  # bytes, where the system does not say
CACHES_OF_A_PASS = 6  # size of a pass's widest values, in second-level caches of a core; see docs/speed.md
ENOUGH = 4  # a pass of this part of its budget ends where longer sentences begin, which would pad it
MIN_PIECES, MAX_PIECES = 128, 2048  # pieces of a pass on one thread; more is no faster with AMX, and needs more memory
Tagged = tuple[list[Entity], int]  # entities of a sentence, and how many of its tags were repaired
MakePieces = Callable[[Sequence[Sequence[str]]], list[Pieces]]  # of the words of sentences
Result = TypeVar("Result")


def pass_size(width: int, bytes_per_value: int) -> int:
    """Pieces of a pass on one thread, for hidden states of this width; layers are four times as wide inside."""
    fitting = CACHES_OF_A_PASS * _second_level_cache() // (4 * width * bytes_per_value)
    return max(MIN_PIECES, min(MAX_PIECES, fitting))


@cache
def _second_level_cache() -> int:  # bytes
    with suppress(OSError):
        for folder in CACHES.glob("index*"):
            size = re.fullmatch(r"(\d+)K", (folder / "size").read_text("ascii").strip())
            if size and (folder / "level").read_text("ascii").strip() == "2":
                return int(size[1]) << 10
    return USUAL_CACHE


def tag_in_passes(
    sentences: Sequence[Sentence],
    tag: Callable[[list[Pieces]], list[Tagged]],
    *,
    pieces: MakePieces,
    size: int,
) -> list[Tagged]:
    """The entities of each sentence, in order, and how many of its tags were repaired; see ``in_passes``."""
    found = in_passes(sentences, tag, pieces=pieces, size=size)
    return [([], 0) if result is None else result for result in found]


def in_passes(
    sentences: Sequence[Sentence],
    run: Callable[[list[Pieces]], list[Result]],
    *,
    pieces: MakePieces,
    size: int,
    parallel_map: Callable[..., Iterable[list[Result]]] = map,
    workers: int = 1,
) -> list[Result | None]:
    """The result for each sentence, in order; ``None`` for those without a word.

    Args:
        run: gives those of the sentences of one pass, all of which have a word.
        pieces: usually a ``PieceMaker``.
        size: pieces of a pass of one worker, see ``pass_size``.
        parallel_map: a parallel ``map``, used if there are enough pieces for several workers; else all of them share
            a pass.
        workers: threads.
    """
    results: list[Result | None] = [None for _ in sentences]
    for start in range(0, len(sentences), CHUNK):
        chunk = pieces([sentence.words for sentence in sentences[start : start + CHUNK]])
        lengths = [sentence.size for sentence in chunk]
        order = sorted((i for i, sentence in enumerate(chunk) if sentence.counts), key=lengths.__getitem__)
        share = sum(lengths) // (2 * workers)  # two passes per worker, so that none waits long for the last one
        parallel = workers > 1 and share >= min(PARALLEL_MIN, size)
        budget = min(share, size) if parallel else size * workers
        passes = split_by_budget(order, lengths, budget, enough=budget // ENOUGH)
        found = (parallel_map if parallel else map)(run, [[chunk[i] for i in one] for one in passes])
        for indices, result in zip(passes, found, strict=True):
            for i, one in zip(indices, result, strict=True):
                results[start + i] = one
    return results
