"""An exported encoder tagger: the network in ONNX, tokenizing and decoding around it, without torch or transformers.

The graph takes the arrays of ``encoder.layout`` and gives a row of emissions a word. What is done with them is ours, in
numpy: the same tags, confidences and repairs as those of the tagger that was exported.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from coner.core import cores
from coner.core.errors import ConfigError, ModelError
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.decoding.chain import Chain, Scores
from coner.decoding.independent import span_probability
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.passes import Tagged, tag_in_passes
from coner.families.manifest import write_model
from coner.families.onnx.settings import OnnxManifest
from coner.families.onnx.tokenizer import TOKENIZER, FileTokenizer
from coner.families.tagger import Prediction, Tagger

GRAPH, CHAIN = "model.onnx", "chain.npz"
Read = Callable[[Scores], Iterator[Tagged]]  # of B x W x C


class OnnxTagger(Tagger):
    """Tags with an exported encoder.

    Args:
        session: of the graph.
        pieces: cuts words as in training.
        read: what reads emissions as entities.
        manifest: of its folder.
        folder: that it was opened from, to be saved again.
    """

    kind = "onnx"

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        pieces: PieceMaker,
        *,
        read: Read,
        manifest: OnnxManifest,
        folder: Path,
    ) -> None:
        self.pieces = pieces
        self.taxonomy = manifest.taxonomy
        self.labels = manifest.taxonomy.labels
        self._session = session
        self._inputs = [value.name for value in session.get_inputs()]  # those that its pooling and context need
        self._read = read
        self._manifest = manifest
        self._folder = folder

    @property
    def hardware(self) -> str:
        """Device, threads, and the weights' precision."""
        threads = self._session.get_session_options().intra_op_num_threads
        return f"cpu, {threads} threads, weights in {self._manifest.weights}"

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """The entities of the decoder's tags, each with the probability of its span."""
        found = tag_in_passes(sentences, self._tag_batch, pieces=self.pieces)
        for sentence, (entities, repaired) in zip(sentences, found, strict=True):
            yield Prediction(sentence, tuple(entities), repaired)

    def emissions(self, sentences: Sequence[Pieces]) -> list[Scores]:
        """Scores of the tags at each word of each sentence, W x C."""
        arrays = lay_out(sentences, self.pieces)
        try:
            (rows,) = self._session.run(None, {name: arrays[name] for name in self._inputs})
        except Exception as error:  # onnxruntime's own have no common class: no memory, or a graph that is another's
            reason = " ".join(str(error).split())[:300]
            words = max(len(sentence.counts) for sentence in sentences)
            size = f"{len(sentences)} sentences, the longest of {words} words"
            raise ModelError(f"{self._folder}: a pass over {size}, failed: {reason}") from None
        if not np.isfinite(rows).all():
            raise ModelError("the network gives scores that are no numbers; export it again, from a sound model")
        return np.split(rows.astype(np.float64), arrays["lengths"].cumsum()[:-1])

    def _tag_batch(self, sentences: Sequence[Pieces]) -> list[Tagged]:
        emissions = self.emissions(sentences)
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for i, rows in enumerate(emissions):
            by_length[len(rows)].append(i)
        found: list[Tagged] = [([], 0) for _ in sentences]
        for same in by_length.values():  # no padding, no masks
            for i, read in zip(same, self._read(np.stack([emissions[i] for i in same])), strict=True):
                found[i] = read
        return found

    def save(self, folder: Path) -> None:
        """Write the model folder, whole or not at all; ``OutputError`` where that fails."""

        def copy(aside: Path) -> None:
            for name in self._manifest.files:
                shutil.copyfile(self._folder / name, aside / name)

        write_model(folder, self._manifest, copy)


def load(folder: Path, manifest: OnnxManifest, *, threads: int | None = None) -> OnnxTagger:
    """Open the tagger of a model folder.

    Args:
        folder: of the model.
        manifest: of the folder, whose files are checked.
        threads: to compute with; by default those that torch would take.

    Raises:
        ModelError: its files do not fit ``model.json``.
    """
    try:
        made = manifest.pieces
        pieces = PieceMaker(
            FileTokenizer(folder / TOKENIZER, pad=made.pad, unknown=made.unknown),
            limit=made.limit,
            overlap=made.overlap,
            lowercase=made.lowercase,
        )
        read = reader(manifest.decoder, TagSet(manifest.taxonomy.labels, manifest.scheme), folder)
    except (KeyError, TypeError, ValueError, OSError, ConfigError) as error:
        raise ModelError(f"{folder}: its files do not fit model.json ({error}); export it again") from None
    except Exception as error:  # what the tokenizers library raises has no class of its own
        raise ModelError(f"{folder / TOKENIZER}: cannot be read ({error}); export it again") from None
    return OnnxTagger(
        _session(folder / GRAPH, threads or cores.thread_count()),
        pieces,
        read=read,
        manifest=manifest,
        folder=folder,
    )


def reader(decoder: str, tags: TagSet, folder: Path) -> Read:
    """What reads emissions as the decoder of that name does; ``ValueError`` for one that is not known here."""
    if decoder == "softmax":
        return lambda emissions: _read_independent(emissions, tags)
    if decoder != "crf":
        raise ValueError(f"decoder {decoder!r}: expected softmax or crf")
    with np.load(folder / CHAIN, allow_pickle=False) as arrays:
        chain = Chain(tags, arrays["transitions"], first=arrays["first"], last=arrays["last"])
    return lambda emissions: ((entities, 0) for entities in chain.decode(emissions))


def _read_independent(emissions: Scores, tags: TagSet) -> Iterator[Tagged]:
    odds = np.exp(emissions - emissions.max(axis=2, keepdims=True))
    probabilities = odds / odds.sum(axis=2, keepdims=True)
    for path, rows in zip(emissions.argmax(axis=2).tolist(), probabilities, strict=True):
        entities, repaired = tags.decode(path)
        yield [Entity(e.start, e.end, e.label, span_probability(rows, e, tags)) for e in entities], repaired


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's have no class of their own
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: cannot be run ({reason}); export it again, or update onnxruntime") from None
