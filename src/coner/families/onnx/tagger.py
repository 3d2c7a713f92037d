"""Tag with an exported encoder, without torch or transformers.

The ONNX graph maps the arrays of ``layout.lay_out`` to emissions. Tokenization and decoding in numpy around it give the
same tags, confidences and repairs as the tagger that was exported.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from onnxruntime import InferenceSession, SessionOptions

from coner.core.counted import counted
from coner.core.errors import ModelError
from coner.core.native import panics_as_errors
from coner.core.processes import thread_count
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.decoding.chain import Chain, Scores
from coner.decoding.spans import span_probability
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.passes import Tagged, pass_size, tag_in_passes
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.backbone.steps import check_steps
from coner.families.files import ModelFiles
from coner.families.manifest import COPY, write_model
from coner.families.onnx.check import check_graph
from coner.families.onnx.settings import OnnxManifest
from coner.families.tagger import Prediction, Tagger

GRAPH, CHAIN, TOKENIZER = "model.onnx", "chain.npz", "tokenizer.json"
SLOWER = ["SkipLayerNormFusion"]  # an addition and a LayerNormalization take a third of the time of the fused operator
FLOAT32 = 4  # bytes of a value between two layers
DATA = ".data"  # after the name of the graph: the file of its weights
Decode = Callable[[Scores], Iterator[Tagged]]  # emissions of sentences of equal length, B x W x C


class OnnxTagger(Tagger):
    """An exported encoder with its tokenizer and decoder; ``save`` copies its folder."""

    kind = "onnx"

    def __init__(
        self, session: InferenceSession, pieces: PieceMaker, *, decode: Decode, manifest: OnnxManifest, folder: Path
    ) -> None:
        self.pieces = pieces
        self.taxonomy, self.labels = manifest.taxonomy, manifest.taxonomy.labels
        self._session, self._decode, self._manifest, self._folder = session, decode, manifest, folder
        self._inputs = [value.name for value in session.get_inputs()]
        self._threads = session.get_session_options().intra_op_num_threads
        self._columns = len(TagSet(self.labels, manifest.scheme))

    @property
    def hardware(self) -> str:
        """Device, threads, and precision of the weights."""
        return f"cpu, {self._threads} threads, weights in {self._manifest.weights}"

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """Entities with the probability of their spans, as from the encoder that was exported."""
        size = pass_size(self._manifest.width, FLOAT32) * self._threads
        results = tag_in_passes(sentences, self._tag_batch, pieces=self.pieces, size=size)
        for sentence, (entities, repaired) in zip(sentences, results, strict=True):
            yield Prediction(sentence, tuple(entities), repaired)

    def emissions(self, sentences: Sequence[Pieces]) -> list[Scores]:
        """Emissions of each sentence, W x C."""
        arrays = lay_out(sentences, self.pieces, round_to=1)
        try:
            (rows,) = self._session.run(None, {name: arrays[name] for name in self._inputs})
        except Exception as error:  # errors of onnxruntime have no common class
            reason = " ".join(str(error).split())[:300]
            words = max(len(sentence.counts) for sentence in sentences)
            size = f"{counted(len(sentences), 'sentence')}, the longest of {counted(words, 'word')}"
            raise ModelError(f"{self._folder}: a batch of {size}, failed: {reason}") from None
        expected = int(arrays["lengths"].sum()), self._columns
        if rows.shape != expected:
            raise ModelError(f"{self._folder}: got emissions of shape {rows.shape}; expected {expected}. {COPY}")
        if not np.isfinite(rows).all():
            raise ModelError(f"{self._folder}: got NaN or infinite emissions. Fix: train again, then export again")
        return np.split(rows.astype(np.float64), arrays["lengths"].cumsum()[:-1])

    def _tag_batch(self, sentences: Sequence[Pieces]) -> list[Tagged]:
        emissions = self.emissions(sentences)
        lengths = [len(rows) for rows in emissions]
        results: dict[int, Tagged] = {}
        for length in set(lengths):  # equal lengths together, so that neither padding nor masks are needed
            same = [i for i, words in enumerate(lengths) if words == length]
            results |= zip(same, self._decode(np.stack([emissions[i] for i in same])), strict=True)
        return [results[i] for i in range(len(sentences))]

    def save(self, folder: Path) -> None:
        """Write the model folder, all of it or nothing; ``OutputError`` if that fails."""

        def copy(temporary: Path) -> None:
            for name in self._manifest.files:
                shutil.copyfile(self._folder / name, temporary / name)

        write_model(folder, self._manifest.model_copy(update={"operating_point": self.operating_point}), copy)


def load(folder: Path, manifest: OnnxManifest, *, threads: int | None = None) -> OnnxTagger:
    """Open the tagger of a model folder whose files were checked; by default with one thread per core.

    Raises:
        ModelError: the files do not fit the manifest.
    """
    settings, files = manifest.pieces, ModelFiles(folder, manifest)
    tags = TagSet(manifest.taxonomy.labels, manifest.scheme)
    decode: Decode = partial(_decode_independent, tags=tags)
    with files.reading(TOKENIZER):
        tokenizer = FileTokenizer(files.path(TOKENIZER), pad=settings.pad, unknown=settings.unknown)
        pieces = PieceMaker(tokenizer, limit=settings.limit, overlap=settings.overlap, lowercase=settings.lowercase)
    if manifest.decoder == "crf":
        arrays = files.arrays(CHAIN, {"transitions": ("f", 2), "first": ("f", 1), "last": ("f", 1)})
        with files.reading(CHAIN):
            decode = partial(_decode_chain, chain=Chain(tags, **arrays))
    with files.reading(GRAPH):
        check_graph(files.path(GRAPH), GRAPH + DATA)
    options = SessionOptions()
    options.intra_op_num_threads = threads or thread_count()
    options.log_severity_level = 4  # every error is raised too
    try:
        session = InferenceSession(
            folder / GRAPH, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOWER
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{folder / GRAPH}: cannot be run ({reason}). Fix: export again, or update onnxruntime"
        ) from None
    return OnnxTagger(session, pieces, decode=decode, manifest=manifest, folder=folder)


def _decode_chain(emissions: Scores, *, chain: Chain) -> Iterator[Tagged]:
    return ((entities, 0) for entities in chain.decode(emissions))


def _decode_independent(emissions: Scores, *, tags: TagSet) -> Iterator[Tagged]:
    exponentials = np.exp(emissions - emissions.max(axis=2, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=2, keepdims=True)
    for path, rows in zip(emissions.argmax(axis=2).tolist(), probabilities, strict=True):
        entities, repaired = tags.decode(path)
        yield [Entity(e.start, e.end, e.label, span_probability(rows, e, tags)) for e in entities], repaired


class FileTokenizer:
    """A tokenizer with the interface of ``pieces.Tokenizer``, from a ``tokenizer.json`` without truncation."""

    def __init__(self, path: Path, *, pad: int, unknown: int) -> None:
        self.pad_token_id, self.unk_token_id = pad, unknown
        with panics_as_errors():
            self._backend = tokenizers.Tokenizer.from_file(str(path))
        self._backend.no_truncation()
        self._backend.no_padding()
        check_steps(self._backend)

    def __call__(self, text: Any, *, add_special_tokens: bool = True) -> Mapping[str, Any]:
        """The ``input_ids`` of a text, or of each text in a list."""
        if isinstance(text, str):
            return {"input_ids": self._backend.encode(text, add_special_tokens=add_special_tokens).ids}
        encodings = self._backend.encode_batch_fast(text, add_special_tokens=add_special_tokens)
        return {"input_ids": [encoding.ids for encoding in encodings]}
