"""Choose the words of a batch that are masked, and what the encoder reads in their place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from coner.families.encoder.backbone.batch import Batch

MASKED, RANDOM = 0.8, 0.1  # of the chosen pieces: replaced by the mask, by a random piece; the others stay


@dataclass(frozen=True)
class Masked:
    """A batch with masked words. M is the number of masked pieces."""

    batch: Batch
    places: Tensor  # positions of the masked pieces, indices into R*P. M
    ids: Tensor  # ids of the masked pieces. M


def mask_words(batch: Batch, share: float, *, mask: int, vocabulary: int, generator: torch.Generator | None) -> Masked:
    """Mask this share of the words, each chosen independently with all of its pieces; at least one word is masked.

    Whole-word masking after Devlin et al. 2019 (arXiv 1810.04805). Draws on the CPU, from ``generator``, or from the
    global generator if it is ``None``.

    Args:
        batch: of a pass.
        share: above 0, at most 1.
        mask: id of the tokenizer's mask.
        vocabulary: number of pieces that the encoder knows.
    """
    words = len(batch.words.cells)
    chosen = torch.rand(words, generator=generator) < share
    if not chosen.any():
        chosen[torch.randint(words, (1,), generator=generator)] = True
    pieces = chosen.to(batch.ids.device)[batch.pieces.word]
    places = batch.pieces.every[pieces]
    ids = batch.ids.flatten()[places]
    draw = torch.rand(len(places), generator=generator).to(ids.device)
    random = torch.randint(vocabulary, (len(places),), generator=generator).to(ids.device)
    shown = torch.where(draw < MASKED, torch.full_like(ids, mask), torch.where(draw < MASKED + RANDOM, random, ids))
    hidden = batch.ids.flatten().index_copy(0, places, shown).view_as(batch.ids)
    return Masked(replace(batch, ids=hidden), places, ids)
