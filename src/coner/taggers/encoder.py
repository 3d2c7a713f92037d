"""The encoder tagger: a network, its tokenizer and its tags, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from coner.config import EncoderExperiment, parse_experiment
from coner.cores import threads
from coner.data.taxonomy import Taxonomy
from coner.encoder.batch import collate
from coner.encoder.network import Network
from coner.encoder.pieces import PieceMaker, Pieces, piece_limit
from coner.encoder.precision import native_precision, with_lowered
from coner.encoder.pretrained import build_encoder, load_tokenizer
from coner.encoder.side_by_side import side_by_side
from coner.errors import ConfigError, ModelError
from coner.taggers.base import Tagger
from coner.taggers.folder import write_model
from coner.taggers.passes import tag_in_passes
from coner.tags import TagSet
from coner.types import Entity, Sentence

TAGGING = Lock()  # a network's mode and weights are exchanged meanwhile; and one call has all cores already


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
        self.repaired = 0
        self.tokenizer = tokenizer
        self.pieces = piece_maker(tokenizer, network, settings, cache)

    def tag(
        self, sentences: Sequence[Sentence], *, advance: Callable[[int], object] | None = None
    ) -> list[list[Entity]]:
        """Entities of each sentence, in order; ``advance`` is told how many sentences are done, as they are done."""
        each = side_by_side if self.device.type == "cpu" else map
        tag = partial(tag_in_passes, sentences, self._tag_batch, pieces=self.pieces, advance=advance, each=each)
        with TAGGING, torch.inference_mode():
            training = self.network.training
            self.network.eval()
            found, repaired = with_lowered(self.network.encoder, self.precision, self.device, tag)
            self.network.train(training)
            self.repaired += repaired
        return found

    @torch.inference_mode()  # holds for a thread
    def _tag_batch(self, sentences: Sequence[Pieces]) -> list[tuple[list[Entity], int]]:
        batch = collate(sentences, self.pieces).to(self.device)
        emissions = self.network.emit(batch, self.precision)
        decoder, lengths = self.network.decoder, batch.words.lengths
        read = [self.tags.decode(ids) for ids in decoder.decode(emissions, lengths)]
        scores = decoder.confidence(emissions, lengths, [entities for entities, _ in read])
        return [
            ([Entity(e.start, e.end, e.label, score) for e, score in zip(entities, values, strict=True)], repaired)
            for (entities, repaired), values in zip(read, scores, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write the model folder; weights first, ``model.json`` last, each whole or not at all."""
        write_model(folder, self.card(), self._write_files)

    def card(self) -> dict[str, Any]:
        """What ``model.json`` says beside its list of files."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "taxonomy": self.taxonomy.as_dict(),
            "settings": self.settings.model_dump(mode="json"),
        }

    def _write_files(self, folder: Path) -> None:
        weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        try:
            self.tokenizer.save_pretrained(str(folder / "encoder"))
            self.network.encoder.config.save_pretrained(str(folder / "encoder"))
            save_file(weights, folder / "weights.safetensors")
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


def load(folder: Path, card: dict[str, Any]) -> EncoderTagger:
    """The tagger of a model folder whose ``model.json`` is ``card``; ``ModelError`` where its weights do not fit."""
    device = torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
    torch.set_num_threads(min(torch.get_num_threads(), threads()))  # torch does not see a container's share
    try:
        settings = parse_experiment(card["settings"], source=f"{folder}/model.json")
        if not isinstance(settings, EncoderExperiment):
            raise ValueError("its settings are not those of an encoder")
        taxonomy = Taxonomy.from_dict(card["taxonomy"])
        fine, coarse = fine_tags(taxonomy, settings), coarse_tags(taxonomy, settings)
        network = Network(build_encoder(folder / "encoder"), settings, fine=fine, coarse=coarse)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise ModelError(f"{folder}/model.json: damaged ({error}); train again or copy the folder again") from None
    try:
        network.load_state_dict(load_file(folder / "weights.safetensors"))
    except (SafetensorError, OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder}/weights.safetensors: does not fit model.json ({reason}); train again") from None
    tokenizer = load_tokenizer(str(folder), str(folder / "encoder"))
    return EncoderTagger(network.to(device), tokenizer, taxonomy=taxonomy, settings=settings, device=device)
