"""The objective of a span classifier: the cross-entropy of all spans, those without a label included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.cpu.accelerate import accelerated
from coner.families.encoder.training.objective import Objective
from coner.families.span.spans import gold_labels
from coner.families.span.tagger import SpanTagger


class SpanObjective(Objective):
    """Cross-entropy, summed over spans and divided by words.

    Args:
        tagger: whose network is trained.
        sentences: labelled.
        weights: of the loss of each sentence; ``None``: all 1.
    """

    def __init__(self, tagger: SpanTagger, sentences: Sequence[Sentence], weights: Sequence[float] | None) -> None:
        self.tagger, self.sentences = tagger, sentences
        self.sentence_weights = list(weights or [1.0] * len(sentences))
        self.pieces = tagger.pieces([sentence.words for sentence in sentences])
        self.lengths = [len(pieces.ids) for pieces in self.pieces]

    def size(self, examples: Sequence[int]) -> float:
        return sum(self.sentence_weights[i] * len(self.sentences[i]) for i in examples)

    def losses(self, examples: Sequence[int]) -> Mapping[str, Tensor]:
        tagger = self.tagger
        batch = collate([self.pieces[i] for i in examples], tagger.pieces).to(tagger.device)
        gold = [self.sentences[i].entities or () for i in examples]
        weights = torch.tensor([self.sentence_weights[i] for i in examples], device=tagger.device)
        with accelerated(tagger.encoder, tagger.precision):
            spans, scores = tagger.network(batch)
            labels = gold_labels(spans, batch.words, gold, tagger.ids)
            loss = F.cross_entropy(scores, labels, reduction="none")
            return {"loss": (loss * weights[spans.sentence]).sum()}
