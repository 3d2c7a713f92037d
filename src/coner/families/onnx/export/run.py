"""Export a trained encoder: write it, compare it with the original, keep or refuse it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from coner.core.errors import ConerError, ConfigError, DataError, ModelError, OutputError
from coner.core.files import check_folder, make_folder
from coner.core.locks import lock_folder
from coner.core.types import Sentence
from coner.data import Corpus
from coner.data.splits import read_named_splits, read_splits
from coner.families.before_after import BeforeAfter, MeasuredModel, compare, model_bytes
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.knowledge_use import require_no_knowledge
from coner.families.manifest import MANIFEST, parse_manifest, read_manifest, remove_model
from coner.families.onnx import tagger as onnx
from coner.families.onnx.export.int8 import LEVELS, Level
from coner.families.onnx.export.model import write_onnx
from coner.families.onnx.settings import OnnxManifest
from coner.families.registry import family
from coner.records.record import RECORD, Record, read_record, write_record

ADVICE = "Fix: name a dev file with --dev FILE"
SCRATCH = ".export"
EXAMPLES = 256  # sentences from which the ranges of activations are taken
NOTES: dict[Level | None, str] = {
    "all": ", activations scaled by piece",
    "most": ", tall matrices in float32",
    "blocks": " in blocks of 32",
}


def export(run: Path, out: Path, *, dev: Path | None = None, int8: bool = False, max_drop: float) -> BeforeAfter:
    """Write the trained encoder of a run as a model of kind ``onnx``, if its F1 on the dev split does not drop.

    Args:
        dev: dev file; by default that of the run's record.
        int8: quantise the weights to 8-bit integers, in the first way of ``LEVELS`` that loses at most ``max_drop``.
        max_drop: maximum loss of micro or macro F1, in points of 100.

    Raises:
        ConerError: more is lost; nothing is written then.
        ModelError: the family of the model cannot be exported.
        ConfigError: the dev split is unknown or missing, or a component of the model cannot be exported.
        DataError: the dev file is not that of the run, or faulty.
        OutputError: ``out`` holds a model, or cannot be written.
    """
    _check_free(out)
    check_folder(out)
    manifest = read_manifest(run)
    if not family(manifest.kind).exports:
        hint = "a CRF needs no torch; of a vote, export the members"
        raise ModelError(f"{run}: got a model of kind {manifest.kind}; expected a trained encoder ({hint})")
    require_no_knowledge(manifest.knowledge, run, "coner export")
    trained = EncoderTagger.load(run, parse_manifest(manifest.model_dump(), EncoderManifest, run))
    corpus = _read_dev(run, trained, dev)
    device = torch.device("cpu")  # where the exported model runs: both are measured there
    tagger = EncoderTagger.of(trained.network.to(device), trained.pieces.tokenizer, trained.manifest)
    tagger.operating_point = manifest.operating_point
    record = read_record(run) if (run / RECORD).is_file() else None
    with lock_folder(out), _unfinished(out) as folder:
        before = MeasuredModel(
            tagger, f"torch, {str(tagger.precision).removeprefix('torch.')}", model_bytes(run, manifest)
        )
        for level in LEVELS if int8 else (None,):
            after = _written(tagger, folder / str(level), level, corpus.sentences[:EXAMPLES])
            report = compare(before, after, corpus, threads=torch.get_num_threads())
            if not _lost(report, max_drop):
                after.tagger.save(out)
                if record is not None:
                    write_record(_exported(record, report), out)
                return report
        fix = "leave out --int8, or allow more with --max-drop" if int8 else "allow more with --max-drop"
        lost = f"expected to lose at most {max_drop:g} points, so nothing was written"
        raise ConerError(f"{report.file}: {' and '.join(_lost(report, max_drop))}; {lost}. Fix: {fix}")


def _written(tagger: EncoderTagger, folder: Path, level: Level | None, text: Sequence[Sentence]) -> MeasuredModel:
    write_onnx(tagger, folder, int8=level, text=text)
    manifest = parse_manifest(read_manifest(folder).model_dump(), OnnxManifest, folder)
    exported = onnx.load(folder, manifest, threads=torch.get_num_threads())
    exported.operating_point = manifest.operating_point
    note = NOTES.get(level, "")
    return MeasuredModel(exported, f"onnx, {manifest.weights}{note}", model_bytes(folder, manifest))


def _exported(record: Record, report: BeforeAfter) -> Record:
    """The record of the run with the scores of both models, so that the exported one can be published."""
    size = record.size.model_copy(update={"bytes": report.after.bytes})
    training = {**record.training, "export": report.as_dict()}
    return record.model_copy(update={"kind": onnx.OnnxTagger.kind, "size": size, "training": training})


def _check_free(out: Path) -> None:
    if (out / MANIFEST).exists() and not (out / SCRATCH).exists():
        raise OutputError(f"{out}: already contains a model. Fix: choose another folder")


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """A folder in ``out`` to work in; as long as it is there, a model in ``out`` is that of an unfinished export."""
    _check_free(out)
    scratch = out / SCRATCH
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
        make_folder(scratch)
        yield scratch
    except BaseException:
        remove_model(out)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _read_dev(run: Path, tagger: EncoderTagger, dev: Path | None) -> Corpus:
    """The dev file; ``None``: the dev split of the run, from its file or as the same share of its training file."""
    data = tagger.settings.data.model_copy(update={"test": None, "extra": ()})
    if dev is not None:
        data = data.model_copy(update={"train": None, "dev": dev})
        return read_named_splits(data, tagger.taxonomy).splits["dev"].corpus
    if not (run / RECORD).exists():
        raise ConfigError(f"{run}: has no {RECORD} that names its dev split. {ADVICE}")
    recorded, source = read_record(run).data.get("dev"), data.dev or data.train
    if recorded is None or source is None:
        raise ConfigError(f"{run / RECORD}: names no dev split. {ADVICE}")
    if not source.exists():
        raise ConfigError(f"{run}: its dev split is from {source}, which does not exist. {ADVICE}")
    if data.dev is None:
        split = read_splits(data).splits["dev"]
    else:
        split = read_named_splits(data.model_copy(update={"train": None}), tagger.taxonomy).splits["dev"]
    if split.sha256 != recorded.sha256:
        raise DataError(f"differs from the dev split of {run} (by sha256). {ADVICE}", source)
    return split.corpus


def _lost(report: BeforeAfter, max_drop: float) -> list[str]:
    """What dropped by more than the maximum."""
    return [
        f"{name.replace('_f1', ' F1')} drops from {100 * getattr(report.before, name):.2f} "
        f"to {100 * getattr(report.after, name):.2f}"
        for name, points in report.drop.items()
        if not points <= max_drop  # true for NaN
    ]
