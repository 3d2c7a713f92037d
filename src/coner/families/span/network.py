"""The network: encoder, one vector per word, one vector per span, one score per class."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.pooling import Pooling
from coner.families.encoder.backbone.windows import Windows
from coner.families.span.spans import Spans, enumerate_spans

NO_ENTITY_BIAS = 4.0  # initial value: log odds of about 50 spans without a label per labelled span


def class_scores(kind: Literal["linear", "cosine"], width: int, classes: int) -> nn.Linear | CosineScores:
    """A layer that scores L classes, the first of which is "no entity": S x H to S x L."""
    scores = nn.Linear(width, classes) if kind == "linear" else CosineScores(width, classes)
    with torch.no_grad():
        scores.bias[0] = NO_ENTITY_BIAS
    return scores


class CosineScores(nn.Module):
    """Scaled cosines between a vector of width H and one vector for each of L classes, plus a bias."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width) / width**0.5)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, vectors: Tensor) -> Tensor:
        """S x H to S x L."""
        return self.scale * F.linear(F.normalize(vectors, dim=-1), F.normalize(self.weight, dim=-1)) + self.bias


class SpanScores(nn.Module):
    """Scores the classes of spans, from the vectors of their first and last words and their lengths.

    Args:
        size: width of word vectors.
        width: width of span vectors, H.
        max_words: longest span.
        scores: layer from span vectors to class scores, S x H to S x L.
        dropout: of span vectors.
    """

    def __init__(self, size: int, width: int, *, max_words: int, scores: nn.Module, dropout: float) -> None:
        super().__init__()
        self.start = nn.Linear(size, width)
        self.end = nn.Linear(size, width, bias=False)
        self.length = nn.Embedding(max_words, width)
        self.dropout = nn.Dropout(dropout)
        self.scores = scores

    def forward(self, words: Tensor, spans: Spans) -> Tensor:
        """Word vectors N x size to scores S x L."""
        start, end = self.start(words)[spans.first], self.end(words)[spans.last]
        scores: Tensor = self.scores(self.dropout(F.gelu(start + end + self.length(spans.length - 1))))
        return scores


class SpanNetwork(nn.Module):
    """Scores every short span of a batch, from word vectors pooled from one layer of a pretrained encoder."""

    def __init__(self, encoder: nn.Module, *, pooling: Pooling, emissions: SpanScores) -> None:
        super().__init__()
        self.encoder, self.pooling, self.windows = encoder, pooling, Windows()
        self.emissions = emissions

    def forward(self, batch: Batch) -> tuple[Spans, Tensor]:
        """The spans of a batch, and their scores. S x L"""
        rows = None if self.training else self.pooling.rows(batch.pieces)
        states = self.windows(self.encoder, batch, self.pooling.layers, rows=rows)
        [words] = self.pooling(states, batch.pieces)
        spans = enumerate_spans(batch.words, self.emissions.length.num_embeddings)
        return spans, self.emissions(words, spans)
