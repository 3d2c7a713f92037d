"""The encoder tagger: tags words with a network and reads entities from the tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from coner.core.errors import ConfigError, ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.decoding.chain import Chain, Scores
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.passes import Tagged
from coner.families.encoder.backbone.pieces import Cache, Pieces
from coner.families.encoder.backbone.pooling import Pooling, hidden_layers
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.backbone.typed import feature_count
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from coner.families.encoder.decoder import decoders
from coner.families.encoder.decoder._constrained import ConstrainedDecoder
from coner.families.encoder.knowledge import joins
from coner.families.encoder.mix import mixes
from coner.families.encoder.network import Auxiliary, Head, Network
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest, FineTunedManifest
from coner.knowledge.knowledge import leftmost_longest
from coner.knowledge.typed import TypedKnowledge, TypedMatch


class EncoderTagger(NetworkTagger):
    """Tags with a fine-tuned encoder. For arguments see ``NetworkTagger``."""

    kind = "encoder"
    network: Network
    manifest: EncoderManifest

    @classmethod
    def of(cls, network: nn.Module, tokenizer: Any, manifest: FineTunedManifest, *, cache: Cache | None = None) -> Self:
        tagger = super().of(network, tokenizer, manifest, cache=cache)
        text, maximum = tagger.settings.knowledge.text, tagger.pieces.window // 2 - len(tagger.pieces.suffix)
        if manifest.knowledge is not None and text > maximum:
            raise ConfigError(
                f"knowledge.text: got {text}; expected at most {maximum}, half of a window of the encoder"
            )
        return tagger

    @classmethod
    def build_network(cls, manifest: EncoderManifest, encoder: Any) -> Network:
        """Compose the network; ``ConfigError`` if a component is unknown, or does not fit this encoder."""
        settings, config = manifest.settings, encoder.config
        head, auxiliary = settings.head, settings.auxiliary
        fine, coarse = tag_sets(manifest)
        pooling = Pooling(hidden_layers(head.layers, int(config.num_hidden_layers)), settings.encoder.pooling)
        # These lines draw the random initial weights in this order: another order changes the results of a seed.
        mix = mixes[head.mix](len(pooling.layers), pooling.size(int(config.hidden_size)))
        join = None
        if manifest.knowledge is not None:
            join = joins[settings.knowledge.join](mix.size, feature_count(len(manifest.knowledge.types)))
        joined = mix.size if join is None else join.size
        context = contexts[head.context](joined, head.width or int(config.hidden_size))
        blend = blends[head.blend](context.size)
        emissions = nn.Linear(blend.size, len(fine))
        decoder = decoders[head.decoder](fine)
        coarse_task = None
        if auxiliary.schedule != "none":
            coarse_task = Auxiliary(nn.Linear(blend.size, len(coarse)), decoders[auxiliary.decoder](coarse))
            coarse_task.requires_grad_(not auxiliary.frozen)
        layers = Head(mix, join, context, nn.Dropout(head.dropout), blend, emissions)
        return Network(encoder, pooling=pooling, head=layers, decoder=decoder, auxiliary=coarse_task)

    def with_matches(
        self, pieces: Pieces, words: Sequence[str], matches: tuple[TypedMatch, ...], knowledge: TypedKnowledge
    ) -> Pieces:
        maximum = self.settings.knowledge.text
        if not maximum or not matches:
            return replace(pieces, matches=matches)
        chosen = set(leftmost_longest(matches))
        texts = [knowledge.describe(words, match) if match in chosen else () for match in matches]
        notes = tuple(tuple(note.ids) for note in self.pieces(texts))
        return replace(pieces, matches=matches, notes=notes, max_note_pieces=maximum)

    def _write_files(self, folder: Path) -> None:
        super()._write_files(folder)
        self._embed_knowledge(self.settings.knowledge, folder)

    @property
    def settings(self) -> EncoderExperiment:
        """The settings of its training."""
        return self.manifest.settings

    @property
    def tags(self) -> TagSet:
        """The tags that the network scores."""
        return self.network.decoder.tags

    def incompatible_weights(self, trained: Any) -> tuple[str, ...]:
        """Prefixes of the weights of tags and of types of a knowledge base, where the two models differ."""
        if trained.kind != self.kind:
            return ("emissions.", "decoder.", "auxiliary.", "knowledge.")
        (fine, coarse), (own_fine, own_coarse) = tag_sets(trained), tag_sets(self.manifest)
        types, own_types = (known and known.types for known in (trained.knowledge, self.manifest.knowledge))
        foreign = () if types == own_types else ("knowledge.",)
        scoring = foreign if fine.tags == own_fine.tags else (*foreign, "emissions.", "decoder.")
        return scoring if coarse.tags == own_coarse.tags else (*scoring, "auxiliary.")

    def tag_scores(self, sentences: Sequence[Sentence]) -> Iterator[tuple[Chain, Scores]]:
        """As for every tagger. Softmax, which has no chain, gets one without scores: the valid paths of its tags."""
        decoder = self.network.decoder
        chain = Chain(self.tags, np.zeros((len(self.tags), len(self.tags))))
        if isinstance(decoder, ConstrainedDecoder):
            first, moves, last = (scores.detach().cpu().double().numpy() for scores in decoder.scores())
            chain = Chain(self.tags, moves, first=first, last=last)
        return ((chain, scores) for scores in self.in_passes(sentences, self._score_pass) if scores is not None)

    @torch.inference_mode()  # the mode of the caller applies to its thread only
    def _score_pass(self, sentences: Sequence[Pieces]) -> list[Scores]:
        batch = self.collate(sentences)
        rows = self._emissions(batch).cpu().double().numpy()
        return [row[:length] for row, length in zip(rows, batch.words.lengths.tolist(), strict=True)]

    def _emissions(self, batch: Batch) -> Tensor:
        emissions: Tensor = self.network(batch)
        if not emissions.isfinite().all():
            raise ModelError("the scores of the network are NaN or infinite. Fix: train it again with lower rates")
        return emissions

    def tag_batch(self, batch: Batch) -> list[Tagged]:
        emissions = self._emissions(batch)
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
