"""A linear-chain conditional random field, constrained to valid tag sequences in training and in decoding.

The score of a path is the sum of its emissions and transitions; its probability is the softmax over all *valid*
paths (Lafferty, McCallum and Pereira, 2001). Loss and gradient come from one forward-backward pass: the gradient is
what the model expects less what the gold shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import Decoder, check_span, check_tag_ids, decoders
from coner.families.encoder.decoder._chain import Chain, viterbi
from coner.families.encoder.decoder._lattice import Lattice, lattices
from coner.families.encoder.decoder._packing import Packing
from coner.families.encoder.loss import Loss


@decoders.register
class CrfDecoder(Decoder):
    """Linear-chain CRF over the valid sequences of the tag scheme.

    Computes in float32, or in float64 where that comes in. Parameters of forbidden moves exist, are 0, and get a
    gradient of 0.
    """

    forbidden_start: Tensor
    forbidden_step: Tensor
    forbidden_end: Tensor

    def __init__(self, tags: TagSet, criterion: Loss | None = None) -> None:
        super().__init__(tags, criterion)
        self.register_buffer("forbidden_start", ~torch.tensor(tags.allowed_first()), persistent=False)
        self.register_buffer("forbidden_step", ~torch.tensor(tags.allowed()), persistent=False)
        self.register_buffer("forbidden_end", ~torch.tensor(tags.allowed_last()), persistent=False)
        self.start, self.transitions, self.end = (
            nn.Parameter(torch.empty(forbidden.shape).uniform_(-0.1, 0.1).masked_fill(forbidden, 0.0))
            for forbidden in (self.forbidden_start, self.forbidden_step, self.forbidden_end)
        )

    def chain(self, dtype: torch.dtype) -> Chain:
        """The potentials of the moves, as the parameters give them; ``-inf`` for what is forbidden."""
        return Chain(
            self.start.to(dtype).masked_fill(self.forbidden_start, -torch.inf),
            self.transitions.to(dtype).masked_fill(self.forbidden_step, -torch.inf),
            self.end.to(dtype).masked_fill(self.forbidden_end, -torch.inf),
        )

    def loss(self, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
        """See ``Decoder.loss``; also ``ValueError`` where the gold of a sentence is not a valid sequence."""
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = _widen(emissions)
            chain = self.chain(emissions.dtype)
            _check_gold(gold, lengths, chain)
            total: Tensor = _NegativeLogLikelihood.apply(  # type: ignore[no-untyped-call]
                emissions, chain.start, chain.step, chain.end, lengths, gold
            )
            return total

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = _widen(emissions)
            chain = self.chain(emissions.dtype)
            packing = Packing.of(lengths, emissions.shape[1], emissions.device)
            path = viterbi(chain.unary(emissions, packing), chain.step, packing)
            padded = torch.zeros(emissions.shape[:2], dtype=torch.int64, device=emissions.device)
            padded.view(-1)[packing.words] = path
        return [row[:length] for row, length in zip(padded.tolist(), lengths.tolist(), strict=True)]

    @torch.no_grad()
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = _widen(emissions)
            parts = lattices(emissions, lengths, self.chain(emissions.dtype))
        width = emissions.shape[1]
        readers = {}
        for lattice in parts:
            reader = _SpanReader(lattice, self.tags)
            readers.update(dict.fromkeys((lattice.packing.words[: len(lattice.packing)] // width).tolist(), reader))
        scores: list[list[float]] = []
        for sentence, (length, entities) in enumerate(zip(lengths.tolist(), spans, strict=True)):
            for entity in entities:
                check_span(entity, length)
            first = sentence * width
            scores.append([readers[sentence].probability(entity, first, length) for entity in entities])
        return scores


class _SpanReader:
    """Probabilities of spans, from one lattice."""

    def __init__(self, lattice: Lattice, tags: TagSet) -> None:
        self.tags = tags
        self.rows = {word: row for row, word in enumerate(lattice.packing.words.tolist())}
        self.unary, self.step = lattice.unary.cpu(), lattice.step.cpu()
        self.alpha, self.scale, self.entry = (
            lattice.log(values).cpu() for values in (lattice.alpha, lattice.scale, lattice.entry)
        )

    def probability(self, entity: Entity, first: int, length: int) -> float:
        """P(exactly this span with this label): up to its first tag, along its tags, and not going on after it.

        Args:
            entity: a span of a sentence.
            first: position of the sentence's first word in the flattened batch.
            length: words of the sentence.
        """
        path = self.tags.encode([Entity(0, entity.end - entity.start, entity.label)], entity.end - entity.start)
        rows = [self.rows[first + word] for word in range(entity.start, entity.end)]
        log = self.alpha[rows[0], path[0]]
        log = log + (self.unary[rows[1:], path[1:]] - self.scale[rows[1:], 0] + self.step[path[:-1], path[1:]]).sum()
        if entity.end < length:
            onward = self.step[path[-1]] + self.entry[self.rows[first + entity.end]]
            inner = [self.tags.ids[tag] for p in "IE" if (tag := f"{p}-{entity.label}") in self.tags.ids]
            onward[inner] = -torch.inf
            log = log + onward.logsumexp(0)
        return min(1.0, float(log.exp()))


class _NegativeLogLikelihood(torch.autograd.Function):
    """The summed loss, with its gradient worked out beside it: marginals less gold."""

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any, emissions: Tensor, start: Tensor, step: Tensor, end: Tensor, lengths: Tensor, gold: Tensor
    ) -> Tensor:
        loss = emissions.new_zeros(())
        inner, first, between, last = (x.new_zeros(x.shape) for x in (emissions, start, step, end))
        for lattice in lattices(emissions, lengths, Chain(start, step, end)):
            packing = lattice.packing
            path = gold.flatten()[packing.words.to(gold.device)].to(lattice.unary.device)
            loss += lattice.nll(path).to(loss)
            excess = lattice.tag_marginals()
            excess[torch.arange(len(path), device=path.device), path] -= 1
            inner.view(-1, inner.shape[2])[packing.words.to(inner.device)] = excess.to(inner)
            first += excess[: len(packing)].sum(0).to(first)
            last += excess[packing.last].sum(0).to(last)
            moves = path[packing.before] * len(start) + path[len(packing) :]
            seen = torch.bincount(moves, minlength=step.numel()).view_as(step)
            between += (lattice.step_marginals() - seen).to(between)
        ctx.save_for_backward(inner, first, between, last)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (*(gradient * upstream for gradient in ctx.saved_tensors), None, None)


def _widen(emissions: Tensor) -> Tensor:
    return emissions.to(torch.promote_types(emissions.dtype, torch.float32))


def _check_gold(gold: Tensor, lengths: Tensor, chain: Chain) -> None:
    """Raise ``ValueError`` unless every sentence's gold is a valid sequence of tag ids."""
    packing = Packing.of(lengths, gold.shape[1], gold.device)
    path = gold.flatten()[packing.words]
    check_tag_ids(path, len(chain.start))
    moves = torch.cat(
        (
            chain.start[path[: len(packing)]],
            chain.step[path[packing.before], path[len(packing) :]],
            chain.end[path[packing.last]],
        )
    )
    if torch.isneginf(moves).any():
        raise ValueError("gold holds a sequence of tags that its scheme forbids; write it with TagSet.encode")
