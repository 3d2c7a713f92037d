"""A linear-chain conditional random field, constrained to valid tag sequences in training and in decoding.

The score of a path is the sum of its emissions and transitions; its probability is the softmax over all *valid*
paths (Lafferty, McCallum and Pereira, 2001). Loss and gradient come from one forward-backward pass: the gradient is
the expected count minus the observed one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from coner.core.tags import TagSet
from coner.families.encoder.decoder import check_allowed, check_shapes, check_tag_ids, decoders
from coner.families.encoder.decoder._chain import ChainScores, Packing
from coner.families.encoder.decoder._constrained import ConstrainedDecoder, at_least_float32
from coner.families.encoder.decoder._lattice import forward_backward


@decoders.register
class CrfDecoder(ConstrainedDecoder):
    """Linear-chain CRF. Parameters of forbidden transitions exist, are 0, and get a gradient of 0."""

    def __init__(self, tags: TagSet) -> None:
        super().__init__(tags)
        self.start, self.transitions, self.end = (
            nn.Parameter(torch.empty(forbidden.shape).uniform_(-0.1, 0.1).masked_fill(forbidden, 0.0))
            for forbidden in self.forbidden
        )

    def scores(self) -> ChainScores:
        return ChainScores(self.start, self.transitions, self.end)

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        """See ``Decoder.loss``; also ``ValueError`` if the gold tags of a sentence are not a valid sequence."""
        check_shapes(self.tags, emissions, lengths, gold)
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = at_least_float32(emissions)
            chain = self.chain(emissions.dtype)
            _check_gold(gold, lengths, chain)
            apply: Callable[..., Tensor] = _NegativeLogLikelihood.apply
            return apply(emissions, *chain, lengths, gold)

    def set_loss(self, emissions: Tensor, lengths: Tensor, allowed: Tensor) -> Tensor:
        """See ``Decoder.set_loss``: exact, over all valid paths of allowed tags."""
        check_shapes(self.tags, emissions, lengths)
        check_allowed(emissions, lengths, allowed)
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = at_least_float32(emissions)
            apply: Callable[..., Tensor] = _NegativeSetLogLikelihood.apply
            return apply(emissions, *self.chain(emissions.dtype), lengths, allowed)


class _NegativeLogLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any, emissions: Tensor, start: Tensor, transitions: Tensor, end: Tensor, lengths: Tensor, gold: Tensor
    ) -> Tensor:
        loss = emissions.new_zeros(())
        inner, first, between, last = (x.new_zeros(x.shape) for x in (emissions, start, transitions, end))
        for lattice in forward_backward(emissions, lengths, ChainScores(start, transitions, end)):
            packing = lattice.packing
            path = gold.flatten()[packing.words.to(gold.device)].to(lattice.unary.device)
            loss += lattice.nll(path).to(loss)
            excess = lattice.tag_marginals()
            excess[torch.arange(len(path), device=path.device), path] -= 1
            inner.view(-1, inner.shape[2])[packing.words.to(inner.device)] = excess.to(inner)
            first += excess[: len(packing)].sum(0).to(first)
            last += excess[packing.last].sum(0).to(last)
            moves = path[packing.before] * len(start) + path[len(packing) :]
            observed = torch.bincount(moves, minlength=transitions.numel()).view_as(transitions)
            between += (lattice.transition_marginals() - observed).to(between)
        ctx.save_for_backward(inner, first, between, last)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (*(gradient * upstream for gradient in ctx.saved_tensors), None, None)


class _NegativeSetLogLikelihood(_NegativeLogLikelihood):
    """log Z of all valid paths less log Z of the allowed ones, whose marginals are the gradient.

    Both sums are one pass over twice the sentences: most of its time is spent on starting small operations.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any, emissions: Tensor, start: Tensor, transitions: Tensor, end: Tensor, lengths: Tensor, allowed: Tensor
    ) -> Tensor:
        loss = emissions.new_zeros(())
        first, between, last = (x.new_zeros(x.shape) for x in (start, transitions, end))
        both = torch.cat([emissions, emissions.masked_fill(~allowed, -torch.inf)])
        inner = both.new_zeros(both.shape).flatten(0, 1)
        for lattice in forward_backward(both, lengths.repeat(2), ChainScores(start, transitions, end)):
            packing = lattice.packing
            sign = torch.where(packing.words * 2 < len(inner), 1.0, -1.0).to(lattice.unary)[:, None]
            loss += ((lattice.log(lattice.scale) + lattice.shift) * sign).sum().to(loss)
            excess = lattice.tag_marginals() * sign
            inner.index_copy_(0, packing.words.to(inner.device), excess.to(inner))
            first += excess[: len(packing)].sum(0).to(first)
            last += excess[packing.last].sum(0).to(last)
            between += lattice.transition_marginals(sign).to(between)
        ctx.save_for_backward(inner.view(2, *emissions.shape).sum(0), first, between, last)
        return loss


def _check_gold(gold: Tensor, lengths: Tensor, chain: ChainScores) -> None:
    packing = Packing.of(lengths, gold.shape[1], gold.device)
    path = gold.flatten()[packing.words]
    check_tag_ids(path, len(chain.start))
    first, moves = chain.start[path[: len(packing)]], chain.transitions[path[packing.before], path[len(packing) :]]
    if torch.isneginf(torch.cat([first, moves, chain.end[path[packing.last]]])).any():
        raise ValueError("gold tags: got a sequence that the tag scheme forbids. Fix: write it with TagSet.encode")
