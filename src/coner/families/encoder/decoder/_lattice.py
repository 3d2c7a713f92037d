"""Forward-backward over packed words, in exp space (scaled, Rabiner 1989) where that is exact, else in log space.

Potentials are in nats, shifted so that none exceeds 0 (see ``ChainScores``); forbidden transitions are
``-inf``, a true zero in exp space.

**When exp space is exact.** Each position computes ``q = (alpha @ exp(transitions)) * exp(unary)``. ``alpha`` sums to 1
and no factor exceeds 1, so nothing overflows. A product that underflows loses less than ``tiny``; if ``q`` is at least
``tiny / eps``, its C products lose less than C * eps of it, no more than rounding does. If that holds for every entry
that is not forbidden, every ``alpha`` has full relative precision. The backward pass needs no test of its own:
``alpha * beta`` and the marginals of the transitions are probabilities, so ``beta`` stays below ``eps / tiny``, and a
``beta`` that underflows belongs to a probability below ``tiny``. Sentences that fail the test use log space.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from coner.families.encoder.decoder._chain import ChainScores, Packing, groups

WORDS = 64  # maximum words whose C x C transitions are in memory at once, in log space


@dataclass(frozen=True, slots=True, eq=False)
class Lattice(ABC):
    """The result of forward-backward. ``alpha`` to ``entry`` are in exp space or in logs, as the subclass says.

    ``entry`` is ``exp(unary) / scale * beta``; ``alpha[before] * exp(transitions) * entry`` are the marginals of the
    transitions into a word.
    """

    packing: Packing  # order of the rows
    unary: Tensor  # log potentials of the words. N x C
    transitions: Tensor  # log potentials. C x C
    alpha: Tensor  # P(tag | this word and those before). N x C
    scale: Tensor  # normaliser of each word; its product over a sentence is the partition function. N x 1
    beta: Tensor  # alpha * beta are the marginals of the tags. N x C
    entry: Tensor  # N x C
    shift: Tensor  # what was subtracted from the potentials of each word. N x 1

    @abstractmethod
    def log(self, values: Tensor) -> Tensor:
        """Logs of ``alpha``, ``scale``, ``beta`` or ``entry``."""

    @abstractmethod
    def tag_marginals(self) -> Tensor:
        """The probability of each tag at each word. N x C"""

    @abstractmethod
    def transition_marginals(self, weights: Tensor | None = None) -> Tensor:
        """The expected count of each transition in the whole batch; transitions into a word are weighted (N x 1).

        C x C
        """

    def nll(self, gold: Tensor) -> Tensor:
        """Negative log-likelihood in nats of valid paths, summed; ``gold`` has their tag ids by row. N"""
        moves = self.transitions[gold[self.packing.before], gold[len(self.packing) :]]
        return (self.log(self.scale) - self.unary.gather(1, gold[:, None])).sum() - moves.sum()


class ScaledLattice(Lattice):
    """In exp space; alpha sums to 1 at each word."""

    def log(self, values: Tensor) -> Tensor:
        return values.log()

    def tag_marginals(self) -> Tensor:
        return self.alpha * self.beta

    def transition_marginals(self, weights: Tensor | None = None) -> Tensor:
        entry = self.entry if weights is None else self.entry * weights
        pairs = self.alpha.index_select(0, self.packing.before).T @ entry[len(self.packing) :]
        return pairs * self.transitions.exp()


class LogLattice(Lattice):
    """In log space."""

    def log(self, values: Tensor) -> Tensor:
        return values

    def tag_marginals(self) -> Tensor:
        return (self.alpha + self.beta).exp()

    def transition_marginals(self, weights: Tensor | None = None) -> Tensor:
        total, first = torch.zeros_like(self.transitions), len(self.packing)
        alpha, entry = self.alpha[self.packing.before], self.entry[first:]
        for group in groups(len(alpha), total, WORDS):
            pairs = (alpha[group, :, None] + self.transitions + entry[group, None, :]).exp()
            total += (pairs if weights is None else pairs * weights[first:][group, :, None]).sum(0)
        return total


def forward_backward(emissions: Tensor, lengths: Tensor, chain: ChainScores) -> list[Lattice]:
    """The lattices of emissions (B x W x C): one in exp space, and one in log space for the sentences that need it.

    Log space is computed in float64 on the CPU: it is rarely needed, hardly parallel, and some devices have no float64.
    """
    width = emissions.shape[1]
    packing = Packing.of(lengths, width, emissions.device)
    (unary, shift), transitions = chain.unary(emissions, packing), chain.shifted_transitions()
    weights, moves = unary.exp(), transitions.exp()
    alpha, scale = _scaled_forward(weights, moves, packing)
    inexact = packing.words[underflows(unary, alpha, scale)]
    if not len(inexact):
        beta, entry = _scaled_backward(weights, moves, scale, packing)
        drift = (alpha * beta).sum(1, keepdim=True)  # marginals sum to 1, except for accumulated rounding
        beta, entry = beta.div_(drift), entry.div_(drift)
        return [ScaledLattice(packing, unary, transitions, alpha, scale, beta, entry, shift)]
    lengths = lengths.cpu()
    exact = lengths.index_fill(0, inexact.cpu() // width, 0)
    return [*forward_backward(emissions, exact, chain), log_lattice(emissions, lengths - exact, chain)]


def underflows(unary: Tensor, alpha: Tensor, scale: Tensor) -> Tensor:
    """Rows for which exp space is not exact, or that hold NaN. N, bool"""
    limits = torch.finfo(alpha.dtype)
    minimum = (alpha * scale).masked_fill_(unary == -torch.inf, 1.0).amin(1)
    return ~(minimum >= limits.tiny / limits.eps)  # not "<", which is false for NaN


def _scaled_forward(unary: Tensor, transitions: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
    alpha = torch.empty_like(unary)
    scale = unary.new_empty(len(unary), 1)
    before = transitions[:0]
    for weight, now, total in zip(*map(packing.positions, (unary, alpha, scale)), strict=True):
        if len(before):
            torch.mm(before[: len(now)], transitions, out=now).mul_(weight)
        else:
            now.copy_(weight)
        torch.sum(now, 1, keepdim=True, out=total)
        before = now.div_(total)
    return alpha, scale


def _scaled_backward(unary: Tensor, transitions: Tensor, scale: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
    beta = torch.ones_like(unary)
    entry = unary / scale
    back = transitions.T.contiguous()
    after = back[:0]
    for now, into in zip(*(reversed(packing.positions(x)) for x in (beta, entry)), strict=True):
        if len(after):
            torch.mm(after, back, out=now[: len(after)])
        after = into.mul_(now)
    return beta, entry


def log_lattice(emissions: Tensor, lengths: Tensor, chain: ChainScores) -> LogLattice:
    """Forward-backward in log space; for arguments see ``forward_backward``."""
    chain = ChainScores(*(values.to("cpu", torch.float64) for values in chain))
    packing = Packing.of(lengths, emissions.shape[1], torch.device("cpu"))
    (unary, shift), transitions = chain.unary(emissions.cpu(), packing), chain.shifted_transitions()
    alpha, beta = unary.clone(), torch.zeros_like(unary)
    scale = unary.new_empty(len(unary), 1)
    before = transitions[:0]
    for now, total in zip(packing.positions(alpha), packing.positions(scale), strict=True):
        if len(before):
            for group in groups(len(now), transitions):
                now[group] += (before[group, :, None] + transitions).logsumexp(1)
        total.copy_(now.logsumexp(1, keepdim=True))
        before = now.sub_(total)
    entry = unary - scale
    after = transitions[:0]
    for now, into in zip(*(reversed(packing.positions(x)) for x in (beta, entry)), strict=True):
        if len(after):
            for group in groups(len(after), transitions):
                now[group] = (after[group, None, :] + transitions).logsumexp(2)
        after = into.add_(now)
    return LogLattice(packing, unary, transitions, alpha, scale, beta, entry, shift)
