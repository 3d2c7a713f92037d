"""The folder of an exported tagger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as Backend

from coner.core.errors import ConfigError, ModelError
from coner.families.encoder.decoder._constrained import ConstrainedDecoder
from coner.families.encoder.decoder.softmax import SoftmaxDecoder
from coner.families.encoder.tagger import EncoderTagger
from coner.families.manifest import write_model
from coner.families.onnx.export.graph import write_graph
from coner.families.onnx.export.quantise import quantise
from coner.families.onnx.settings import OnnxManifest, PieceSettings
from coner.families.onnx.tagger import CHAIN, GRAPH, OnnxTagger
from coner.families.onnx.tokenizer import TOKENIZER


def write_onnx(tagger: EncoderTagger, folder: Path, *, int8: bool = False) -> None:
    """Write the tagger, whose network lies on the processor, as a model of kind ``onnx``.

    Args:
        tagger: an encoder tagger.
        folder: to write into, whole or not at all.
        int8: weights in 8-bit integers.

    Raises:
        ConfigError: its tokenizer is written in Python alone, or its decoder is not known without torch.
        ModelError: its encoder does something that ONNX has no word for.
        OutputError: the folder cannot be written.
    """
    if not tagger.tokenizer.is_fast:
        raise ConfigError(
            f"encoder.name: the tokenizer {type(tagger.tokenizer).__name__} exists in Python alone; expected one that "
            f"can be written as {TOKENIZER}: train again from a folder that has that file"
        )
    decoder = tagger.network.decoder
    if not isinstance(decoder, ConstrainedDecoder | SoftmaxDecoder):
        raise ConfigError(
            f"head.decoder: {tagger.settings.head.decoder!r} cannot be exported; expected crf, softmax or valid"
        )

    def write(aside: Path) -> None:
        _write_tokenizer(tagger, aside / TOKENIZER)
        if isinstance(decoder, ConstrainedDecoder):
            chain = decoder.scores()
            scores = {"transitions": chain.transitions, "first": chain.start, "last": chain.end}
            arrays = {name: value.detach().numpy() for name, value in scores.items()}
            np.savez(aside / CHAIN, **arrays)  # type: ignore[arg-type]
        try:
            write_graph(tagger.network, tagger.pieces, aside / GRAPH)
        except RuntimeError as error:  # of the exporter
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"encoder {tagger.settings.encoder.name!r} cannot be written as ONNX: {reason}") from None
        if int8:
            quantise(aside / GRAPH)

    write_model(folder, _manifest(tagger, int8=int8), write)


def _manifest(tagger: EncoderTagger, *, int8: bool) -> OnnxManifest:
    encoder, made = tagger.settings.encoder, tagger.pieces
    return OnnxManifest(
        kind=OnnxTagger.kind,
        labels=tagger.labels,
        taxonomy=tagger.taxonomy,
        settings=tagger.settings.model_dump(mode="json"),
        weights="int8" if int8 else "float32",
        scheme=tagger.tags.scheme,
        decoder="crf" if isinstance(tagger.network.decoder, ConstrainedDecoder) else "softmax",
        pieces=PieceSettings(
            pad=made.pad,
            unknown=made.unknown,
            limit=made.window + len(made.prefix) + len(made.suffix),
            overlap=encoder.overlap,
            lowercase=encoder.lowercase,
        ),
    )


def _write_tokenizer(tagger: EncoderTagger, path: Path) -> None:
    backend = Backend.from_str(tagger.tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()  # as transformers calls it; the file may say otherwise
    backend.no_padding()
    try:
        backend.save(str(path))
    except Exception as error:  # tokenizers tells of a full disk by a bare one
        raise OSError(None, str(error)) from error
