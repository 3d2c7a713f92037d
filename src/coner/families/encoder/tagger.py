"""The encoder tagger: tags words with a network and reads entities from the tags."""

from __future__ import annotations

from typing import Any

from torch import nn

from coner.core.errors import ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.passes import Tagged
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.decoder import decoders
from coner.families.encoder.mix import mixes
from coner.families.encoder.network import Auxiliary, Head, Network
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest


class EncoderTagger(NetworkTagger):
    """Tags with a fine-tuned encoder. For arguments see ``NetworkTagger``."""

    kind = "encoder"
    network: Network
    manifest: EncoderManifest

    @classmethod
    def build_network(cls, manifest: EncoderManifest, encoder: Any) -> Network:
        """Compose the network; ``ConfigError`` if a component is unknown, or does not fit this encoder."""
        settings, config = manifest.settings, encoder.config
        head, auxiliary = settings.head, settings.auxiliary
        fine, coarse = tag_sets(manifest)
        pooling = Pooling(hidden_layers(head.layers, int(config.num_hidden_layers)), settings.encoder.pooling)
        # These lines draw the random initial weights in this order: another order changes the results of a seed.
        mix = mixes[head.mix](len(pooling.layers), pooling.size(int(config.hidden_size)))
        context = contexts[head.context](mix.size, head.width or int(config.hidden_size))
        blend = blends[head.blend](context.size)
        emissions = nn.Linear(blend.size, len(fine))
        decoder = decoders[head.decoder](fine)
        coarse_task = None
        if auxiliary.schedule != "none":
            coarse_task = Auxiliary(nn.Linear(blend.size, len(coarse)), decoders[auxiliary.decoder](coarse))
            coarse_task.requires_grad_(not auxiliary.frozen)
        layers = Head(mix, context, nn.Dropout(head.dropout), blend, emissions)
        return Network(encoder, pooling=pooling, head=layers, decoder=decoder, auxiliary=coarse_task)

    @property
    def settings(self) -> EncoderExperiment:
        """The settings of its training."""
        return self.manifest.settings

    @property
    def tags(self) -> TagSet:
        """The tags that the network scores."""
        return self.network.decoder.tags

    def foreign_weights(self, trained: Any) -> tuple[str, ...]:
        """Prefixes of the weights that score tags, unless both models have the same tags."""
        if trained.kind != self.kind:
            return ("emissions.", "decoder.", "auxiliary.")
        (fine, coarse), (own_fine, own_coarse) = tag_sets(trained), tag_sets(self.manifest)
        scoring = () if fine.tags == own_fine.tags else ("emissions.", "decoder.")
        return scoring if coarse.tags == own_coarse.tags else (*scoring, "auxiliary.")

    def tag_batch(self, batch: Batch) -> list[Tagged]:
        emissions = self.network(batch)
        if not emissions.isfinite().all():
            raise ModelError("the scores of the network are NaN or infinite. Fix: train it again with lower rates")
        decoder, lengths = self.network.decoder, batch.words.lengths
        decoded = [self.tags.decode(ids) for ids in decoder.decode(emissions, lengths)]
        confidences = decoder.confidence(emissions, lengths, [entities for entities, _ in decoded])
        return [
            ([Entity(e.start, e.end, e.label, score) for e, score in zip(entities, scores, strict=True)], repaired)
            for (entities, repaired), scores in zip(decoded, confidences, strict=True)
        ]


def tag_sets(manifest: EncoderManifest) -> tuple[TagSet, TagSet]:
    """The fine tags, which are predicted, and the coarse tags of the auxiliary task."""
    taxonomy, scheme = manifest.taxonomy, manifest.settings.head.scheme
    return TagSet(taxonomy.labels, scheme), TagSet(taxonomy.coarse_labels, scheme)
