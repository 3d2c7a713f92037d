"""The encoder tagger: a network, its tokenizer and its tags, in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from coner.core.cores import thread_count
from coner.core.errors import ConfigError, ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.backbone.batch import collate
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces, piece_limit
from coner.families.encoder.backbone.pretrained import build_encoder, load_tokenizer
from coner.families.encoder.cpu.precision import Lowered, native_precision, with_lowered
from coner.families.encoder.cpu.side_by_side import side_by_side
from coner.families.encoder.network import Network
from coner.families.encoder.passes import Tagged, tag_in_passes
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest
from coner.families.manifest import MANIFEST, WEIGHTS, write_model
from coner.families.tagger import Prediction, Tagger

TAGGING = Lock()  # meanwhile a network's weights, and the number of threads, are not what they are otherwise


class EncoderTagger(Tagger):
    """Tags with a fine-tuned encoder.

    Args:
        network: trained, or to be trained.
        tokenizer: the encoder's.
        taxonomy: of the labels that it gives.
        settings: of the experiment.
        device: where the network lies.
        cache: pieces of words, see ``PieceMaker``.
    """

    kind = "encoder"

    def __init__(
        self,
        network: Network,
        tokenizer: PreTrainedTokenizerBase,
        *,
        taxonomy: Taxonomy,
        settings: EncoderExperiment,
        device: torch.device,
        cache: dict[str, list[int]] | None = None,
    ) -> None:
        self.network = network
        self.taxonomy = taxonomy
        self.settings = settings
        self.device = device
        self.precision = native_precision(settings.train.precision, device)
        self.labels = taxonomy.labels
        self.tags = fine_tags(taxonomy, settings)
        self._lowered = Lowered(network.encoder, self.precision)
        self.tokenizer = tokenizer
        self.pieces = piece_maker(tokenizer, network, settings, cache)

    @property
    def hardware(self) -> str:
        """Device, threads, and the encoder's precision."""
        precision = str(self.precision).removeprefix("torch.")
        return f"{self.device.type}, {torch.get_num_threads()} threads, encoder in {precision}"

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The entities of the decoder's tags, each with the probability of its span."""
        with TAGGING, torch.inference_mode():
            at_once = torch.get_num_threads() if self.device.type == "cpu" else 1
            passes = partial(
                tag_in_passes, sentences, self._tag_batch, pieces=self.pieces, each=side_by_side, at_once=at_once
            )
            training = self.network.training
            self.network.eval()
            try:
                # While it is trained, nothing is kept: not every optimiser tells that it has changed the weights.
                copies = None if training else self._lowered
                found = with_lowered(self.network.encoder, self.precision, self.device, passes, copies=copies)
            finally:
                self.network.train(training)
        for sentence, (entities, repaired) in zip(sentences, found, strict=True):
            yield Prediction(sentence, tuple(entities), repaired)

    @torch.inference_mode()  # it holds for one thread
    def _tag_batch(self, sentences: Sequence[Pieces]) -> list[Tagged]:
        batch = collate(sentences, self.pieces).to(self.device)
        emissions = self.network.emit(batch, self.precision)
        if not emissions.isfinite().all():
            raise ModelError("the network gives scores that are no numbers; train it again, with lower rates")
        decoder, lengths = self.network.decoder, batch.words.lengths
        read = [self.tags.decode(ids) for ids in decoder.decode(emissions, lengths)]
        scores = decoder.confidence(emissions, lengths, [entities for entities, _ in read])
        return [
            ([Entity(e.start, e.end, e.label, score) for e, score in zip(entities, values, strict=True)], repaired)
            for (entities, repaired), values in zip(read, scores, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write the model folder; weights first, ``model.json`` last, each whole or not at all."""
        manifest = EncoderManifest(kind=self.kind, labels=self.labels, taxonomy=self.taxonomy, settings=self.settings)
        write_model(folder, manifest, self._write_files)

    def _write_files(self, folder: Path) -> None:
        with TAGGING:
            weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        try:
            self.tokenizer.save_pretrained(str(folder / "encoder"))
            self.network.encoder.config.save_pretrained(str(folder / "encoder"))
            save_file(weights, folder / WEIGHTS)
        except OSError:
            raise
        except Exception as error:  # safetensors and tokenizers tell of a full disk in errors of their own
            raise OSError(None, str(error)) from error


def fine_tags(taxonomy: Taxonomy, settings: EncoderExperiment) -> TagSet:
    """The tags that the head predicts."""
    return TagSet(taxonomy.labels, settings.head.scheme)


def coarse_tags(taxonomy: Taxonomy, settings: EncoderExperiment) -> TagSet:
    """The tags of the auxiliary task."""
    return TagSet(taxonomy.coarse_labels, settings.head.scheme)


def piece_maker(
    tokenizer: PreTrainedTokenizerBase,
    network: Network,
    settings: EncoderExperiment,
    cache: dict[str, list[int]] | None = None,
) -> PieceMaker:
    """The tokenizer, with the encoder's limits and the experiment's settings."""
    return PieceMaker(
        tokenizer,
        limit=piece_limit(network.encoder.config, settings.encoder.window),
        overlap=settings.encoder.overlap,
        lowercase=settings.encoder.lowercase,
        cache=cache,
    )


def load(folder: Path, manifest: EncoderManifest) -> EncoderTagger:
    """The tagger of a model folder whose ``model.json`` is ``card``; ``ModelError`` where its weights do not fit."""
    device = torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
    with TAGGING:
        torch.set_num_threads(min(torch.get_num_threads(), thread_count()))  # torch does not see a container's share
    settings, taxonomy = manifest.settings, manifest.taxonomy
    fine, coarse = fine_tags(taxonomy, settings), coarse_tags(taxonomy, settings)
    try:
        network = Network(build_encoder(folder / "encoder"), settings, fine=fine, coarse=coarse)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise _damaged(folder, error) from None
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder / WEIGHTS}: does not fit model.json ({reason}); train again") from None
    tokenizer = load_tokenizer(str(folder), str(folder / "encoder"))
    return EncoderTagger(network.to(device).eval(), tokenizer, taxonomy=taxonomy, settings=settings, device=device)


def _damaged(folder: Path, error: Exception) -> ModelError:
    return ModelError(f"{folder / MANIFEST}: damaged ({error}); train again or copy the folder again")
