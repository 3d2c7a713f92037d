"""From settings to a network and its tagger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from coner.core.errors import ConfigError, ModelError
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.pretrained import build_encoder, load_tokenizer
from coner.families.encoder.backbone.tagger import ENCODER, best_device
from coner.families.encoder.build import build_pieces
from coner.families.encoder.cpu.accelerate import native_precision
from coner.families.manifest import MANIFEST
from coner.families.span.network import NO_ENTITY_BIAS, CosineScores, SpanNetwork, SpanScores
from coner.families.span.settings import SpanExperiment, SpanManifest
from coner.families.span.tagger import SpanTagger


def build(
    settings: SpanExperiment,
    encoder: Any,
    tokenizer: Any,
    *,
    taxonomy: Taxonomy,
    device: torch.device,
    max_words: int,
    cache: dict[str, list[int]] | None = None,
) -> SpanTagger:
    """Compose a tagger around a pretrained encoder; its span scores are newly initialised.

    Args:
        settings: of the experiment.
        encoder: a pretrained model of transformers.
        tokenizer: of the encoder.
        taxonomy: of the labels.
        device: where the network computes.
        max_words: longest span.
        cache: see ``PieceMaker``.

    Raises:
        ConfigError: a setting does not fit this encoder.
    """
    span, hidden = settings.span, int(encoder.config.hidden_size)
    pooling = Pooling(hidden_layers([span.layer], int(encoder.config.num_hidden_layers)), settings.encoder.pooling)
    width, classes = span.width or hidden, 1 + len(taxonomy.labels)
    scores = nn.Linear(width, classes) if span.scores == "linear" else CosineScores(width, classes)
    with torch.no_grad():
        scores.bias[0] = NO_ENTITY_BIAS
    emissions = SpanScores(pooling.size(hidden), width, max_words=max_words, scores=scores, dropout=span.dropout)
    network = SpanNetwork(encoder, pooling=pooling, emissions=emissions).to(device)
    manifest = SpanManifest(
        kind=SpanTagger.kind,
        labels=taxonomy.labels,
        taxonomy=taxonomy,
        settings=settings,
        threshold=0.5,
        max_words=max_words,
    )
    pieces = build_pieces(settings.encoder, encoder, tokenizer, cache)
    precision = native_precision(settings.train.precision, device)
    return SpanTagger(network, pieces, manifest=manifest, precision=precision)


def load(folder: Path, manifest: SpanManifest) -> SpanTagger:
    """Open the tagger of a model folder; ``ModelError`` if its weights do not fit the manifest."""
    source = folder / ENCODER
    try:
        tagger = build(
            manifest.settings,
            build_encoder(source),
            load_tokenizer(str(folder), str(source)),
            taxonomy=manifest.taxonomy,
            device=best_device(),
            max_words=manifest.max_words,
        )
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise ModelError(f"{folder / MANIFEST}: damaged ({error}). Fix: train again or copy the folder again") from None
    tagger.threshold = manifest.threshold
    tagger.load_weights(folder)
    tagger.network.eval()
    return tagger
