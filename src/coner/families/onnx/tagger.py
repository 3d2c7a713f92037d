"""Tag with an exported encoder, without torch or transformers.

The ONNX graph maps the arrays of ``layout.lay_out`` to emissions. Tokenization and decoding in numpy around it give the
same tags, confidences and repairs as the tagger that was exported.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from coner.core import processes
from coner.core.errors import ConfigError, ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.decoding.chain import Chain, Scores
from coner.decoding.spans import span_probability
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.passes import Tagged, tag_in_passes
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.manifest import write_model
from coner.families.onnx.settings import OnnxManifest
from coner.families.onnx.tokenizer import TOKENIZER, FileTokenizer
from coner.families.tagger import Prediction, Tagger

GRAPH, CHAIN = "model.onnx", "chain.npz"
Decode = Callable[[Scores], Iterator[Tagged]]  # emissions of sentences of equal length, B x W x C


class OnnxTagger(Tagger):
    """An exported encoder with its tokenizer and decoder.

    Args:
        session: the graph.
        pieces: splits words into pieces.
        decode: emissions to entities.
        manifest: of the model folder.
        folder: the model folder, which ``save`` copies.
    """

    kind = "onnx"

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        pieces: PieceMaker,
        *,
        decode: Decode,
        manifest: OnnxManifest,
        folder: Path,
    ) -> None:
        self.pieces = pieces
        self.taxonomy = manifest.taxonomy
        self.labels = manifest.taxonomy.labels
        self._session = session
        self._inputs = [value.name for value in session.get_inputs()]
        self._decode = decode
        self._manifest = manifest
        self._folder = folder

    @property
    def hardware(self) -> str:
        """Device, threads, and precision of the weights."""
        threads = self._session.get_session_options().intra_op_num_threads
        return f"cpu, {threads} threads, weights in {self._manifest.weights}"

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """Entities with the probability of their spans, as from the encoder that was exported."""
        results = tag_in_passes(sentences, self._tag_batch, pieces=self.pieces)
        for sentence, (entities, repaired) in zip(sentences, results, strict=True):
            yield Prediction(sentence, tuple(entities), repaired)

    def emissions(self, sentences: Sequence[Pieces]) -> list[Scores]:
        """Emissions of each sentence, W x C."""
        arrays = lay_out(sentences, self.pieces)
        try:
            (rows,) = self._session.run(None, {name: arrays[name] for name in self._inputs})
        except Exception as error:  # errors of onnxruntime have no common class
            reason = " ".join(str(error).split())[:300]
            words = max(len(sentence.counts) for sentence in sentences)
            size = f"{len(sentences)} sentences, the longest of {words} words"
            raise ModelError(f"{self._folder}: a batch of {size}, failed: {reason}") from None
        if not np.isfinite(rows).all():
            raise ModelError(f"{self._folder}: got NaN or infinite emissions. Fix: export a model that works")
        return np.split(rows.astype(np.float64), arrays["lengths"].cumsum()[:-1])

    def _tag_batch(self, sentences: Sequence[Pieces]) -> list[Tagged]:
        emissions = self.emissions(sentences)
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for i, rows in enumerate(emissions):
            by_length[len(rows)].append(i)
        results: list[Tagged] = [([], 0) for _ in sentences]
        for same in by_length.values():  # so that neither padding nor masks are needed
            for i, result in zip(same, self._decode(np.stack([emissions[i] for i in same])), strict=True):
                results[i] = result
        return results

    def save(self, folder: Path) -> None:
        """Write the model folder, all of it or nothing; ``OutputError`` if that fails."""

        def copy(aside: Path) -> None:
            for name in self._manifest.files:
                shutil.copyfile(self._folder / name, aside / name)

        write_model(folder, self._manifest, copy)


def load(folder: Path, manifest: OnnxManifest, *, threads: int | None = None) -> OnnxTagger:
    """Open the tagger of a model folder.

    Args:
        folder: the model folder, whose files are checked.
        manifest: of the folder.
        threads: by default as many as torch would use.

    Raises:
        ModelError: the files do not fit the manifest.
    """
    try:
        settings = manifest.pieces
        pieces = PieceMaker(
            FileTokenizer(folder / TOKENIZER, pad=settings.pad, unknown=settings.unknown),
            limit=settings.limit,
            overlap=settings.overlap,
            lowercase=settings.lowercase,
        )
        decode = make_decoder(manifest.decoder, TagSet(manifest.taxonomy.labels, manifest.scheme), folder)
    except (KeyError, TypeError, ValueError, OSError, ConfigError) as error:
        raise ModelError(f"{folder}: the files do not fit model.json ({error}). Fix: export again") from None
    except Exception as error:  # errors of tokenizers have no common class
        raise ModelError(f"{folder / TOKENIZER}: cannot be read ({error}). Fix: export again") from None
    return OnnxTagger(
        _session(folder / GRAPH, threads or processes.thread_count()),
        pieces,
        decode=decode,
        manifest=manifest,
        folder=folder,
    )


def make_decoder(name: str, tags: TagSet, folder: Path) -> Decode:
    """The decoder of that name, in numpy; ``ValueError`` if there is none."""
    if name == "softmax":
        return lambda emissions: _decode_independent(emissions, tags)
    if name != "crf":
        raise ValueError(f"got decoder {name!r}; expected softmax or crf")
    with np.load(folder / CHAIN, allow_pickle=False) as arrays:
        chain = Chain(tags, arrays["transitions"], first=arrays["first"], last=arrays["last"])
    return lambda emissions: ((entities, 0) for entities in chain.decode(emissions))


def _decode_independent(emissions: Scores, tags: TagSet) -> Iterator[Tagged]:
    odds = np.exp(emissions - emissions.max(axis=2, keepdims=True))
    probabilities = odds / odds.sum(axis=2, keepdims=True)
    for path, rows in zip(emissions.argmax(axis=2).tolist(), probabilities, strict=True):
        entities, repaired = tags.decode(path)
        yield [Entity(e.start, e.end, e.label, span_probability(rows, e, tags)) for e in entities], repaired


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: cannot be run ({reason}). Fix: export again, or update onnxruntime") from None
