"""From settings to a network and its tagger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coner.core.tags import TagSet
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.auxiliary import Auxiliary
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.pretrained import build_encoder, load_encoder, load_tokenizer
from coner.families.encoder.backbone.tagger import ENCODER, best_device, damage_reported
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.cpu.accelerate import native_precision
from coner.families.encoder.cpu.rows import set_embeddings
from coner.families.encoder.decoder import decoders
from coner.families.encoder.loss import losses
from coner.families.encoder.mix import mixes
from coner.families.encoder.network import Head, Network
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest, EncoderSettings
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.settings import TrainSettings


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder, around which a tagger is built.

    Attributes:
        encoder: a model of transformers.
        pieces: its tokenizer.
        device: where the tagger will compute.
        precision: of the encoder's layers.
    """

    encoder: Any
    pieces: PieceMaker
    device: torch.device
    precision: torch.dtype


def pretrained_backbone(
    settings: EncoderSettings,
    train: TrainSettings,
    *,
    device: torch.device,
    cache: dict[str, list[int]] | None = None,
) -> Backbone:
    """Load ``encoder.name`` for training; ``cache`` as of ``PieceMaker``.

    Raises:
        ModelError: the encoder cannot be loaded.
        ConfigError: a setting does not fit this encoder.
    """
    encoder, tokenizer = load_encoder(settings.name, keep_layers=settings.keep_layers)
    set_embeddings(encoder, settings.embeddings)
    return _backbone(encoder, tokenizer, settings, train, device=device, cache=cache)


def saved_backbone(folder: Path, settings: EncoderSettings, train: TrainSettings) -> Backbone:
    """The encoder of a model folder, with random weights; ``ModelError`` if it cannot be loaded."""
    source = folder / ENCODER
    encoder, tokenizer = build_encoder(source), load_tokenizer(str(folder), str(source))
    return _backbone(encoder, tokenizer, settings, train, device=best_device())


def _backbone(
    encoder: Any,
    tokenizer: Any,
    settings: EncoderSettings,
    train: TrainSettings,
    *,
    device: torch.device,
    cache: dict[str, list[int]] | None = None,
) -> Backbone:
    pieces = PieceMaker(
        tokenizer,
        limit=piece_limit(encoder.config, settings.window),
        overlap=settings.overlap,
        lowercase=settings.lowercase,
        cache=cache,
    )
    return Backbone(encoder, pieces, device, native_precision(train.precision, device))


def build(
    settings: EncoderExperiment, backbone: Backbone, *, taxonomy: Taxonomy, counts: Tensor | None = None
) -> EncoderTagger:
    """Compose a tagger around a pretrained encoder; its head is newly initialised.

    Args:
        settings: of the experiment.
        backbone: the encoder.
        taxonomy: of the labels.
        counts: of each tag in the train split, for losses that weight the tags; by default equal. C

    Raises:
        ConfigError: a component is unknown, or does not fit this encoder.
    """
    head, config = settings.head, backbone.encoder.config
    fine, coarse = tag_sets(settings, taxonomy)
    pooling = Pooling(hidden_layers(head.layers, int(config.num_hidden_layers)), settings.encoder.pooling)
    # The order of these lines is that of the random initial values: a change of it changes what a seed gives.
    mix = mixes[head.mix](len(pooling.layers), pooling.size(int(config.hidden_size)))
    context = contexts[head.context](mix.size, head.width or int(config.hidden_size))
    blend = blends[head.blend](context.size)
    emissions = nn.Linear(blend.size, len(fine))
    loss = losses[head.loss](torch.ones(len(fine)) if counts is None else counts)
    decoder = decoders[head.decoder](fine, loss)
    auxiliary = None
    if settings.auxiliary.schedule != "none":
        auxiliary = Auxiliary(nn.Linear(blend.size, len(coarse)), decoders[settings.auxiliary.decoder](coarse))
        auxiliary.requires_grad_(not settings.auxiliary.frozen)
    network = Network(
        backbone.encoder,
        pooling=pooling,
        head=Head(mix, context, nn.Dropout(head.dropout), blend, emissions),
        decoder=decoder,
        auxiliary=auxiliary,
    )
    manifest = EncoderManifest(kind=EncoderTagger.kind, labels=taxonomy.labels, taxonomy=taxonomy, settings=settings)
    return EncoderTagger(network.to(backbone.device), backbone.pieces, manifest=manifest, precision=backbone.precision)


def tag_sets(settings: EncoderExperiment, taxonomy: Taxonomy) -> tuple[TagSet, TagSet]:
    """The tags to predict, and those of the auxiliary task."""
    scheme = settings.head.scheme
    return TagSet(taxonomy.labels, scheme), TagSet(taxonomy.coarse_labels, scheme)


def load(folder: Path, manifest: EncoderManifest) -> EncoderTagger:
    """Open the tagger of a model folder; ``ModelError`` if its files do not fit the manifest."""
    settings = manifest.settings
    with damage_reported(folder):
        tagger = build(settings, saved_backbone(folder, settings.encoder, settings.train), taxonomy=manifest.taxonomy)
    tagger.load_weights(folder)
    return tagger
