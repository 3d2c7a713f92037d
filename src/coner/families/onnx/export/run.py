"""An export from a run to a folder: write, judge, keep or refuse."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from coner.core.errors import ConerError, ConfigError, DataError, ModelError, OutputError
from coner.core.files import check_folder
from coner.core.progress import progress_bar
from coner.data import read
from coner.data.files import digest
from coner.data.splits import Split, read_splits
from coner.data.taxonomy import Taxonomy
from coner.families.encoder import tagger as encoder
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest
from coner.families.manifest import MANIFEST, parse_manifest, read_manifest
from coner.families.onnx import tagger as onnx
from coner.families.onnx.export.check import Candidate, Judgement, judge, size, work
from coner.families.onnx.export.model import write_onnx
from coner.families.onnx.settings import OnnxManifest
from coner.families.registry import family
from coner.records.record import RECORD, read_record


def export(run: Path, out: Path, *, dev: Path | None = None, int8: bool = False, max_drop: float) -> Judgement:
    """Write the encoder tagger of a run's folder as one of kind ``onnx``, if it does as well on the validation file.

    Args:
        run: a model folder.
        out: folder of the exported model; must hold none.
        dev: validation file; by default that of the run's record.
        int8: weights in 8-bit integers.
        max_drop: most points of 100 that micro or macro F1 may lose.

    Raises:
        ConerError: more is lost; nothing is written then.
        ModelError: its family cannot be exported.
        ConfigError: it is not known what to validate on, or the model cannot be exported.
        OutputError: ``out`` holds a model, or cannot be written.
    """
    if (out / MANIFEST).exists():
        raise OutputError(f"{out}: holds a model; choose another folder")
    check_folder(out)
    manifest = read_manifest(run)
    if not family(manifest.kind).exports:
        raise ModelError(
            f"{run}: got a model of kind {manifest.kind}; expected one of kind encoder (others need no torch, or are "
            "made of several models: export those)"
        )
    trained = encoder.load(run, parse_manifest(manifest.model_dump(), EncoderManifest, run))
    part = validation(run, trained.settings, trained.taxonomy, dev)
    device = torch.device("cpu")  # where the exported model runs: both are measured there
    tagger = encoder.EncoderTagger(
        trained.network.to(device),
        trained.tokenizer,
        taxonomy=trained.taxonomy,
        settings=trained.settings,
        device=device,
    )
    with tempfile.TemporaryDirectory() as scratch:
        aside, threads = Path(scratch) / "model", torch.get_num_threads()
        write_onnx(tagger, aside, int8=int8)
        made = parse_manifest(read_manifest(aside).model_dump(), OnnxManifest, aside)
        exported = onnx.load(aside, made, threads=threads)
        with progress_bar("measuring", work(len(part.corpus))) as shown:
            judgement = judge(
                Candidate(tagger, f"torch, {str(tagger.precision).removeprefix('torch.')}", size(run, manifest)),
                Candidate(exported, f"onnx, {made.weights}", size(aside, made)),
                part.corpus.sentences,
                groups=tagger.taxonomy.coarse_by_fine,
                file=part.corpus.path.name,
                threads=threads,
                advance=shown.advance,
            )
        _check(judgement, int8=int8, max_drop=max_drop)
        exported.save(out)
    return judgement


def validation(run: Path, settings: EncoderExperiment, taxonomy: Taxonomy, dev: Path | None) -> Split:
    """The file that is named, else the one (or the cut of the training file) on which the run was validated.

    Raises:
        ConfigError: none is named, and the run's own is not known, not there, or not the same any more.
        DataError: it is faulty.
    """
    data = settings.data
    if dev is not None:
        corpus = read(dev, scheme=data.scheme, repair=data.repair, labels=taxonomy.labels, gold=True)
        return Split(corpus, digest(corpus.path))
    advice = "name a validation file: --dev FILE"
    if not (run / RECORD).exists():
        raise ConfigError(f"{run}: no {RECORD} in it that says what it was validated on; {advice}")
    known = read_record(run).data.get("dev")
    source = data.dev or data.train
    if known is None or source is None:
        raise ConfigError(f"{run / RECORD}: names no validation file; {advice}")
    if not source.exists():
        raise ConfigError(f"{run}: was validated on {source}, which is not there; {advice}")
    if data.dev is None:  # cut from the training file, always the same
        part = read_splits(data.model_copy(update={"test": None, "extra": ()}))[0]["dev"]
    else:
        part = validation(run, settings, taxonomy, source)
    if part.sha256 != known["sha256"]:
        raise DataError(f"not what {run} was validated on (its sha256 differs); {advice}", source)
    return part


def _check(judgement: Judgement, *, int8: bool, max_drop: float) -> None:
    before, after = judgement.before, judgement.after
    lost = [
        f"{name.replace('_f1', ' F1')} falls from {100 * getattr(before, name):.2f} to {100 * getattr(after, name):.2f}"
        for name, points in judgement.drop.items()
        if not points <= max_drop  # which holds for no limit that is not a number
    ]
    if lost:
        cure = "leave out --int8, or allow" if int8 else "allow"
        raise ConerError(
            f"{judgement.file}: {' and '.join(lost)}; expected to lose no more than {max_drop:g} points, so nothing "
            f"was written: {cure} more with --max-drop"
        )
