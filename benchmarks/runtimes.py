"""Tagging with a plain encoder: ours beside the runtimes that a user can pick instead, with the same weights.

    OMP_NUM_THREADS=1 python benchmarks/runtimes.py runs/plain-minilm --input data/dev.conll [--sentences 900]

The run must have a plain head. All use one thread. All runtimes get the pieces of the same tokenizer, sorted by length,
in the batch size that is fastest for each, and their scores become entities in the same way. Ours chooses its passes by
itself, and is measured as torch, and exported to ONNX with weights in float32 and int8.

- torch: the class of transformers, as it is.
- onnxruntime: the graph of torch.onnx with the fusions of onnxruntime for BERT; int8 by quantize_dynamic, by column.
- OpenVINO: the same graph; int8 by NNCF for transformers, calibrated on the first 128 sentences of --input.
- CTranslate2: its encoder for BERT with the head in numpy; int8 by itself.

A runtime that is not installed is named and left out; the record has the versions. "p50" and "p99" are
times of one short sentence (at most 12 words) at a time, of --single of them, in Python, and of ours also through
``coner serve``. The pipeline is that of transformers, in the order of the file.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from harness import SAMPLE, arguments, command, existing, positive, report, seconds

import coner
from coner.core.errors import ConerError
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.evaluation.score import score
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.pieces import Pieces
from coner.families.encoder.tagger import EncoderTagger
from serving import WARM, cases_of, load, served
from tagging import Peer

SIZES = (8, 16, 32, 64)
SERVED = 2.0  # seconds of a round of requests
PACKAGES = {"onnxruntime": "onnxruntime", "OpenVINO": "openvino", "CTranslate2": "ctranslate2"}
Arrays = dict[str, Any]
Score = Callable[[Arrays], Any]  # ``layout.lay_out`` of a batch to scores of its pieces, R x P x C
Tag = Callable[[Sequence[Sentence]], list[list[Entity]]]


@dataclass(frozen=True)
class Contender:
    """A runtime in a precision, as a function of sentences and a batch size."""

    name: str
    precision: str
    tag: Callable[[Sequence[Sentence], int], list[list[Entity]]]
    sizes: Sequence[int] = SIZES
    folder: Path | None = None  # of the model, if ``coner serve`` can open it


class Sorted:
    """Tags with the scores of a runtime, sentences sorted by length."""

    def __init__(self, tagger: EncoderTagger, scores: Score) -> None:
        self.tags, self.pieces, self.scores = tagger.tags, tagger.pieces, scores

    def __call__(self, sentences: Sequence[Sentence], size: int) -> list[list[Entity]]:
        """The entities of each sentence."""
        made = self.pieces([sentence.words for sentence in sentences])
        order = sorted(range(len(made)), key=lambda i: len(made[i].ids))
        found: list[list[Entity]] = [[] for _ in made]
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            for i, entities in zip(chosen, self._batch([made[i] for i in chosen]), strict=True):
                found[i] = entities
        return found

    def _batch(self, batch: list[Pieces]) -> Iterator[list[Entity]]:
        arrays = lay_out(batch, self.pieces, round_to=1)
        scores = np.asarray(self.scores(arrays))
        words = scores.reshape(-1, scores.shape[-1])[arrays["first"]].argmax(-1)
        return (self.tags.decode(ids.tolist())[0] for ids in np.split(words, arrays["lengths"].cumsum()[:-1]))


def graph(model: Any, path: Path) -> Path:
    """The graph of a model of transformers, as a user would export it."""
    ids = torch.ones(2, 8, dtype=torch.long)
    axes = {0: "rows", 1: "pieces"}
    torch.onnx.export(
        model,
        (ids, ids),
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": axes},
    )
    return path


def onnxruntime_scores(path: Path) -> Score:
    """Scores by onnxruntime."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda arrays: session.run(None, {"input_ids": arrays["ids"], "attention_mask": arrays["mask"]})[0]


def onnxruntimes(model: Any, source: Path) -> dict[str, Score]:
    """Fused in float32, and quantised."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    fused, small = source.with_name("fused.onnx"), source.with_name("int8.onnx")
    config = model.config
    sizes = {"num_heads": config.num_attention_heads, "hidden_size": config.hidden_size}
    optimize_model(str(source), model_type="bert", opt_level=0, **sizes).save_model_to_file(str(fused))
    constant = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
    how: dict[str, Any] = {"per_channel": True, "reduce_range": True, "weight_type": QuantType.QInt8}
    quantize_dynamic(fused, small, extra_options=constant, **how)
    return {"float32": onnxruntime_scores(fused), "int8": onnxruntime_scores(small)}


def openvinos(source: Path, batches: Sequence[Arrays]) -> dict[str, Score]:
    """In float32, and quantised if NNCF is installed."""
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}

    def compiled(model: Any) -> Score:
        made = core.compile_model(model, "CPU", options)
        return lambda arrays: made([arrays["ids"], arrays["mask"]])[0]

    plain = core.read_model(source)
    found = {"float32": compiled(plain)}
    if find_spec("nncf"):
        import nncf  # type: ignore[import-not-found]

        data = nncf.Dataset(list(batches), lambda arrays: [arrays["ids"], arrays["mask"]])
        found["int8"] = compiled(nncf.quantize(plain, data, model_type=nncf.ModelType.TRANSFORMER))
    return found


def ctranslates(model: Any, tokenizer: Any, folder: Path) -> dict[str, Score]:
    """In float32 and int8, with the head in numpy."""
    import ctranslate2  # type: ignore[import-not-found]

    model.base_model.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    weight, bias = (value.detach().numpy() for value in (model.classifier.weight.T, model.classifier.bias))
    found: dict[str, Score] = {}
    for precision in ("float32", "int8"):
        made = str(folder / f"ct2-{precision}")
        ctranslate2.converters.TransformersConverter(str(folder / "bert")).convert(made, quantization=precision)
        encoder = ctranslate2.Encoder(made, "cpu", compute_type=precision, intra_threads=1)

        def scores(arrays: Arrays, encoder: Any = encoder) -> Any:
            rows = [row[:n].tolist() for row, n in zip(arrays["ids"], arrays["mask"].sum(1), strict=True)]
            return np.asarray(encoder.forward_batch(rows).last_hidden_state) @ weight + bias

        found[precision] = scores
    return found


def contenders(tagger: EncoderTagger, run: Path, folder: Path, some: Sequence[Sentence]) -> Iterator[Contender]:
    """All that are installed."""
    from coner.families.onnx.export.int8 import LEVELS
    from coner.families.onnx.export.model import write_onnx

    def ours(one: Any) -> Callable[[Sequence[Sentence], int], list[list[Entity]]]:
        return lambda sentences, _size: one.tag(sentences)

    precision = str(tagger.precision).removeprefix("torch.")
    yield Contender("coner, torch", precision, ours(tagger), sizes=(0,), folder=run)
    for precision, level in (("float32", None), ("int8", LEVELS[0])):
        write_onnx(tagger, folder / precision, int8=level, text=some)
        own = folder / precision
        yield Contender("coner, ONNX", precision, ours(coner.load(own)), sizes=(0,), folder=own)
    peer = Peer(tagger, run)
    yield Contender("pipeline", "float32", peer.tag)
    model = peer.pipeline.model

    def eager(arrays: Arrays) -> Any:
        with torch.inference_mode():
            ids, mask = (torch.from_numpy(arrays[name]) for name in ("ids", "mask"))
            return model(input_ids=ids, attention_mask=mask).logits

    pieces = tagger.pieces([sentence.words for sentence in some])
    batches = [lay_out(pieces[i : i + 8], tagger.pieces) for i in range(0, len(pieces), 8)]
    source = graph(model, folder / "plain.onnx")
    build: dict[str, Callable[[], dict[str, Score]]] = {
        "onnxruntime": lambda: onnxruntimes(model, source),
        "OpenVINO": lambda: openvinos(source, batches),
        "CTranslate2": lambda: ctranslates(model, tagger.pieces.tokenizer, folder),
    }
    made: dict[str, dict[str, Score]] = {"torch": {"float32": eager}}
    for name, make in build.items():
        if not find_spec(PACKAGES[name]):
            sys.stdout.write(f"{name} is not installed: left out\n")
            continue
        try:
            made[name] = make()
        except Exception as error:  # of foreign converters, which have no common class
            sys.stdout.write(f"{name} cannot convert the model: left out ({' '.join(str(error).split())[:200]})\n")
    for name, precisions in made.items():
        for precision, scores in precisions.items():
            yield Contender(name, precision, Sorted(tagger, scores))


def main() -> None:
    """Measure, and report."""
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("model", type=existing, help="folder of a run with a plain head")
    parser.add_argument("--input", type=existing, default=SAMPLE / "dev.conll", help="file to tag and to score on")
    parser.add_argument("--sentences", type=positive, default=900, help="of the input; default its first 900")
    parser.add_argument("--single", type=positive, default=100, help="sentences that are tagged alone; default 100")
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    tagger = coner.load(options.model)
    if not isinstance(tagger, EncoderTagger):
        raise ConerError(f"{options.model}: a {tagger.kind} tagger; expected an encoder")
    torch.set_num_threads(1)
    sentences = list(islice(read(options.input), options.sentences))
    short = [[one] for one in sentences if 0 < len(one) <= 12][: options.single]
    with tempfile.TemporaryDirectory() as folder:
        all_of_them = list(contenders(tagger, options.model, Path(folder), sentences[:128]))
        facts = measure(all_of_them, sentences, short, tagger, options.rounds)
    facts |= {"sentences": len(sentences), "alone": len(short), "rounds": options.rounds, "threads": 1}
    installed = ["torch", "transformers", *(package for package in PACKAGES.values() if find_spec(package))]
    report(options.out / "runtimes.json", "Beside other runtimes", [], packages=installed, facts=facts)


def measure(
    all_of_them: Sequence[Contender],
    sentences: Sequence[Sentence],
    short: Sequence[Sequence[Sentence]],
    tagger: EncoderTagger,
    rounds: int,
) -> dict[str, object]:
    """A line for each contender: medians of rounds in turn."""
    gold, expected = [sentence.entities or () for sentence in sentences], tagger.tag(sentences)
    some = sentences[:: max(1, len(sentences) // 200)]
    best = {}
    for one in all_of_them:
        trial = lambda size, one=one: seconds(lambda: one.tag(some, size))  # type: ignore[misc]  # noqa: E731
        best[one.name + one.precision] = min(one.sizes, key=trial) if len(one.sizes) > 1 else one.sizes[0]
    times: dict[str, list[float]] = {key: [] for key in best}
    alone: dict[str, list[float]] = {key: [] for key in best}
    found: dict[str, list[list[Entity]]] = {}
    for round_ in range(rounds):
        for one in all_of_them[:: -1 if round_ % 2 else 1]:
            key = one.name + one.precision
            tagger.pieces._cache.clear()  # as in a new process: no word is cached
            times[key].append(seconds(lambda: found.update({key: one.tag(sentences, best[key])})))  # noqa: B023
            alone[key] += [seconds(lambda: one.tag(single, 1)) for single in short]  # noqa: B023
    facts: dict[str, object] = {}
    for one in all_of_them:
        key = one.name + one.precision
        same = sum(a == b for a, b in zip(found[key], expected, strict=True)) / len(sentences)
        micro = 100 * score(gold, found[key]).fine.micro_f1
        facts[f"{one.name}, {one.precision}"] = (
            f"{len(sentences) / statistics.median(times[key]):.0f} sentences/s"
            + (f" in batches of {best[key]}" if best[key] else "")
            + f"; alone {percentiles(alone[key])}; "
            + (f"served {percentiles(through_service(one.folder, short, rounds))}; " if one.folder else "")
            + f"micro F1 {micro:.2f}, {same:.1%} of the sentences as ours in torch"
        )
    return facts


def through_service(folder: Path, short: Sequence[Sequence[Sentence]], rounds: int) -> list[float]:
    """Seconds of one request after the other, each with one short sentence."""
    cases = cases_of(coner.load(folder), (sentence for single in short for sentence in single))
    with served(folder) as service:
        trials = [
            asyncio.run(load(service.port, cases, clients=1, seconds=seconds, tolerance=0.05))
            for seconds in (WARM, SERVED * rounds)
        ]
    return trials[-1].seconds


def percentiles(times: Sequence[float]) -> str:
    """The median, and the time within which 99 % of the sentences are tagged."""
    cuts = [1e3 * cut for cut in statistics.quantiles(times, n=100)]
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"


if __name__ == "__main__":
    command(main)
