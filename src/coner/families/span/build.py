"""From settings to a network and its tagger."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from coner.data.taxonomy import Taxonomy
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.tagger import damage_reported
from coner.families.encoder.build import Backbone, saved_backbone
from coner.families.span.network import NO_ENTITY_BIAS, CosineScores, SpanNetwork, SpanScores
from coner.families.span.settings import SpanExperiment, SpanManifest
from coner.families.span.tagger import SpanTagger


def build(settings: SpanExperiment, backbone: Backbone, *, taxonomy: Taxonomy, max_words: int) -> SpanTagger:
    """Compose a tagger around a pretrained encoder; its span scores are newly initialised.

    Args:
        settings: of the experiment.
        backbone: the encoder.
        taxonomy: of the labels.
        max_words: longest span.

    Raises:
        ConfigError: a setting does not fit this encoder.
    """
    span, config = settings.span, backbone.encoder.config
    hidden = int(config.hidden_size)
    pooling = Pooling(hidden_layers([span.layer], int(config.num_hidden_layers)), settings.encoder.pooling)
    width, classes = span.width or hidden, 1 + len(taxonomy.labels)
    scores = nn.Linear(width, classes) if span.scores == "linear" else CosineScores(width, classes)
    with torch.no_grad():
        scores.bias[0] = NO_ENTITY_BIAS
    emissions = SpanScores(pooling.size(hidden), width, max_words=max_words, scores=scores, dropout=span.dropout)
    network = SpanNetwork(backbone.encoder, pooling=pooling, emissions=emissions).to(backbone.device)
    manifest = SpanManifest(
        kind=SpanTagger.kind,
        labels=taxonomy.labels,
        taxonomy=taxonomy,
        settings=settings,
        threshold=0.5,
        max_words=max_words,
    )
    return SpanTagger(network, backbone.pieces, manifest=manifest, precision=backbone.precision)


def load(folder: Path, manifest: SpanManifest) -> SpanTagger:
    """Open the tagger of a model folder; ``ModelError`` if its weights do not fit the manifest."""
    settings = manifest.settings
    with damage_reported(folder):
        backbone = saved_backbone(folder, settings.encoder, settings.train)
        tagger = build(settings, backbone, taxonomy=manifest.taxonomy, max_words=manifest.max_words)
    tagger.threshold = manifest.threshold
    tagger.load_weights(folder)
    return tagger
