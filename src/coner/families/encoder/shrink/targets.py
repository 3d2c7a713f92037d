"""What a student learns from its teacher: emissions and hidden states of every word, without dropout.

They are computed once and kept in memory, so that an epoch takes no pass of the teacher; where they are too many, the
teacher computes those of each batch. Axes: N words, L compared layers, H width of a word vector, C tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from coner.core.progress import progress_bar
from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.pieces import Pieces
from coner.families.encoder.backbone.pooling import Pooling
from coner.families.encoder.cpu.accelerate import LowPrecisionWeights, accelerated
from coner.families.encoder.tagger import EncoderTagger

MAX_STORED = 2 << 30  # bytes; a constant, so that a resumed run does as the interrupted one
CHUNK = 512  # sentences between two steps of the progress bar


@dataclass(frozen=True)
class Targets:
    """Output of a network for the words of a batch."""

    emissions: Tensor  # N x C
    states: Tensor  # N x L x H

    @classmethod
    def of(cls, tagger: EncoderTagger, batch: Batch, pooling: Pooling) -> Targets:
        """Those of a tagger; ``pooling`` chooses the layers."""
        network = tagger.network
        states = network.states(batch, pooling.layers)
        emissions = network.emissions(network.words(batch, states))
        return cls(emissions, torch.stack(pooling(states, batch.pieces), 1))


class Teacher:
    """The targets of sentences.

    Args:
        tagger: trained, on the device of the student.
        layers: that are compared, counted from 0.
        sentences: to train on.
    """

    def __init__(self, tagger: EncoderTagger, layers: Sequence[int], sentences: Sequence[Sentence]) -> None:
        self.tagger, self.sentences = tagger, sentences
        self.pooling = Pooling([layer + 1 for layer in layers], tagger.settings.encoder.pooling)
        self._weights = LowPrecisionWeights(tagger.encoder, tagger.precision)
        self._ends = [0, *accumulate(map(len, sentences))]
        self._stored: Targets | None = None

    @property
    def bytes(self) -> int:
        """Memory of the targets of all sentences."""
        width = self.pooling.size(self.tagger.encoder.config.hidden_size)
        return 4 * self._ends[-1] * (len(self.tagger.tags) + len(self.pooling.layers) * width)

    def store(self) -> None:
        """Compute the targets of all sentences, if they are not too many to keep."""
        if self._stored is not None or self.bytes > MAX_STORED:
            return
        width = self.pooling.size(self.tagger.encoder.config.hidden_size)
        words = self._ends[-1]
        stored = Targets(torch.empty(words, len(self.tagger.tags)), torch.empty(words, len(self.pooling.layers), width))
        with progress_bar("teacher", len(self.sentences)) as bar:
            for first in range(0, len(self.sentences), CHUNK):
                chunk = self.sentences[first : first + CHUNK]
                computed = self.tagger.in_passes(chunk, self._of_pass)
                for i, targets in enumerate(computed, first):
                    if targets is not None:
                        rows = slice(self._ends[i], self._ends[i + 1])
                        stored.emissions[rows], stored.states[rows] = targets.emissions, targets.states
                bar.advance(len(chunk))
        self._stored = stored

    def __call__(self, batch: Batch, examples: Sequence[int]) -> Targets:
        """The targets of these sentences, which are the batch."""
        if self._stored is not None:
            rows = torch.cat([torch.arange(self._ends[i], self._ends[i + 1]) for i in examples])
            device = self.tagger.device
            return Targets(self._stored.emissions[rows].to(device), self._stored.states[rows].to(device))
        tagger = self.tagger
        with torch.no_grad(), accelerated(tagger.encoder, tagger.precision, weights=self._weights):
            return Targets.of(tagger, batch, self.pooling)

    @torch.inference_mode()  # the mode of the caller applies to its thread only
    def _of_pass(self, sentences: Sequence[Pieces]) -> list[Targets]:
        batch = collate(sentences, self.tagger.pieces, self.tagger.device)
        targets = Targets.of(self.tagger, batch, self.pooling)
        lengths = batch.words.lengths.tolist()
        parts = (torch.split_with_sizes(values, lengths) for values in (targets.emissions, targets.states))
        return [Targets(*part) for part in zip(*parts, strict=True)]
