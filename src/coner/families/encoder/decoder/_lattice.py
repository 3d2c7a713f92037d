"""Forward-backward on packed words: in exp space where that is exact, else in log space.

Potentials are in nats, and shifted so that none is above 0 (``Chain.unary``, ``Chain.shifted``); forbidden ones are
``-inf``, which in exp space is a true zero.

**When exp space is exact.** Each step computes ``q = (alpha @ exp(step)) * exp(unary)``, with ``alpha`` summing to 1
and no factor above 1, so nothing overflows. A product that underflows loses less than ``tiny``; where ``q`` is at
least ``tiny / eps``, the C products behind it lose less than C * eps of it, which is no more than rounding may. So
where that holds for every entry that is not forbidden, every ``alpha`` is right to relative precision, whichever of
them dominates later. The backward pass then needs no test of its own: ``alpha * beta`` and the marginal of every
transition are probabilities, so ``beta`` and what flows into it stay below ``eps / tiny``; and a ``beta`` that
underflows belongs to a probability below ``tiny``. A sentence that fails the test is computed in log space.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from coner.families.encoder.decoder._chain import Chain
from coner.families.encoder.decoder._packing import Packing

CHUNK = 64  # words whose C x C transitions are held at once, in log space


@dataclass(frozen=True, slots=True, eq=False)
class Lattice(ABC):
    """What forward-backward knows of every word.

    Attributes:
        packing: the order of the rows.
        unary: log potentials of the words. N x C
        step: log potentials of the transitions. C x C
        alpha: P(tag | this word and those before), as it would be if the sentence ended here. N x C
        scale: mass that a word brings; the product over a sentence is its partition function. N x 1
        beta: with ``alpha * beta`` the marginals. N x C
        entry: ``exp(unary) / scale * beta``; ``alpha[before] * exp(step) * entry`` are the marginals of the
            transitions into a word. N x C

    The last four are in exp space or in logs, as the subclass says.
    """

    packing: Packing
    unary: Tensor
    step: Tensor
    alpha: Tensor
    scale: Tensor
    beta: Tensor
    entry: Tensor

    @abstractmethod
    def log(self, values: Tensor) -> Tensor:
        """Logs of ``alpha``, ``scale``, ``beta`` or ``entry``."""

    @abstractmethod
    def tag_marginals(self) -> Tensor:
        """The probability of each tag of each word. N x C."""

    @abstractmethod
    def step_marginals(self) -> Tensor:
        """How often each transition is expected in the whole batch. C x C."""

    def nll(self, gold: Tensor) -> Tensor:
        """Negative log-likelihood of valid paths, summed; ``gold`` holds a tag id a row (N)."""
        steps = self.step[gold[self.packing.before], gold[len(self.packing) :]]
        return (self.log(self.scale) - self.unary.gather(1, gold[:, None])).sum() - steps.sum()


class ScaledLattice(Lattice):
    """In exp space, each word's alpha scaled to sum to 1."""

    def log(self, values: Tensor) -> Tensor:
        return values.log()

    def tag_marginals(self) -> Tensor:
        return self.alpha * self.beta

    def step_marginals(self) -> Tensor:
        pairs = self.alpha.index_select(0, self.packing.before).T @ self.entry[len(self.packing) :]
        return pairs * self.step.exp()


class LogLattice(Lattice):
    """In log space."""

    def log(self, values: Tensor) -> Tensor:
        return values

    def tag_marginals(self) -> Tensor:
        return (self.alpha + self.beta).exp()

    def step_marginals(self) -> Tensor:
        total = torch.zeros_like(self.step)
        alpha, entry = self.alpha[self.packing.before], self.entry[len(self.packing) :]
        for at in range(0, len(alpha), CHUNK):
            total += (alpha[at : at + CHUNK, :, None] + self.step + entry[at : at + CHUNK, None, :]).exp().sum(0)
        return total


def lattices(emissions: Tensor, lengths: Tensor, chain: Chain) -> list[Lattice]:
    """The lattices of a batch: one in exp space; where some sentences need it, a second in log space for those.

    Args:
        emissions: B x W x C, float32 or float64.
        lengths: B.
        chain: on the same device and of the same type.

    Log space is float64 on the CPU: it is rare, short of parallelism, and some devices have no float64.
    """
    width = emissions.shape[1]
    packing = Packing.of(lengths, width, emissions.device)
    unary, step = chain.unary(emissions, packing), chain.shifted().step
    weights, moves = unary.exp(), step.exp()
    alpha, scale = scaled_forward(weights, moves, packing)
    wild = packing.words[underflown(unary, alpha, scale)]
    if not len(wild):
        beta, entry = scaled_backward(weights, moves, scale, packing)
        drift = (alpha * beta).sum(1, keepdim=True)  # marginals sum to 1, but for rounding that adds up over a sentence
        beta, entry = beta.div_(drift), entry.div_(drift)
        return [ScaledLattice(packing, unary, step, alpha, scale, beta, entry)]
    lengths = lengths.cpu()
    tame = lengths.index_fill(0, wild.cpu() // width, 0)
    return [*lattices(emissions, tame, chain), log_lattice(emissions, lengths - tame, chain)]


def underflown(unary: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """Rows that exp space cannot carry, or that hold NaN. N, bool; ``alpha`` and ``scale`` of ``scaled_forward``."""
    limits = torch.finfo(alpha.dtype)
    least = (alpha * scale).masked_fill_(unary == -torch.inf, 1.0).amin(1)
    return ~(least >= limits.tiny / limits.eps)  # not "<", which a NaN would pass


def scaled_forward(unary: Tensor, step: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
    """Alpha and scale, from unary (N x C) and step (C x C) potentials in exp space."""
    alpha = torch.empty_like(unary)
    scale = unary.new_empty(len(unary), 1)
    before = step[:0]
    for weight, now, total in zip(*map(packing.steps, (unary, alpha, scale)), strict=True):
        if len(before):
            torch.mm(before[: len(now)], step, out=now).mul_(weight)
        else:
            now.copy_(weight)
        torch.sum(now, 1, keepdim=True, out=total)
        before = now.div_(total)
    return alpha, scale


def scaled_backward(unary: Tensor, step: Tensor, scale: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
    """Beta and entry, from potentials in exp space and the scale of the forward pass."""
    beta = torch.ones_like(unary)
    entry = unary / scale
    back = step.T.contiguous()
    after = back[:0]
    for now, into in zip(*(reversed(packing.steps(x)) for x in (beta, entry)), strict=True):
        if len(after):
            torch.mm(after, back, out=now[: len(after)])
        after = into.mul_(now)
    return beta, entry


def log_lattice(emissions: Tensor, lengths: Tensor, chain: Chain) -> LogLattice:
    """The lattice in log space, in float64 on the CPU (arguments as of ``lattices``)."""
    chain = chain.to(torch.device("cpu"), torch.float64).shifted()
    packing = Packing.of(lengths, emissions.shape[1], torch.device("cpu"))
    unary, step = chain.unary(emissions.cpu(), packing), chain.step
    alpha, beta = unary.clone(), torch.zeros_like(unary)
    scale = unary.new_empty(len(unary), 1)
    before = step[:0]
    for now, total in zip(packing.steps(alpha), packing.steps(scale), strict=True):
        if len(before):
            now.add_((before[: len(now), :, None] + step).logsumexp(1))
        total.copy_(now.logsumexp(1, keepdim=True))
        before = now.sub_(total)
    entry = unary - scale
    after = step[:0]
    for now, into in zip(*(reversed(packing.steps(x)) for x in (beta, entry)), strict=True):
        if len(after):
            now[: len(after)] = (after[:, None, :] + step).logsumexp(2)
        after = into.add_(now)
    return LogLattice(packing, unary, step, alpha, scale, beta, entry)
