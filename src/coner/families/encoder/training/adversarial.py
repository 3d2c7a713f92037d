"""Training on perturbed word embeddings: the fast gradient method (Miyato et al. 2017, arXiv 1605.07725)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from coner.core.errors import ConfigError


@contextmanager
def perturbed(embeddings: nn.Module, size: float) -> Iterator[bool]:
    """Context in which the embeddings are moved along their current gradient by ``size``, a Euclidean norm.

    This is the direction in which the loss rises fastest. Yields whether they have moved: without a gradient they are
    unchanged. The weights are restored bit by bit afterwards; gradients that are computed within the context are added
    to the current ones.
    """
    weight = embeddings.get_parameter("weight")
    gradient = weight.grad
    if gradient is None:
        yield False
        return
    gradient = gradient.coalesce() if gradient.is_sparse else gradient
    rows = gradient.indices()[0] if gradient.is_sparse else gradient.abs().sum(1).nonzero()[:, 0]
    values = gradient.values() if gradient.is_sparse else gradient[rows]
    before, norm = weight.detach()[rows], values.norm()
    with torch.no_grad():
        if norm > 0:
            weight[rows] = before + values * (size / norm)
    try:
        yield bool(norm > 0)
    finally:
        with torch.no_grad():
            weight[rows] = before


def require_trained(embeddings: nn.Module) -> None:
    """``ConfigError`` if word embeddings are not trained, and so have no gradient to be moved along."""
    if not embeddings.get_parameter("weight").requires_grad:
        expected = "word embeddings that are trained"
        fix = 'Fix: encoder.embeddings = "all" and encoder.freeze_layers = 0, or train.adversarial = 0'
        raise ConfigError(f"train.adversarial: got frozen word embeddings; expected {expected}. {fix}")
