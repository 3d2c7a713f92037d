"""R-Drop: the tags of a word should not depend on which units dropout zeroes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def divergence(emissions: Tensor, lengths: Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """Mean of the two Kullback-Leibler divergences between the tags in two passes, in nats, summed over the words.

    (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", arXiv 2106.14448; there of classes, here of
    the softmax of each word's emissions.)

    Args:
        emissions: of the words of the first pass, then of the second. 2N x C
        lengths: words of each sentence, of both passes. 2B
        weights: of the sentences of both passes; ``None``: all 1. 2B
    """
    first, second = emissions.log_softmax(-1).chunk(2)
    of_words = ((first.exp() - second.exp()) * (first - second)).sum(-1) / 2
    if weights is not None:
        sentences = torch.tensor(weights, device=emissions.device, dtype=of_words.dtype)
        of_words = of_words * sentences.repeat_interleave(lengths)[: len(of_words)]
    return of_words.sum()
