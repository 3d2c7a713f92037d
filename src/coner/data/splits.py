"""The files of an experiment, read: training, validation and test split, and what is made of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from coner.config.data import DataSettings
from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence, surfaces
from coner.data import Corpus, read
from coner.data.extra import Extra, leave_out
from coner.data.files import digest
from coner.data.noisy_sentences import make_noise, noisy_copy
from coner.data.split import SPLITS, split_corpus
from coner.data.taxonomy import Taxonomy, choose_taxonomy


def noisy_split(name: str) -> str:
    """Name of the copy of a split that has typos (``data.noise.score``)."""
    return f"{name}_noisy"


ALL_SPLITS = (*SPLITS, *map(noisy_split, SPLITS))


@dataclass(frozen=True)
class Split:
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
class SplitCache:
    """What runs in one process have in common, so that it is worked out once.

    Attributes:
        splits: files and taxonomy, by the settings that they were read by.
        pieces: of words, by the tokenizer's name and whether it lower-cases (see ``PieceMaker``).
        runs: how many have trained so far.
    """

    splits: dict[str, tuple[dict[str, Split], Taxonomy]] = field(default_factory=dict)
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)
    runs: int = 0

    def read(self, settings: DataSettings) -> tuple[dict[str, Split], Taxonomy]:
        """``read_splits``, once for equal settings."""
        for path in (settings.train, settings.dev, settings.test):
            if path is not None and str(path) != str(path).encode("utf-8", "replace").decode():
                raise DataError("its name is not UTF-8, and cannot stand in a record; rename the file", path)
        key = settings.model_dump_json()
        if key not in self.splits:
            self.splits[key] = read_splits(settings)
        return self.splits[key]


def read_splits(settings: DataSettings) -> tuple[dict[str, Split], Taxonomy]:
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
    splits = {"train": Split(train, digest(train.path))}
    if settings.dev is None:
        splits = cut_dev(splits["train"], settings.dev_share)
    if 0 < settings.take < len(splits["train"].corpus):
        splits["train"] = take(splits["train"], settings.take)
    for name, place in (("dev", settings.dev), ("test", settings.test)):
        if place is not None:
            corpus = read_gold(place, taxonomy.labels)
            splits[name] = Split(corpus, digest(corpus.path))
    judged = [sentence for name, split in splits.items() if name != "train" for sentence in split.corpus]
    extras = [
        leave_out(Extra(read_gold(extra.file, taxonomy.labels), digest(extra.file), extra.weight), judged)
        for extra in settings.extra
    ]
    splits["train"] = replace(splits["train"], extras=tuple(extras))
    if settings.noise.score:
        noise = make_noise(settings.noise, rate=1.0)
        for name in [name for name in splits if name != "train"]:
            identity = hashlib.sha256(f"{splits[name].sha256} noise {noise.key}".encode()).hexdigest()
            splits[noisy_split(name)] = Split(noisy_copy(splits[name].corpus, noise), identity)
    return splits, taxonomy


def read_named_splits(settings: DataSettings, taxonomy: Taxonomy) -> dict[str, Split]:
    """Those of the training, validation and test file that are named; none is cut from another.

    Raises:
        DataError: a file is faulty, without labels, or holds a label that the taxonomy does not know.
    """
    splits = {}
    for name, place in (("train", settings.train), ("dev", settings.dev), ("test", settings.test)):
        if place is not None:
            corpus = read(place, scheme=settings.scheme, repair=settings.repair, labels=taxonomy.labels, gold=True)
            splits[name] = Split(corpus, digest(corpus.path))
    return splits


def cut_dev(whole: Split, share: float) -> dict[str, Split]:
    """A training file without a validation file, in two: always the same cut, and never one text on both sides.

    The hash of each split is that of the file and the cut, so that two cuts of one file are told apart.
    """
    cut = split_corpus(whole.corpus, dev=share, test=0, seed=1)
    train = replace(whole.corpus, sentences=tuple(cut["train"]))
    dev = replace(whole.corpus, sentences=tuple(cut["dev"]), repaired=0, skipped=0)  # what was mended is told once
    return {
        name: Split(corpus, hashlib.sha256(f"{whole.sha256} {name} {share}".encode()).hexdigest())
        for name, corpus in (("train", train), ("dev", dev))
    }


def take(whole: Split, sentences: int) -> Split:
    """About so many sentences of a training split: always the same ones, every class in proportion."""
    some = split_corpus(whole.corpus, dev=sentences / len(whole.corpus), test=0, seed=1)["dev"]
    identity = hashlib.sha256(f"{whole.sha256} take {sentences}".encode()).hexdigest()
    return Split(replace(whole.corpus, sentences=tuple(some)), identity)


def seen_in(splits: dict[str, Split]) -> set[str] | None:
    """The mentions that training knew; ``None`` where no training split is named."""
    return surfaces(splits["train"].sentences) if "train" in splits else None


def describe(splits: dict[str, Split]) -> str:
    """The splits in one line, with whatever was mended in them."""
    told = []
    for name, split in splits.items():
        told.append(f"{name} {len(split.corpus)} sentences{_mended(split.corpus)}")
        for extra in split.extras:
            leaks = f", {len(extra.left_out)} left out (in dev or test too)" if extra.left_out else ""
            what = f"{extra.corpus.path.name} {len(extra.corpus)} sentences of weight {extra.weight:g}"
            told.append(f"{what}{leaks}{_mended(extra.corpus)}")
    return ", ".join(told)


def _mended(corpus: Corpus) -> str:
    counts = {"repaired": corpus.repaired, "skipped": corpus.skipped}
    return "".join(f", {count} {what}" for what, count in counts.items() if count)
