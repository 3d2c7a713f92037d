"""One experiment from a config to a record: read, train, tag, score, record."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from coner.config import CrfExperiment, DataSettings, Experiment
from coner.data import Corpus, read
from coner.data.folder import digest
from coner.data.split import PARTS, split
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.errors import ConfigError, DataError, MissingExtra
from coner.evaluation.results import Scores
from coner.evaluation.score import score_sentences
from coner.files import make_folder, sha256
from coner.progress import Log
from coner.report import machine
from coner.report.record import RECORD, Record, add_part, make_record, read_record, write_record
from coner.report.tagged import tagged_path, write_tagged
from coner.taggers import Tagger, load
from coner.taggers.folder import remove_model
from coner.training import CHECKPOINT
from coner.types import surfaces

LOG = "log.txt"
Watch = Callable[[int, float], None]  # epochs done, macro F1 on the validation part


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


@dataclass
class Shared:
    """What runs in one process have in common, so that it is worked out once.

    Attributes:
        parts: files and taxonomy, by the settings that they were read by.
        pieces: of words, by the tokenizer's name and whether it lower-cases (see ``PieceMaker``).
    """

    parts: dict[str, tuple[dict[str, Part], Taxonomy]] = field(default_factory=dict)
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)

    def read(self, settings: DataSettings) -> tuple[dict[str, Part], Taxonomy]:
        """``read_parts``, once for equal settings."""
        key = settings.model_dump_json()
        if key not in self.parts:
            self.parts[key] = read_parts(settings)
        return self.parts[key]


def run(
    settings: Experiment,
    folder: Path,
    *,
    overwrite: bool = False,
    shared: Shared | None = None,
    watch: Watch | None = None,
) -> Record:
    """Train what the settings describe, in ``folder``, and record what came of it.

    A finished run is not done again; an unfinished encoder goes on from its checkpoint. The folder is a model folder.

    Args:
        settings: with ``data.train`` set.
        folder: of the run; made where it does not exist.
        overwrite: throw away what an earlier run wrote into the folder.
        shared: with other runs of this process.
        watch: is told how training goes, see ``EncoderTrainer``.

    Raises:
        ConfigError: a needed file is not named, or the folder belongs to another run.
        DataError: a file is faulty.
    """
    shared = shared or Shared()
    parts, taxonomy = shared.read(settings.data)
    fingerprint = fingerprint_of(settings, parts, taxonomy)
    if not overwrite:
        if (folder / RECORD).exists():
            return _finished(folder, fingerprint, parts, taxonomy)
        if (folder / CHECKPOINT).exists() and isinstance(settings, CrfExperiment):
            raise ConfigError(f"{folder}: holds an unfinished run of an encoder; give another --out, or --overwrite")
    make_folder(folder)
    with Log(folder / LOG, anew=overwrite) as log:
        log(f"{settings.name}: {describe(parts)}; taxonomy {taxonomy.name}, {len(taxonomy.labels)} classes")
        began, commit = time.monotonic(), machine.commit()  # before a long run, during which the checkout may change
        train = _trainer(
            settings, parts, taxonomy, folder=folder, fingerprint=fingerprint, log=log, shared=shared, watch=watch
        )
        if overwrite:  # not before what is asked for is known to be possible
            remove_model(folder)
            for path in (folder / RECORD, folder / CHECKPOINT, *(tagged_path(folder, part) for part in PARTS)):
                path.unlink(missing_ok=True)
        tagger, facts = train()
        facts = {"train_seconds": time.monotonic() - began, "fingerprint": fingerprint, "commit": commit, **facts}
        judge = Judge(tagger, taxonomy, seen=surfaces(parts["train"].corpus), folder=folder)
        tagged = {name: judge(name, part) for name, part in parts.items() if name != "train"}
        record = make_record(settings, parts=parts, tagged=tagged, folder=folder, facts=facts)
        write_record(record, folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        for name in tagged:
            log(headline(record, name))
    return record


def headline(record: Record, part: str) -> str:
    """The scores of a part in one line."""
    fine = record.scores[part]["fine"]
    return f"{part}: micro F1 {fine['micro_f1']:.4f}, macro F1 {fine['macro_f1']:.4f}"


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
    parts = {"train": Part(train, digest(train.path))}
    if settings.dev is None:
        parts = cut_dev(parts["train"], settings.dev_share)
    if 0 < settings.take < len(parts["train"].corpus):
        parts["train"] = take(parts["train"], settings.take)
    for name, place in (("dev", settings.dev), ("test", settings.test)):
        if place is not None:
            corpus = read_gold(place, taxonomy.labels)
            parts[name] = Part(corpus, digest(corpus.path))
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


def take(whole: Part, sentences: int) -> Part:
    """About so many sentences of a training part: always the same ones, every class in proportion."""
    some = split(whole.corpus, dev=sentences / len(whole.corpus), test=0, seed=1)["dev"]
    identity = hashlib.sha256(f"{whole.sha256} take {sentences}".encode()).hexdigest()
    return Part(replace(whole.corpus, sentences=tuple(some)), identity)


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
    settings: Experiment,
    parts: dict[str, Part],
    taxonomy: Taxonomy,
    *,
    folder: Path,
    fingerprint: str,
    log: Log,
    shared: Shared,
    watch: Watch | None,
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
        settings,
        train=train,
        dev=dev,
        taxonomy=taxonomy,
        folder=folder,
        belongs_to=fingerprint,
        log=log,
        cache=shared.pieces.setdefault((settings.encoder.name, settings.encoder.lowercase), {}),
        watch=watch,
    )
    return lambda: (trainer.run(), trainer.facts())


@dataclass(frozen=True)
class Judge:
    """Tags parts and scores them; what was found is written into the run's folder.

    Attributes:
        tagger, taxonomy: what is judged, and by which labels.
        seen: the mentions of the training part.
        folder: of the run.
    """

    tagger: Tagger
    taxonomy: Taxonomy
    seen: set[str]
    folder: Path

    def __call__(self, name: str, part: Part) -> Tagged:
        """Tag and score one part."""
        began, mended = time.monotonic(), self.tagger.repaired
        found = self.tagger.tag(part.corpus)
        seconds = time.monotonic() - began
        write_tagged(tagged_path(self.folder, name), part.corpus, found)
        scores = score_sentences(part.corpus, found, groups=self.taxonomy.coarse_by_fine, seen=self.seen)
        repaired = part.corpus.repaired + self.tagger.repaired - mended
        return Tagged(replace(scores, repaired=repaired, skipped=part.corpus.skipped), seconds)


def _finished(folder: Path, fingerprint: str, parts: dict[str, Part], taxonomy: Taxonomy) -> Record:
    """The record of a run that is done; a test file that it has not been scored on yet is scored now."""
    record = read_record(folder)
    if record.fingerprint != fingerprint:
        raise ConfigError(
            f"{folder}: holds a finished run of other settings or data; give another --out, or --overwrite"
        )
    if "test" not in parts or record.data.get("test", {}).get("sha256") == parts["test"].sha256:
        return record
    if "test" in record.data:
        raise ConfigError(
            f"data.test: the finished run in {folder} was scored on another file than {parts['test'].corpus.path}; "
            f"score it on this one with: coner evaluate {parts['test'].corpus.path} {folder}"
        )
    judge = Judge(load(folder), taxonomy, seen=surfaces(parts["train"].corpus), folder=folder)
    record = add_part(record, "test", parts["test"], judge("test", parts["test"]))
    write_record(record, folder)
    with Log(folder / LOG) as log:
        log(headline(record, "test"))
    return record
