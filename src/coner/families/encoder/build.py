"""From settings to a network and its tagger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from coner.core.errors import ConfigError, ModelError
from coner.core.tags import TagSet
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.auxiliary import Auxiliary
from coner.families.encoder.backbone.pieces import PieceMaker, piece_limit
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.pretrained import build_encoder, load_tokenizer
from coner.families.encoder.backbone.tagger import ENCODER, best_device
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.cpu.accelerate import native_precision
from coner.families.encoder.decoder import decoders
from coner.families.encoder.loss import losses
from coner.families.encoder.mix import mixes
from coner.families.encoder.network import Head, Network
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest, EncoderSettings
from coner.families.encoder.tagger import EncoderTagger
from coner.families.manifest import MANIFEST


def build(
    settings: EncoderExperiment,
    encoder: Any,
    tokenizer: PreTrainedTokenizerBase,
    *,
    taxonomy: Taxonomy,
    device: torch.device,
    counts: Tensor | None = None,
    cache: dict[str, list[int]] | None = None,
) -> EncoderTagger:
    """Compose a tagger around a pretrained encoder; its head is newly initialised.

    Args:
        settings: of the experiment.
        encoder: a pretrained model of transformers.
        tokenizer: of the encoder.
        taxonomy: of the labels.
        device: where the network computes.
        counts: of each tag in the train split, for losses that weight the tags; by default equal. C
        cache: see ``PieceMaker``.

    Raises:
        ConfigError: a component is unknown, or does not fit this encoder.
    """
    network = build_network(settings, encoder, taxonomy=taxonomy, counts=counts).to(device)
    return EncoderTagger(
        network,
        build_pieces(settings.encoder, encoder, tokenizer, cache),
        manifest=EncoderManifest(kind="encoder", labels=taxonomy.labels, taxonomy=taxonomy, settings=settings),
        precision=native_precision(settings.train.precision, device),
    )


def build_network(
    settings: EncoderExperiment, encoder: Any, *, taxonomy: Taxonomy, counts: Tensor | None = None
) -> Network:
    """Compose the network; arguments as of ``build``."""
    head, hidden = settings.head, int(encoder.config.hidden_size)
    fine, coarse = tag_sets(settings, taxonomy)
    layers = hidden_layers(head.layers, int(encoder.config.num_hidden_layers))
    pooling = Pooling(layers, settings.encoder.pooling)
    # The order of these lines is that of the random initial values: a change of it changes what a seed gives.
    mix = mixes[head.mix](len(layers), pooling.size(hidden))
    context = contexts[head.context](mix.size, head.width or hidden)
    blend = blends[head.blend](context.size)
    emissions = nn.Linear(blend.size, len(fine))
    loss = losses[head.loss](torch.ones(len(fine)) if counts is None else counts)
    decoder = decoders[head.decoder](fine, loss)
    auxiliary = None
    if settings.auxiliary.schedule != "none":
        auxiliary = Auxiliary(nn.Linear(blend.size, len(coarse)), decoders[settings.auxiliary.decoder](coarse))
        auxiliary.requires_grad_(not settings.auxiliary.frozen)
    return Network(
        encoder,
        pooling=pooling,
        head=Head(mix, context, nn.Dropout(head.dropout), blend, emissions),
        decoder=decoder,
        auxiliary=auxiliary,
    )


def build_pieces(
    settings: EncoderSettings,
    encoder: Any,
    tokenizer: PreTrainedTokenizerBase,
    cache: dict[str, list[int]] | None = None,
) -> PieceMaker:
    """The tokenizer, with the limits of the encoder."""
    return PieceMaker(
        tokenizer,
        limit=piece_limit(encoder.config, settings.window),
        overlap=settings.overlap,
        lowercase=settings.lowercase,
        cache=cache,
    )


def tag_sets(settings: EncoderExperiment, taxonomy: Taxonomy) -> tuple[TagSet, TagSet]:
    """The tags to predict, and those of the auxiliary task."""
    scheme = settings.head.scheme
    return TagSet(taxonomy.labels, scheme), TagSet(taxonomy.coarse_labels, scheme)


def load(folder: Path, manifest: EncoderManifest) -> EncoderTagger:
    """Open the tagger of a model folder; ``ModelError`` if its weights do not fit the manifest."""
    device, source = best_device(), folder / ENCODER
    try:
        encoder, tokenizer = build_encoder(source), load_tokenizer(str(folder), str(source))
        tagger = build(manifest.settings, encoder, tokenizer, taxonomy=manifest.taxonomy, device=device)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise ModelError(f"{folder / MANIFEST}: damaged ({error}). Fix: train again or copy the folder again") from None
    tagger.load_weights(folder)
    tagger.network.eval()
    return tagger
