"""The span classifier as a tagger: the best disjoint set of the likely spans."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from coner.core.errors import ModelError
from coner.core.types import Entity
from coner.decoding.spans import select_spans
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.passes import Tagged
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.span.network import SpanNetwork, SpanScores, class_scores
from coner.families.span.settings import SpanManifest


class SpanTagger(NetworkTagger):
    """Classifies every short span. For arguments see ``NetworkTagger``."""

    kind = "span"
    network: SpanNetwork
    manifest: SpanManifest

    @classmethod
    def build_network(cls, manifest: SpanManifest, encoder: Any) -> SpanNetwork:
        """Compose the network; ``ConfigError`` if a setting does not fit this encoder."""
        span, hidden = manifest.settings.span, int(encoder.config.hidden_size)
        layers = hidden_layers([span.layer], int(encoder.config.num_hidden_layers))
        pooling = Pooling(layers, manifest.settings.encoder.pooling)
        width = span.width or hidden
        scores = class_scores(span.scores, width, 1 + len(manifest.labels))
        size, longest = pooling.size(hidden), manifest.max_words
        emissions = SpanScores(size, width, max_words=longest, scores=scores, dropout=span.dropout)
        return SpanNetwork(encoder, pooling=pooling, emissions=emissions)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Class number of each label, from 1; 0 is "no entity"."""
        return {label: number for number, label in enumerate(self.labels, 1)}

    @property
    def threshold(self) -> float:
        """A mention needs a higher probability; see ``select_spans``."""
        return self.manifest.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self.manifest = self.manifest.model_copy(update={"threshold": value})

    def tag_batch(self, batch: Batch) -> list[Tagged]:
        spans, scores = self.network(batch)
        if not scores.isfinite().all():
            raise ModelError("the scores of the network are NaN or infinite. Fix: train it again with lower rates")
        probabilities, labels = scores.softmax(dim=-1)[:, 1:].max(dim=-1)
        candidates: list[list[Entity]] = [[] for _ in range(len(batch.words.lengths))]
        for i in (probabilities > self.threshold).nonzero().flatten().tolist():  # ``select_spans`` selects no others
            start, label = int(spans.start[i]), self.labels[int(labels[i])]
            entity = Entity(start, start + int(spans.length[i]), label, float(probabilities[i]))
            candidates[int(spans.sentence[i])].append(entity)
        return [(select_spans(sorted(found, key=lambda e: e.end), self.threshold), 0) for found in candidates]
