"""One experiment from a config to a record: read, train, tag, score, record."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from coner.config import CrfExperiment, DataSettings, Experiment
from coner.data import Corpus, read
from coner.data.split import split
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.errors import ConfigError, DataError, MissingExtra
from coner.evaluation.results import Scores
from coner.evaluation.score import score_sentences
from coner.files import make_folder, sha256
from coner.progress import Log
from coner.report import machine
from coner.report.record import RECORD, Record, make_record, read_record, write_record
from coner.taggers.base import Tagger
from coner.taggers.folder import remove_model
from coner.training import CHECKPOINT
from coner.types import surfaces

LOG = "log.txt"


@dataclass(frozen=True)
class Part:
    """One data file of an experiment, read: what it holds, and the hash of it."""

    corpus: Corpus
    sha256: str


@dataclass(frozen=True)
class Tagged:
    """What came of tagging a part: its scores, and how long it took, in seconds."""

    scores: Scores
    seconds: float


def run(settings: Experiment, folder: Path, *, overwrite: bool = False) -> Record:
    """Train what the settings describe, in ``folder``, and record what came of it.

    A finished run is not done again; an unfinished encoder goes on from its checkpoint. The folder is a model folder.

    Args:
        settings: with ``data.train`` set.
        folder: of the run; made where it does not exist.
        overwrite: throw away what an earlier run wrote into the folder.

    Raises:
        ConfigError: a needed file is not named, or the folder belongs to another run.
        DataError: a file is faulty.
    """
    parts, taxonomy = read_parts(settings.data)
    fingerprint = fingerprint_of(settings, parts, taxonomy)
    if not overwrite:
        if (folder / RECORD).exists():
            return _finished(folder, fingerprint, parts)
        if (folder / CHECKPOINT).exists() and isinstance(settings, CrfExperiment):
            raise ConfigError(f"{folder}: holds an unfinished run of an encoder; give another --out, or --overwrite")
    make_folder(folder)
    with Log(folder / LOG, anew=overwrite) as log:
        log(f"{settings.name}: {describe(parts)}; taxonomy {taxonomy.name}, {len(taxonomy.labels)} classes")
        began, commit = time.monotonic(), machine.commit()  # before a long run, during which the checkout may change
        train = _trainer(settings, parts, taxonomy, folder=folder, fingerprint=fingerprint, log=log)
        if overwrite:  # not before what is asked for is known to be possible
            remove_model(folder)
            for name in (RECORD, CHECKPOINT):
                (folder / name).unlink(missing_ok=True)
        tagger, facts = train()
        facts = {"train_seconds": time.monotonic() - began, "fingerprint": fingerprint, "commit": commit, **facts}
        seen = surfaces(parts["train"].corpus)
        judged = [name for name in parts if name != "train"]
        tagged = {name: _judge(tagger, parts[name], taxonomy, seen) for name in judged}
        record = make_record(settings, parts=parts, tagged=tagged, folder=folder, facts=facts)
        write_record(record, folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        for name, values in record.scores.items():
            log(f"{name}: micro F1 {values['fine']['micro_f1']:.4f}, macro F1 {values['fine']['macro_f1']:.4f}")
    return record


def read_parts(settings: DataSettings) -> tuple[dict[str, Part], Taxonomy]:
    """The files of an experiment and its taxonomy, which knows every label in them.

    Raises:
        ConfigError: ``data.train`` is not set.
        DataError: a file is faulty, without labels, or holds a label that the taxonomy does not know.
    """
    if settings.train is None:
        raise ConfigError("data.train: not set; name a file in the config, or with --set data.train=FILE")

    def read_gold(place: Path, labels: tuple[str, ...] | None) -> Corpus:
        return read(place, scheme=settings.scheme, repair=settings.repair, labels=labels, gold=True)

    train = read_gold(settings.train, None)
    if not train.labels:
        raise DataError("holds no mention; expected labelled sentences to train on", settings.train)
    taxonomy = choose_taxonomy(settings.taxonomy, train.labels)
    if not set(train.labels) <= set(taxonomy.labels):
        read_gold(settings.train, taxonomy.labels)  # raises, with the line
    parts = {"train": Part(train, sha256(train.path))}
    if settings.dev is None:
        parts = cut_dev(parts["train"], settings.dev_share)
    for name, place in (("dev", settings.dev), ("test", settings.test)):
        if place is not None:
            corpus = read_gold(place, taxonomy.labels)
            parts[name] = Part(corpus, sha256(corpus.path))
    return parts, taxonomy


def cut_dev(whole: Part, share: float) -> dict[str, Part]:
    """A training file without a validation file, in two: always the same cut, and never one text on both sides.

    The hash of each part is that of the file and the cut, so that two cuts of one file are told apart.
    """
    cut = split(whole.corpus, dev=share, test=0, seed=1)
    train = replace(whole.corpus, sentences=tuple(cut["train"]))
    dev = replace(whole.corpus, sentences=tuple(cut["dev"]), repaired=0, skipped=0)  # what was mended is told once
    return {
        name: Part(corpus, hashlib.sha256(f"{whole.sha256} {name} {share}".encode()).hexdigest())
        for name, corpus in (("train", train), ("dev", dev))
    }


def fingerprint_of(settings: Experiment, parts: dict[str, Part], taxonomy: Taxonomy) -> str:
    """What a trained model is a function of, as one hash: settings without names and places, taxonomy, data files."""
    apart: dict[str, Any] = {"name": True, "data": {"train", "dev", "dev_share", "test", "taxonomy"}}
    used = []
    if isinstance(settings, CrfExperiment):
        used = [settings.crf.cluster_file] if settings.crf.cluster_file else []
    else:
        apart["train"] = {"checkpoint_minutes"}
        used = [Path(settings.encoder.name, name) for name in ("config.json", "model.safetensors")]
    values = settings.model_dump(mode="json", exclude=apart)
    values["taxonomy"] = taxonomy.as_dict()
    values["sha256"] = {name: part.sha256 for name, part in parts.items() if name != "test"}
    values["files"] = [sha256(path) for path in used if path.is_file()]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def describe(parts: dict[str, Part]) -> str:
    """The parts in one line, with whatever was mended in them."""
    told = []
    for name, part in parts.items():
        mended = {"repaired": part.corpus.repaired, "skipped": part.corpus.skipped}
        extra = "".join(f", {count} {what}" for what, count in mended.items() if count)
        told.append(f"{name} {len(part.corpus)} sentences{extra}")
    return ", ".join(told)


def _trainer(
    settings: Experiment, parts: dict[str, Part], taxonomy: Taxonomy, *, folder: Path, fingerprint: str, log: Log
) -> Callable[[], tuple[Tagger, dict[str, Any]]]:
    """What trains a tagger, saves it in the folder, and tells of its training; before the call nothing is written."""
    train, dev = parts["train"].corpus, parts["dev"].corpus
    if isinstance(settings, CrfExperiment):
        from coner.training import crf

        trained = crf.train(settings, train=train, dev=dev, taxonomy=taxonomy, log=log)

        def save() -> tuple[Tagger, dict[str, Any]]:
            trained.tagger.save(folder)
            return trained.tagger, {"trials": [asdict(trial) for trial in trained.trials]}

        return save
    try:
        from coner.training.encoder import EncoderTrainer
    except ModuleNotFoundError:
        raise MissingExtra("training an encoder", "encoder") from None
    trainer = EncoderTrainer(
        settings, train=train, dev=dev, taxonomy=taxonomy, folder=folder, belongs_to=fingerprint, log=log
    )
    return lambda: (trainer.run(), trainer.facts())


def _judge(tagger: Tagger, part: Part, taxonomy: Taxonomy, seen: set[str]) -> Tagged:
    began, mended = time.monotonic(), tagger.repaired
    found = tagger.tag(part.corpus)
    seconds = time.monotonic() - began
    scores = score_sentences(part.corpus, found, groups=taxonomy.coarse_by_fine, seen=seen)
    repaired = part.corpus.repaired + tagger.repaired - mended
    return Tagged(replace(scores, repaired=repaired, skipped=part.corpus.skipped), seconds)


def _finished(folder: Path, fingerprint: str, parts: dict[str, Part]) -> Record:
    record = read_record(folder)
    if record.fingerprint != fingerprint:
        raise ConfigError(
            f"{folder}: holds a finished run of other settings or data; give another --out, or --overwrite"
        )
    if "test" in parts and record.data.get("test", {}).get("sha256") != parts["test"].sha256:
        raise ConfigError(
            f"data.test: the finished run in {folder} was not scored on {parts['test'].corpus.path}; "
            f"score it with: coner evaluate {parts['test'].corpus.path} {folder}"
        )
    with Log() as log:
        log(f"{folder}: this run is finished already; --overwrite does it again")
    return record
