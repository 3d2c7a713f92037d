"""The splits of an experiment: train, dev and test, read as the settings say, and what is derived from them.

Dev and test may have classes that the training data lacks, which can only be missed, unless a taxonomy is named.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from coner.config.experiment import DataSettings, NoiseSettings
from coner.core.counted import counted, listed
from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence, letters, possible_labels
from coner.data.corpus import Corpus, read
from coner.data.extra import check_maps, read_extra
from coner.data.files import digest
from coner.data.label_case import rename_hint
from coner.data.noise import make_noise
from coner.data.reading.reader import Reading
from coner.data.reading.renaming import SPACES, rename_options
from coner.data.samples import nested_sample
from coner.data.stratify import SPLITS, split_corpus
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy


def noisy_split(name: str) -> str:
    """Name of the copy of a split that has typos (``data.noise.score``)."""
    return f"{name}_noisy"


ALL_SPLITS = (*SPLITS, *map(noisy_split, SPLITS))


@dataclass(frozen=True)
class Split:
    """A split, or a further training file of one."""

    corpus: Corpus
    sha256: str  # identifies it; of the file, if it is all of one
    extras: tuple[Split, ...] = ()  # further files to train on
    weight: float = 1.0  # of each sentence of the corpus
    left_out: tuple[int, ...] = ()  # indices of sentences of a further file that are not in the corpus
    files: tuple[Path, ...] = ()  # of a corpus of several files

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Those of the corpus, then those of the further files."""
        return self.corpus.sentences + tuple(sentence for extra in self.extras for sentence in extra.corpus)

    @property
    def weights(self) -> list[float]:
        """The weight of each sentence."""
        return [self.weight] * len(self.corpus) + [extra.weight for extra in self.extras for _ in extra.corpus]


@dataclass
class SplitCache:
    """What the runs in one process share, so that it is computed once."""

    splits: dict[str, tuple[dict[str, Split], Taxonomy]] = field(default_factory=dict)  # by the settings of the data
    # Of words, by the name of the tokenizer and whether it lower-cases (see ``PieceMaker``).
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)
    runs: int = 0  # that have trained

    def read(self, settings: DataSettings) -> tuple[dict[str, Split], Taxonomy]:
        """``read_splits``, once for equal settings."""
        for path in (settings.train, settings.dev, settings.test):
            if path is not None and str(path) != str(path).encode("utf-8", "replace").decode():
                raise DataError("got a name that is not UTF-8, which a record cannot hold. Fix: rename the file", path)
        key = settings.model_dump_json()
        if key not in self.splits:
            sampled = settings.take and settings.take_seed is not None  # samples share the sentences that are read
            self.splits[key] = _sampled(self.read(_whole(settings)), settings) if sampled else read_splits(settings)
        return self.splits[key]

    def train(self, settings: DataSettings) -> Sequence[Sentence]:
        """The sentences of the training split."""
        return self.read(settings)[0]["train"].sentences


def read_options(settings: DataSettings) -> Reading:
    """How the files are read."""
    return cast(Reading, {name: getattr(settings, name) for name in Reading.__annotations__})


def read_splits(settings: DataSettings) -> tuple[dict[str, Split], Taxonomy]:
    """Read the splits of an experiment, and choose its taxonomy, which has every label of the training split.

    Raises:
        ConfigError: ``data.train`` is not set.
        DataError: a file is faulty, has no labels, or has a label that is not in the taxonomy that the settings name.
    """
    if settings.union:
        from coner.data.union import read_union_splits

        return read_union_splits(settings)
    if settings.take and settings.take_seed is not None:
        return _sampled(read_splits(_whole(settings)), settings)
    train, taxonomy = read_train(settings)
    splits = {"train": Split(train, digest(train.path))}
    if settings.dev is None:
        splits = cut_dev(splits["train"], settings.dev_share)
    splits["train"] = _take(splits["train"], settings)
    splits |= _read_named(settings.model_copy(update={"train": None}), taxonomy)
    check_maps(settings.extra)
    further = (Split(*read_extra(e, read_options(settings), taxonomy), weight=e.weight) for e in settings.extra)
    evaluated = evaluated_in(splits)
    splits["train"] = replace(splits["train"], extras=tuple(leave_out(extra, evaluated) for extra in further))
    splits = with_warnings(splits, possible_labels(splits["train"].sentences))
    return with_noisy_copies(splits, settings.noise), taxonomy


def with_noisy_copies(splits: dict[str, Split], settings: NoiseSettings) -> dict[str, Split]:
    """The splits, and with ``data.noise.score`` a copy with typos of each that is evaluated."""
    if not settings.score:
        return splits
    noise = make_noise(settings, rate=1.0)
    copies = {
        noisy_split(name): _derive(split, noise(split.corpus), f"noise {noise.key}", repaired=0, skipped=0)
        for name, split in splits.items()
        if name != "train"
    }
    return {**splits, **copies}


def read_train(settings: DataSettings) -> tuple[Corpus, Taxonomy]:
    """The training file, and the taxonomy that the settings name, or its own; for errors see ``read_splits``."""
    if settings.train is None:
        raise ConfigError("data.train: not set. Fix: set it in the config, or with --set data.train=FILE")
    train = read(settings.train, **read_options(settings), gold=True)
    if not train.labels:
        raise DataError("got no mention; expected labelled sentences to train on", settings.train)
    taxonomy = choose_taxonomy(settings.taxonomy, train.labels)
    if not set(train.labels) <= set(taxonomy.labels):
        read(settings.train, **read_options(settings), labels=taxonomy.labels, gold=True)  # raises, with the line
    return train, taxonomy


def read_named_splits(settings: DataSettings, taxonomy: Taxonomy) -> dict[str, Split]:
    """Read the train, dev and test files that the settings name, as ``read_splits`` does; none is cut from another."""
    if settings.union:
        raise ConfigError("data.union: is only used to train a tagger. Fix: leave it out")
    return with_warnings(_read_named(settings, taxonomy), taxonomy.labels)


def _read_named(settings: DataSettings, taxonomy: Taxonomy) -> dict[str, Split]:
    paths = {"train": settings.train, "dev": settings.dev, "test": settings.test}
    free = {"dev", "test"} if settings.taxonomy == AUTO else set()
    corpora = {
        name: read(path, **read_options(settings), labels=None if name in free else taxonomy.labels, gold=True)
        for name, path in paths.items()
        if path is not None
    }
    splits = {name: Split(corpus, digest(corpus.path)) for name, corpus in corpora.items()}
    if "train" in splits:
        splits["train"] = _take(splits["train"], settings)
    return splits


def with_warnings(splits: dict[str, Split], learned: Collection[str]) -> dict[str, Split]:
    """The splits with notes about mentions that can only be missed, and about labels that some formats cannot hold."""
    warned = {name: with_note(split, _unseen(split.corpus, learned)) for name, split in splits.items()}
    if "train" in warned and (unfit := [label for label in learned if SPACES.search(label)]):
        names = ", ".join(map(repr, sorted(unfit)))
        fix = f"Fix: {rename_options(unfit, learned)}"
        warned["train"] = with_note(warned["train"], f"Warning: CoNLL and brat cannot hold the label {names}. {fix}")
    return warned


def _unseen(corpus: Corpus, learned: Collection[str]) -> str:
    """A warning of the classes of a corpus that are not learned; empty if there are none."""
    counts = Counter(e.label for s in corpus for e in s.entities or () if e.label not in learned)
    if not counts:
        return ""
    mentions = counted(counts.total(), "mention")
    often_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    classes = listed([f"{label} {count}" for label, count in often_first]) + rename_hint(counts, learned)
    return f"Warning: {mentions} can only be missed, of classes that the training data lacks: {classes}"


def with_note(split: Split, note: str) -> Split:
    """The split with a note, if it is not empty."""
    return replace(split, corpus=replace(split.corpus, notes=(*split.corpus.notes, note))) if note else split


def evaluated_in(splits: Mapping[str, Split]) -> list[Sentence]:
    """The sentences of all splits but train."""
    return [sentence for name, split in splits.items() if name != "train" for sentence in split.corpus]


def leave_out(extra: Split, evaluated: Iterable[Sentence]) -> Split:
    """Remove the sentences whose text, ignoring case and white space, is one of those that are evaluated."""
    texts = set(map(letters, evaluated))
    leaks = [letters(sentence) in texts for sentence in extra.corpus]
    kept = tuple(sentence for sentence, leak in zip(extra.corpus, leaks, strict=True) if not leak)
    if not kept:
        message = "got only sentences that are in the dev or test file too; expected others to train on"
        raise DataError(message, extra.corpus.path)
    left_out = tuple(index for index, leak in enumerate(leaks) if leak)
    return replace(extra, corpus=replace(extra.corpus, sentences=kept), left_out=left_out)


def _derive(split: Split, sentences: Iterable[Sentence], change: str, **faults: Any) -> Split:
    """A split of other sentences of the same file, whose hash tells the ``change``; faults are reported once."""
    corpus = replace(split.corpus, sentences=tuple(sentences), **faults)
    return Split(corpus, hashlib.sha256(f"{split.sha256} {change}".encode()).hexdigest())


def cut_dev(split: Split, share: float) -> dict[str, Split]:
    """Cut a dev split from a training split: the same cut every time, without a text in both.

    ``DataError`` if there are too few different sentences.
    """
    fix = f"name a dev file (data.dev), use more sentences, or another data.dev_share than {share:g}"
    cut = split_corpus(split.corpus, dev=share, test=0, seed=1, fix=fix)
    dev = _derive(split, cut["dev"], f"dev {share}", repaired=0, skipped=0)
    return {"train": _derive(split, cut["train"], f"train {share}"), "dev": dev}


def _whole(settings: DataSettings) -> DataSettings:
    """The settings without a sample of the training split."""
    return settings.model_copy(update={"take": 0, "take_seed": None})


def _sampled(whole: tuple[dict[str, Split], Taxonomy], settings: DataSettings) -> tuple[dict[str, Split], Taxonomy]:
    """The same splits with the sample of the training split that the settings choose."""
    splits, taxonomy = whole
    train = splits["train"]
    splits = {**splits, "train": replace(_take(train, settings), extras=train.extras)}
    return with_warnings(splits, possible_labels(splits["train"].sentences)), taxonomy


def _take(split: Split, settings: DataSettings) -> Split:
    """The sentences of a training split that ``take`` and ``take_seed`` choose."""
    sentences, seed = settings.take, settings.take_seed
    if not 0 < sentences < len(split.corpus):
        return split
    if seed is not None:
        return _derive(split, nested_sample(split.corpus, sentences, seed=seed), f"take {sentences} seed {seed}")
    sample = split_corpus(split.corpus, dev=sentences / len(split.corpus), test=0, seed=1)["dev"]
    return _derive(split, sample, f"take {sentences}")


def describe(splits: dict[str, Split]) -> str:
    """The sizes of the splits in one line, and what was repaired, skipped or left out."""
    sizes = []
    for name, split in splits.items():
        sizes.append(f"{name} {counted(len(split.corpus), 'sentence')}{split.corpus.faults}")
        for extra in split.extras:
            leaks = f", {len(extra.left_out)} left out (in dev or test too)" if extra.left_out else ""
            size = f"{extra.corpus.path.name} {counted(len(extra.corpus), 'sentence')} of weight {extra.weight:g}"
            sizes.append(f"{size}{leaks}{extra.corpus.faults}")
    return ", ".join(sizes)
