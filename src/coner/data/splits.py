"""The splits of an experiment: train, dev and test, read as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

from coner.config.experiment import DataSettings
from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence, possible_labels
from coner.data.corpus import Corpus, read
from coner.data.extra import check_maps, read_extra
from coner.data.files import digest
from coner.data.reading.reader import Reading
from coner.data.samples import nested_sample
from coner.data.split import (
    Split,
    check_labels,
    cut_dev,
    derive,
    evaluated_in,
    leave_out,
    with_noisy_copies,
    with_warnings,
)
from coner.data.stratify import split_corpus
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy


class Inputs(NamedTuple):
    """What a run reads."""

    splits: dict[str, Split]  # by name: ``train``, ``dev``, ``test``, and their noisy copies
    taxonomy: Taxonomy

    @property
    def train(self) -> Split | None:
        """The training split, if there is one."""
        return self.splits.get("train")

    @property
    def notes(self) -> list[str]:
        """How the files were read, where that is not obvious, and what to know about their labels; a line each."""
        corpora = [split.corpus for split in self.splits.values()]
        return list(dict.fromkeys(f"{corpus.path}: {note}" for corpus in corpora for note in corpus.notes))


@dataclass
class SplitCache:
    """Splits and tokenized words that the runs of one process share."""

    inputs: dict[str, Inputs] = field(default_factory=dict)  # by the settings of the data
    # Of words, by the name of the tokenizer and whether it lower-cases (see ``PieceMaker``).
    pieces: dict[tuple[str, bool], dict[str, list[int]]] = field(default_factory=dict)
    runs: int = 0  # that have trained

    def read(self, settings: DataSettings) -> Inputs:
        """``read_splits``, once for equal settings; samples share the sentences that they are drawn from."""
        for path in (settings.train, settings.dev, settings.test):
            if path is not None and str(path) != str(path).encode("utf-8", "replace").decode():
                raise DataError("got a name that is not UTF-8, which a record cannot hold. Fix: rename the file", path)
        key = settings.model_dump_json()
        if key not in self.inputs:
            self.inputs[key] = read_splits(settings, whole=self.read)
        return self.inputs[key]

    def train(self, settings: DataSettings) -> Sequence[Sentence]:
        """The sentences of the training split."""
        return self.read(settings).splits["train"].sentences


def read_options(settings: DataSettings) -> Reading:
    """How the files are read."""
    return cast(Reading, {name: getattr(settings, name) for name in Reading.__annotations__})


def read_splits(settings: DataSettings, *, whole: Callable[[DataSettings], Inputs] | None = None) -> Inputs:
    """Read the splits of an experiment, and choose its taxonomy, which has every label of the training split.

    ``whole`` reads what a random sample is drawn from; by default this function does.

    Raises:
        ConfigError: ``data.train`` is not set.
        DataError: a file is faulty, has no labels, or has a label that is not in the taxonomy that the settings name.
    """
    if settings.union:
        from coner.data.union import read_union_splits

        return Inputs(*read_union_splits(settings))
    if settings.take and settings.take_seed is not None:
        return _sampled((whole or read_splits)(_whole(settings)), settings)
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
    return Inputs(with_noisy_copies(splits, settings.noise), taxonomy)


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


def read_named_splits(settings: DataSettings, taxonomy: Taxonomy) -> Inputs:
    """Read the train, dev and test files that the settings name, as ``read_splits`` does; none is cut from another."""
    if settings.union:
        raise ConfigError("data.union: is only used to train a tagger. Fix: leave it out")
    return Inputs(with_warnings(_read_named(settings, taxonomy), taxonomy.labels), taxonomy)


def _read_named(settings: DataSettings, taxonomy: Taxonomy) -> dict[str, Split]:
    paths = {"train": settings.train, "dev": settings.dev, "test": settings.test}
    free = {"dev", "test"} if settings.taxonomy == AUTO else set()
    corpora = {
        name: read(path, **read_options(settings), labels=None if name in free else taxonomy.labels, gold=True)
        for name, path in paths.items()
        if path is not None
    }
    for name in free & corpora.keys():
        check_labels(corpora[name], taxonomy.labels, "the training data")
    splits = {name: Split(corpus, digest(corpus.path)) for name, corpus in corpora.items()}
    if "train" in splits:
        splits["train"] = _take(splits["train"], settings)
    return splits


def _whole(settings: DataSettings) -> DataSettings:
    """The settings without a sample of the training split."""
    return settings.model_copy(update={"take": 0, "take_seed": None})


def _sampled(whole: Inputs, settings: DataSettings) -> Inputs:
    """The same splits with the sample of the training split that the settings choose."""
    train = whole.splits["train"]
    sample = replace(_take(train, settings), extras=train.extras)
    splits = with_warnings({**whole.splits, "train": sample}, possible_labels(sample.sentences))
    return Inputs(splits, whole.taxonomy)


def _take(split: Split, settings: DataSettings) -> Split:
    """The sentences of a training split that ``take`` and ``take_seed`` choose."""
    sentences, seed = settings.take, settings.take_seed
    if not 0 < sentences < len(split.corpus):
        return split
    if seed is not None:
        return derive(split, nested_sample(split.corpus, sentences, seed=seed), f"take {sentences} seed {seed}")
    sample = split_corpus(split.corpus, dev=sentences / len(split.corpus), test=0, seed=1)["dev"]
    return derive(split, sample, f"take {sentences}")
