"""The span classifier as a tagger: the best choice among the spans that are likely mentions."""

from __future__ import annotations

import torch

from coner.core.errors import ModelError
from coner.core.types import Entity
from coner.decoding.spans import select_spans
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.passes import Tagged
from coner.families.encoder.backbone.pieces import PieceMaker
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.span.network import SpanNetwork
from coner.families.span.settings import SpanManifest


class SpanTagger(NetworkTagger):
    """Classifies every short span. Arguments as of ``NetworkTagger``.

    Attributes:
        ids: of the labels, from 1; 0 is no label.
    """

    kind = "span"
    network: SpanNetwork
    manifest: SpanManifest

    def __init__(
        self, network: SpanNetwork, pieces: PieceMaker, *, manifest: SpanManifest, precision: torch.dtype
    ) -> None:
        super().__init__(network, pieces, manifest=manifest, precision=precision)
        self.ids = {label: number for number, label in enumerate(self.labels, 1)}

    @property
    def threshold(self) -> float:
        """What the probability of a mention has to exceed; ``select_spans`` explains how."""
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
        for i in (probabilities > self.threshold).nonzero().flatten().tolist():  # a selection never holds another one
            start, label = int(spans.start[i]), self.labels[int(labels[i])]
            entity = Entity(start, start + int(spans.length[i]), label, float(probabilities[i]))
            candidates[int(spans.sentence[i])].append(entity)
        return [(select_spans(sorted(found, key=lambda e: e.end), self.threshold), 0) for found in candidates]
