"""What taggers over a pretrained encoder share: building, passes over sentences, saving and loading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors.torch import save_file
from torch import nn

from coner.core.errors import ModelError
from coner.core.processes import thread_count
from coner.core.types import Sentence
from coner.families.encoder.backbone import last_layer
from coner.families.encoder.backbone.architectures import encoder_config
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.layout import ROUND_TO
from coner.families.encoder.backbone.passes import Result, Tagged, in_passes, pass_size
from coner.families.encoder.backbone.pieces import Cache, PieceMaker, Pieces, piece_limit
from coner.families.encoder.backbone.pretrained import CONFIG, build_encoder, check_reads, load_encoder
from coner.families.encoder.backbone.tokenizer_files import FILES, load_tokenizer
from coner.families.encoder.backbone.weights import check_shapes, read_shapes, read_weights
from coner.families.encoder.backbone.windows import Windows
from coner.families.encoder.cpu.accelerate import LowPrecisionWeights, accelerated, native_precision
from coner.families.encoder.cpu.process import parallel_map
from coner.families.encoder.cpu.rows import set_embeddings
from coner.families.files import ModelFiles
from coner.families.manifest import WEIGHTS, write_model
from coner.families.tagger import Prediction, Tagger
from coner.knowledge.typed import TypedKnowledge, TypedMatch

if TYPE_CHECKING:
    from coner.families.encoder.settings import FineTunedManifest

TAGGING = Lock()  # held while weights are replaced by copies and the number of threads is changed
ACCELERATOR_PASS = 4096  # pieces
ENCODER = "encoder"  # folder of the encoder's config and tokenizer in a model folder


class NetworkTagger(Tagger):
    """A tagger over a pretrained encoder. A family implements ``build_network`` and ``tag_batch``.

    Args:
        network: on the device where it computes, with the pretrained encoder as ``encoder``.
        pieces: of the tokenizer of the encoder.
        windows: run the encoder, and name its precision.
        manifest: of the model folder.
    """

    network: Any  # a module with ``encoder`` and ``windows``

    def __init__(
        self, *, network: nn.Module, pieces: PieceMaker, windows: Windows, manifest: FineTunedManifest
    ) -> None:
        self.network, self.pieces, self.manifest = network, pieces, manifest
        self.taxonomy, self.labels = manifest.taxonomy, manifest.labels
        self.device = next(network.parameters()).device
        self.network.windows, self.precision = windows, windows.precision
        last_layer.prepare(self.encoder)
        self._weights = LowPrecisionWeights(self.encoder, self.precision)

    @classmethod
    def of(cls, network: nn.Module, tokenizer: Any, manifest: FineTunedManifest, *, cache: Cache | None = None) -> Self:
        """A tagger with the settings of its manifest. For ``cache`` see ``PieceMaker``.

        ``ConfigError`` if a setting does not fit the encoder.
        """
        encoder: Any = network.encoder
        own, train = manifest.settings.encoder, manifest.settings.train
        pieces = PieceMaker(
            tokenizer,
            limit=piece_limit(encoder.config, own.window),
            overlap=own.overlap,
            lowercase=own.lowercase,
            cache=cache,
            vocabulary=getattr(encoder.config, "vocab_size", None),
        )
        precision = native_precision(train.precision, next(network.parameters()).device)
        return cls(network=network, pieces=pieces, windows=Windows(train.batch_pieces, precision), manifest=manifest)

    @classmethod
    @abstractmethod
    def build_network(cls, manifest: Any, encoder: Any) -> nn.Module:
        """Compose a newly initialised network around an encoder; ``ConfigError`` if a setting does not fit it."""

    @classmethod
    def pretrained(cls, manifest: FineTunedManifest, device: torch.device, *, cache: Cache | None = None) -> Self:
        """A tagger to be trained, around the pretrained encoder that the settings name.

        ``ModelError`` if the encoder cannot be loaded, ``ConfigError`` if a setting does not fit it.
        """
        settings = manifest.settings.encoder
        encoder, tokenizer = load_encoder(settings.name, keep_layers=settings.keep_layers)
        set_embeddings(encoder, settings.embeddings)
        return cls.of(cls.build_network(manifest, encoder).to(device), tokenizer, manifest, cache=cache)

    @classmethod
    def load(cls, folder: Path, manifest: FineTunedManifest) -> Self:
        """Open a model folder; ``ModelError`` if its files do not fit the manifest."""
        files, architecture = ModelFiles(folder, manifest), f"{ENCODER}/{CONFIG}"
        values = files.json(architecture)
        with files.reading(architecture):
            config = encoder_config(values)
        with files.reading(WEIGHTS), torch.device("meta"):  # takes no memory until the shapes are those of the file
            check_shapes(cls.build_network(manifest, build_encoder(deepcopy(config))), read_shapes(files.path(WEIGHTS)))
        names = tuple(name for name in FILES if f"{ENCODER}/{name}" in files.names)
        with files.reading(ENCODER):
            tokenizer = load_tokenizer(folder / ENCODER, kind=config.model_type, names=names)
            network = cls.build_network(manifest, build_encoder(config)).to(best_device())
            tagger = cls.of(network, tokenizer, manifest)
        tagger.load_weights(folder)
        with files.reading(architecture):
            check_reads(tagger.encoder)
        return tagger

    def incompatible_weights(self, trained: Any) -> tuple[str, ...]:
        """Prefixes of weights that have another meaning in the trained model with the manifest ``trained``."""
        return ("emissions.",)

    @property
    def encoder(self) -> Any:
        """The pretrained encoder, a model of transformers."""
        return self.network.encoder

    @property
    def hardware(self) -> str:
        precision = str(self.precision).removeprefix("torch.")
        return f"{self.device.type}, {torch.get_num_threads()} threads, encoder in {precision}"

    @abstractmethod
    def tag_batch(self, batch: Batch) -> list[Tagged]:
        """The entities of each sentence of a batch, with confidences, and how many of its tags were repaired."""

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        results = self.in_passes(sentences, self._tag_pass)
        for sentence, result in zip(sentences, results, strict=True):
            entities, repaired = result or ((), 0)
            yield Prediction(sentence, tuple(entities), repaired)

    def in_passes(
        self, sentences: Sequence[Sentence], run: Callable[[list[Pieces]], list[Result]]
    ) -> list[Result | None]:
        """What ``run`` gives for each sentence (``None``: it has no word), with the network set to tag."""
        workers = torch.get_num_threads() if self.device.type == "cpu" else 1
        with TAGGING, torch.inference_mode():
            training = self.network.training
            if training:  # visiting every module takes a tenth of the time of a short sentence
                self.network.eval()
            # No copies are kept while a network is trained: not every optimizer counts the versions of the weights.
            weights = None if training else self._weights
            try:
                with accelerated(self.encoder, self.precision, weights=weights):
                    parallel: dict[str, Any] = {"parallel_map": parallel_map, "workers": workers}
                    return in_passes(sentences, run, pieces=self.read, size=self._pass_size(), **parallel)
            finally:
                if training:
                    self.network.train()

    def read(self, sentences: Sequence[Sequence[str]]) -> list[Pieces]:
        """The pieces of sentences, with their matches if the tagger uses a knowledge base."""
        pieces = self.pieces(sentences)
        if self.manifest.knowledge is None:
            return pieces
        if (knowledge := self.knowledge) is None:
            raise ModelError(f"expected the knowledge base {self.manifest.knowledge.hash}, with which it was trained")
        pairs = zip(pieces, sentences, strict=True)
        return [self.with_matches(one, words, knowledge(words), knowledge) for one, words in pairs]

    def with_matches(
        self, pieces: Pieces, words: Sequence[str], matches: tuple[TypedMatch, ...], knowledge: TypedKnowledge
    ) -> Pieces:
        """The pieces of a sentence with its matches and the text about them."""
        return replace(pieces, matches=matches)

    @torch.inference_mode()  # the mode of the caller applies to its thread only
    def _tag_pass(self, sentences: Sequence[Pieces]) -> list[Tagged]:
        return self.tag_batch(self.collate(sentences))

    def collate(self, sentences: Sequence[Pieces]) -> Batch:
        """Sentences as a batch to be tagged."""
        exact = self.device.type == "cpu" and self.precision == torch.float32
        return collate(sentences, self.pieces, self.device, round_to=1 if exact else ROUND_TO)

    def _pass_size(self) -> int:
        if self.device.type != "cpu":
            return ACCELERATOR_PASS
        return pass_size(int(self.encoder.config.hidden_size), self.precision.itemsize)

    def save(self, folder: Path) -> None:
        manifest = self.manifest.model_copy(update={"operating_point": self.operating_point})
        write_model(folder, manifest, self._write_files)

    def load_weights(self, folder: Path) -> None:
        """Load the weights of a model folder, for tagging; ``ModelError`` if they do not fit the network."""
        try:
            self.network.load_state_dict(read_weights(folder / WEIGHTS))
            self.network.eval()
        except (ValueError, OSError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{folder / WEIGHTS}: does not fit model.json ({reason}). Fix: train again") from None

    def _write_files(self, folder: Path) -> None:
        with TAGGING:
            weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        tokenizer: Any = self.pieces.tokenizer  # of transformers
        try:
            tokenizer.save_pretrained(str(folder / ENCODER))
            self.encoder.config.save_pretrained(str(folder / ENCODER))
            save_file(weights, folder / WEIGHTS)
        except OSError:
            raise
        except Exception as error:  # safetensors and tokenizers have their own errors for a full disk
            raise OSError(None, str(error)) from error


def best_device() -> torch.device:
    """The accelerator of this machine, else its CPU, with no more threads than this process has cores."""
    with TAGGING:
        torch.set_num_threads(min(torch.get_num_threads(), thread_count()))  # torch ignores a container's quota
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
