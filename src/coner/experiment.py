"""One experiment from a config to a record: read, train, tag, score, record."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coner.config import CrfExperiment, DataSettings, EncoderExperiment, Experiment
from coner.data import Corpus, read
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.errors import ConfigError, DataError, MissingExtra
from coner.evaluation.score import Scores, score
from coner.files import make_folder, sha256
from coner.progress import Log, bar
from coner.report.record import RECORD, Record, make_record, read_record, write_record
from coner.taggers.base import Tagger


@dataclass(frozen=True)
class Part:
    """One data file of an experiment, read: what it holds, and the hash of it."""

    corpus: Corpus
    sha256: str


@dataclass(frozen=True)
class Tagged:
    """How a part was tagged: its scores, and how long that took, in seconds."""

    scores: Scores
    seconds: float


def run(settings: Experiment, folder: Path, *, overwrite: bool = False) -> Record:
    """Train what the settings describe, in ``folder``, and record what came of it.

    A finished run is not done again; an unfinished encoder goes on from its checkpoint. The folder is a model folder.

    Args:
        settings: with ``data.train`` and ``data.dev`` set.
        folder: of the run; made where it does not exist.
        overwrite: throw away what an earlier run left in the folder.

    Raises:
        ConfigError: a needed file is not named, or the folder belongs to another run.
        DataError: a file is faulty.
    """
    parts, taxonomy = read_parts(settings.data)
    belongs_to = fingerprint(settings, parts)
    if overwrite and (folder / RECORD).exists() | (folder / "log.txt").exists():
        shutil.rmtree(folder)
    if (folder / RECORD).exists():
        return _finished(folder, belongs_to)
    make_folder(folder)
    with Log(folder) as log:
        log(f"{settings.name}: taxonomy {taxonomy.name}, {len(taxonomy.labels)} classes")
        began = time.monotonic()
        tagger, facts = _train(settings, parts, taxonomy, folder=folder, belongs_to=belongs_to, log=log)
        facts.setdefault("train_seconds", time.monotonic() - began)
        seen = frozenset(s.surface(e).lower() for s in parts["train"].corpus for e in s.entities or ())
        tagged = {name: tag_and_score(tagger, parts[name], taxonomy, seen) for name in ("dev", "test") if name in parts}
        record = make_record(settings, parts=parts, tagged=tagged, tagger=tagger, folder=folder, facts=facts)
        write_record(record, folder)
        for name, found in tagged.items():
            log(f"{name}: micro F1 {found.scores.fine.micro_f1:.4f}, macro F1 {found.scores.fine.macro_f1:.4f}")
    return record


def read_parts(settings: DataSettings) -> tuple[dict[str, Part], Taxonomy]:
    """The files of an experiment and its taxonomy; every label in them is one of the taxonomy's."""
    paths = {name: getattr(settings, name) for name in ("train", "dev", "test")}
    for name in ("train", "dev"):
        if paths[name] is None:
            raise ConfigError(f"data.{name}: not set; name a file in the config or with --set data.{name}=FILE")
    parts, taxonomy = {}, None
    for name, path in paths.items():
        if path is None:
            continue
        labels = taxonomy.labels if taxonomy is not None else None
        corpus = read(path, scheme=settings.scheme, repair=settings.repair, labels=labels, gold=True)
        if taxonomy is None:
            taxonomy = choose_taxonomy(settings.taxonomy, corpus.labels)
            if unknown := sorted(set(corpus.labels) - set(taxonomy.labels)):
                read(path, scheme=settings.scheme, repair=settings.repair, labels=taxonomy.labels, gold=True)
                raise DataError(f"label {unknown[0]!r} is not in the taxonomy {taxonomy.name}", path)
        parts[name] = Part(corpus, sha256(path))
    assert taxonomy is not None
    return parts, taxonomy


def fingerprint(settings: Experiment, parts: dict[str, Part]) -> str:
    """What the result of a run is a function of, as one hash: all settings but names and places, and the data."""
    values = settings.model_dump(mode="json", exclude={"name": True, "data": {"train", "dev", "test"}})
    values["sha256"] = {name: part.sha256 for name, part in parts.items() if name != "test"}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def tag_and_score(tagger: Tagger, part: Part, taxonomy: Taxonomy, seen: frozenset[str]) -> Tagged:
    """Tag a part with a progress bar, and score it."""
    began = time.monotonic()
    found = tagger.tag(part.corpus)
    seconds = time.monotonic() - began
    gold = [sentence.entities or () for sentence in part.corpus]
    scores = score(gold, found, groups=taxonomy.coarse_by_fine)
    return Tagged(scores, seconds)
