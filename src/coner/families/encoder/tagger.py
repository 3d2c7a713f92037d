"""The encoder tagger: tags words with a network and reads entities from the tags."""

from __future__ import annotations

import torch

from coner.core.errors import ModelError
from coner.core.types import Entity
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.passes import Tagged
from coner.families.encoder.backbone.pieces import PieceMaker
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.network import Network
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest


class EncoderTagger(NetworkTagger):
    """Tags with a fine-tuned encoder. Arguments as of ``NetworkTagger``."""

    kind = "encoder"
    network: Network
    manifest: EncoderManifest

    def __init__(
        self, network: Network, pieces: PieceMaker, *, manifest: EncoderManifest, precision: torch.dtype
    ) -> None:
        super().__init__(network, pieces, manifest=manifest, precision=precision)
        self.tags = network.decoder.tags

    @property
    def settings(self) -> EncoderExperiment:
        """With which it was trained."""
        return self.manifest.settings

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
