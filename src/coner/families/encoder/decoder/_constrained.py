"""Decoding constrained to the valid tag sequences of a scheme, for decoders with and without learned transitions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.decoder import Decoder, check_shapes, check_spans
from coner.families.encoder.decoder._chain import ChainScores, Packing, viterbi
from coner.families.encoder.decoder._lattice import Lattice, forward_backward


class ConstrainedDecoder(Decoder):
    """Predicts the best valid sequence; a confidence is a probability over all valid sequences.

    Computes in float32, or in float64 if the emissions are.
    """

    forbidden_start: Tensor
    forbidden_transitions: Tensor
    forbidden_end: Tensor

    def __init__(self, tags: TagSet) -> None:
        super().__init__(tags)
        self.register_buffer("forbidden_start", ~torch.tensor(tags.allowed_first()), persistent=False)
        self.register_buffer("forbidden_transitions", ~torch.tensor(tags.allowed()), persistent=False)
        self.register_buffer("forbidden_end", ~torch.tensor(tags.allowed_last()), persistent=False)

    @property
    def forbidden(self) -> ChainScores:
        """Masks with the shapes of a chain: true where the scheme forbids a first tag, transition or last tag."""
        return ChainScores(self.forbidden_start, self.forbidden_transitions, self.forbidden_end)

    @abstractmethod
    def scores(self) -> ChainScores:
        """Scores of the transitions; those of forbidden ones are ignored."""

    def chain(self, dtype: torch.dtype) -> ChainScores:
        """The scores with forbidden transitions at ``-inf``."""
        pairs = zip(self.scores(), self.forbidden, strict=True)
        return ChainScores(*(scores.to(dtype).masked_fill(forbidden, -torch.inf) for scores, forbidden in pairs))

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> list[list[int]]:
        check_shapes(self.tags, emissions, lengths)
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = at_least_float32(emissions)
            chain = self.chain(emissions.dtype)
            packing = Packing.of(lengths, emissions.shape[1], emissions.device)
            path = viterbi(chain.unary(emissions, packing)[0], chain.transitions, packing)
            padded = torch.zeros(emissions.shape[:2], dtype=torch.int64, device=emissions.device)
            padded.view(-1)[packing.words] = path
        return [row[:length] for row, length in zip(padded.tolist(), lengths.tolist(), strict=True)]

    @torch.no_grad()
    def confidence(self, emissions: Tensor, lengths: Tensor, spans: Sequence[Sequence[Entity]]) -> list[list[float]]:
        check_shapes(self.tags, emissions, lengths)
        with torch.autocast(emissions.device.type, enabled=False):
            emissions = at_least_float32(emissions)
            lattices = forward_backward(emissions, lengths, self.chain(emissions.dtype))
        readers = {}
        for lattice in lattices:
            reader = _SpanReader(lattice, self.tags)
            readers.update(dict.fromkeys(reader.rows, reader))
        confidences: list[list[float]] = []
        for sentence, (length, entities) in enumerate(zip(lengths.tolist(), spans, strict=True)):
            check_spans(entities, length)
            first = sentence * emissions.shape[1]
            confidences.append([readers[first].probability(entity, first, length) for entity in entities])
        return confidences


class _SpanReader:
    def __init__(self, lattice: Lattice, tags: TagSet) -> None:
        self.tags = tags
        self.rows = {word: row for row, word in enumerate(lattice.packing.words.tolist())}
        self.unary, self.transitions = lattice.unary.cpu(), lattice.transitions.cpu()
        self.alpha, self.scale, self.entry = (
            lattice.log(values).cpu() for values in (lattice.alpha, lattice.scale, lattice.entry)
        )

    def probability(self, entity: Entity, first: int, length: int) -> float:
        """P(exactly this span with this label): alpha at its first tag, its own tags, and no continuation after it.

        The sentence begins at ``first`` in the flattened batch.
        """
        path = self.tags.encode([Entity(0, entity.end - entity.start, entity.label)], entity.end - entity.start)
        rows = [self.rows[first + word] for word in range(entity.start, entity.end)]
        log = self.alpha[rows[0], path[0]]
        moves = self.transitions[path[:-1], path[1:]]
        log = log + (self.unary[rows[1:], path[1:]] - self.scale[rows[1:], 0] + moves).sum()
        if entity.end < length:
            onward = self.transitions[path[-1]] + self.entry[self.rows[first + entity.end]]
            inner = [self.tags.ids[tag] for p in "IE" if (tag := f"{p}-{entity.label}") in self.tags.ids]
            onward[inner] = -torch.inf
            log = log + onward.logsumexp(0)
        return min(1.0, float(log.exp()))


def at_least_float32(emissions: Tensor) -> Tensor:
    """The emissions in float32, or as they are if their type is wider."""
    return emissions.to(torch.promote_types(emissions.dtype, torch.float32))
