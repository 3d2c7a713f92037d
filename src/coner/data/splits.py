"""The files of an experiment, read: training, validation and test part, and what is made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from coner.config.data import DataSettings
from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence, surfaces
from coner.data import Corpus, read
from coner.data.extra import Extra, leave_out
from coner.data.folder import digest
from coner.data.noisy_sentences import make_noise, noisy_copy
from coner.data.split import PARTS, split
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.records.record import noisy_part

SCORED = (*PARTS, *map(noisy_part, PARTS))


@dataclass(frozen=True)
class Part:
    """One data file of an experiment, read: what it holds, the hash of it, and further files to train on with it."""

    corpus: Corpus
    sha256: str
    extras: tuple[Extra, ...] = ()

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Of all its files."""
        return self.corpus.sentences + tuple(sentence for extra in self.extras for sentence in extra.corpus)

    @property
    def weights(self) -> list[float]:
        """Of each of its sentences."""
        return [1.0] * len(self.corpus) + [extra.weight for extra in self.extras for _ in extra.corpus]


@dataclass
class Shared:
    """What runs in one process have in common, so that it is worked out once.

    Attributes:
        parts: files and taxonomy, by the settings that they were read by.
        pieces: of words, by the tokenizer's name and whether it lower-cases (see ``PieceMaker``).
        runs: how many have trained so far.
    """

    parts: dict[str, tuple[dict[str, Part], Taxonomy]] = field(default_factory=dict)
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)
    runs: int = 0

    def read(self, settings: DataSettings) -> tuple[dict[str, Part], Taxonomy]:
        """``read_parts``, once for equal settings."""
        for path in (settings.train, settings.dev, settings.test):
            if path is not None and str(path) != str(path).encode("utf-8", "replace").decode():
                raise DataError("its name is not UTF-8, and cannot stand in a record; rename the file", path)
        key = settings.model_dump_json()
        if key not in self.parts:
            self.parts[key] = read_parts(settings)
        return self.parts[key]


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
    judged = [sentence for name, part in parts.items() if name != "train" for sentence in part.corpus]
    extras = [
        leave_out(Extra(read_gold(extra.file, taxonomy.labels), digest(extra.file), extra.weight), judged)
        for extra in settings.extra
    ]
    parts["train"] = replace(parts["train"], extras=tuple(extras))
    if settings.noise.score:
        noise = make_noise(settings.noise, rate=1.0)
        for name in [name for name in parts if name != "train"]:
            identity = hashlib.sha256(f"{parts[name].sha256} noise {noise.key}".encode()).hexdigest()
            parts[noisy_part(name)] = Part(noisy_copy(parts[name].corpus, noise), identity)
    return parts, taxonomy


def read_named(settings: DataSettings, taxonomy: Taxonomy) -> dict[str, Part]:
    """Those of the training, validation and test file that are named; none is cut from another.

    Raises:
        DataError: a file is faulty, without labels, or holds a label that the taxonomy does not know.
    """
    parts = {}
    for name, place in (("train", settings.train), ("dev", settings.dev), ("test", settings.test)):
        if place is not None:
            corpus = read(place, scheme=settings.scheme, repair=settings.repair, labels=taxonomy.labels, gold=True)
            parts[name] = Part(corpus, digest(corpus.path))
    return parts


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


def seen_in(parts: dict[str, Part]) -> set[str] | None:
    """The mentions that training knew; ``None`` where no training part is named."""
    return surfaces(parts["train"].sentences) if "train" in parts else None


def describe(parts: dict[str, Part]) -> str:
    """The parts in one line, with whatever was mended in them."""
    told = []
    for name, part in parts.items():
        told.append(f"{name} {len(part.corpus)} sentences{_mended(part.corpus)}")
        for extra in part.extras:
            leaks = f", {len(extra.left_out)} left out (in dev or test too)" if extra.left_out else ""
            what = f"{extra.corpus.path.name} {len(extra.corpus)} sentences of weight {extra.weight:g}"
            told.append(f"{what}{leaks}{_mended(extra.corpus)}")
    return ", ".join(told)


def _mended(corpus: Corpus) -> str:
    counts = {"repaired": corpus.repaired, "skipped": corpus.skipped}
    return "".join(f", {count} {what}" for what, count in counts.items() if count)
