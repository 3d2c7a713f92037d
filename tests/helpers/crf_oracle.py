"""Random CRF decoders in torch, and what their tests compare them with: enumeration, and autograd in log space."""

from __future__ import annotations

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.families.encoder.decoder import decoders
from helpers import chain_oracle
from helpers.chain_oracle import Paths


def make(tags: TagSet, *, seed: int = 0, spread: float = 1.0, dtype: torch.dtype = torch.float64):
    """A CRF decoder with random parameters, those of forbidden transitions included."""
    decoder = decoders["crf"](tags).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * spread)
    return decoder


def random_gold(tags: TagSet, length: int, generator: torch.Generator) -> list[int]:
    allowed, last = torch.tensor(tags.allowed()), torch.tensor(tags.allowed_last())
    choices = torch.tensor(tags.allowed_first())
    path: list[int] = []
    for position in range(length):
        if position == length - 1:
            choices = choices & last
        elif tags.scheme == "bioes":
            choices = choices & allowed.any(1)
        path.append(int(torch.multinomial(choices.double(), 1, generator=generator)))
        choices = allowed[path[-1]]
    return path


def random_batch(tags: TagSet, lengths: list[int], *, seed: int = 0, spread: float = 2.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths)
    emissions = (torch.randn(len(lengths), width, len(tags), generator=generator, dtype=torch.float64) * spread).to(
        dtype
    )
    gold = torch.zeros(len(lengths), width, dtype=torch.int64)
    for row, length in zip(gold, lengths, strict=True):
        row[:length] = torch.tensor(random_gold(tags, length, generator), dtype=torch.int64)
    return emissions, torch.tensor(lengths), gold


def enumerate_paths(decoder, emissions: Tensor) -> Paths:
    """All valid paths of one sentence: W x C."""
    parts = (emissions, decoder.transitions, decoder.start, decoder.end)
    return Paths(decoder.tags, *(part.detach().double().numpy() for part in parts))


def path_score(decoder, emissions: Tensor, path) -> Tensor:
    return chain_oracle.path_score(path, emissions, decoder.transitions, decoder.start, decoder.end)


def forbid(scores: Tensor, allowed: list) -> Tensor:
    return scores.masked_fill(~torch.tensor(allowed), -torch.inf)


def oracle_loss(decoder, emissions: Tensor, lengths: Tensor, gold: Tensor) -> Tensor:
    """The plain forward algorithm in log space, sentence by sentence, differentiated by autograd; float64."""
    tags = decoder.tags
    total = emissions.new_zeros(())
    step = forbid(decoder.transitions, tags.allowed())
    for rows, length, path in zip(emissions, lengths.tolist(), gold, strict=True):
        alpha = forbid(decoder.start, tags.allowed_first()) + rows[0]
        for row in rows[1:length]:
            # -inf gives NaN gradients if a whole column is forbidden; use a finite score far below any other
            alpha = ((alpha[:, None] + step).clamp(min=-1e9)).logsumexp(0) + row
        log_z = (alpha + forbid(decoder.end, tags.allowed_last())).logsumexp(0)
        total = total + log_z - path_score(decoder, rows, path[:length].tolist())
    return total


def gradients(decoder, loss: Tensor, emissions: Tensor) -> list[Tensor]:
    inputs = [emissions, decoder.start, decoder.transitions, decoder.end]
    return list(torch.autograd.grad(loss, inputs, materialize_grads=True))


def wider(decoder):
    """The same decoder in float64."""
    twin = decoders["crf"](decoder.tags).double()
    twin.load_state_dict(decoder.state_dict())
    return twin


def assert_like_oracle(decoder, emissions: Tensor, lengths: Tensor, gold: Tensor, rtol: float) -> None:
    """Loss and all gradients of float32 against the float64 oracle."""
    emissions = emissions.float().requires_grad_()
    exact, twin = emissions.detach().double().requires_grad_(), wider(decoder)
    loss, expected = decoder.loss(emissions, lengths, gold), oracle_loss(twin, exact, lengths, gold)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=rtol, atol=rtol)
    for ours, theirs in zip(gradients(decoder, loss, emissions), gradients(twin, expected, exact), strict=True):
        assert torch.isfinite(ours).all()
        torch.testing.assert_close(ours.double(), theirs, rtol=rtol, atol=rtol)
