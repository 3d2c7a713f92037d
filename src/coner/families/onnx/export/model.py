"""Write the model folder of an exported tagger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Backend

from coner.core.errors import ConfigError, ModelError
from coner.core.types import Sentence
from coner.families.encoder.decoder._constrained import ConstrainedDecoder
from coner.families.encoder.decoder.softmax import SoftmaxDecoder
from coner.families.encoder.tagger import EncoderTagger
from coner.families.manifest import write_model
from coner.families.onnx.export.graph import write_graph
from coner.families.onnx.export.int8 import Level
from coner.families.onnx.settings import OnnxManifest, PieceSettings
from coner.families.onnx.tagger import CHAIN, GRAPH, TOKENIZER, OnnxTagger


def write_onnx(
    tagger: EncoderTagger, folder: Path, *, int8: Level | None = None, text: Sequence[Sentence] = ()
) -> None:
    """Write a tagger, whose network is on the CPU, as a model of kind ``onnx``: all of it, or nothing.

    ``int8`` says how weights become 8-bit integers, see ``quantise``; by default they stay in float32. ``fixed`` takes
    the ranges of activations from ``text``, a few hundred sentences.

    Raises:
        ConfigError: its tokenizer has no ``tokenizer.json``, or its decoder exists in torch only.
        ModelError: its encoder cannot be expressed in ONNX.
        OutputError: the folder cannot be written.
    """
    tokenizer: Any = tagger.pieces.tokenizer
    if not tokenizer.is_fast:
        raise ConfigError(
            f"encoder.name: got the tokenizer {type(tokenizer).__name__}, written in Python; expected one with "
            f"a {TOKENIZER}. Fix: train from an encoder folder that has this file"
        )
    decoder = tagger.network.decoder
    if not isinstance(decoder, ConstrainedDecoder | SoftmaxDecoder):
        name = tagger.settings.head.decoder
        raise ConfigError(f"head.decoder: got {name!r}; expected crf, softmax or valid to export")

    def write(temporary: Path) -> None:
        backend = Backend.from_str(tokenizer.backend_tokenizer.to_str())
        backend.no_truncation()  # as transformers calls it, whatever the file says
        backend.no_padding()
        try:
            backend.save(str(temporary / TOKENIZER))
        except Exception as error:  # a bare one, as for a full disk
            raise OSError(None, str(error)) from error
        if isinstance(decoder, ConstrainedDecoder):
            chain = decoder.scores()
            scores = {"transitions": chain.transitions, "first": chain.start, "last": chain.end}
            arrays: dict[str, Any] = {name: values.detach().numpy() for name, values in scores.items()}
            np.savez(temporary / CHAIN, **arrays)
        examples = [pieces for pieces in tagger.pieces([sentence.words for sentence in text]) if pieces.counts]
        try:
            write_graph(tagger.network, tagger.pieces, temporary / GRAPH, int8=int8, text=examples)
        except RuntimeError as error:
            name, reason = tagger.settings.encoder.name, str(error).strip().splitlines()[0]
            raise ModelError(f"encoder {name!r}: cannot be exported to ONNX: {reason}") from None

    write_model(folder, _manifest(tagger, int8=int8 is not None), write)


def _manifest(tagger: EncoderTagger, *, int8: bool) -> OnnxManifest:
    encoder, pieces = tagger.settings.encoder, tagger.pieces
    return OnnxManifest(
        kind=OnnxTagger.kind,
        labels=tagger.labels,
        taxonomy=tagger.taxonomy,
        settings=tagger.settings.model_dump(mode="json"),
        operating_point=tagger.operating_point,
        weights="int8" if int8 else "float32",
        scheme=tagger.tags.scheme,
        decoder="crf" if isinstance(tagger.network.decoder, ConstrainedDecoder) else "softmax",
        width=int(tagger.encoder.config.hidden_size),
        pieces=PieceSettings(
            pad=pieces.pad,
            unknown=pieces.unknown,
            limit=pieces.window + len(pieces.prefix) + len(pieces.suffix),
            overlap=encoder.overlap,
            lowercase=encoder.lowercase,
        ),
    )
