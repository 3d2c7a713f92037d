"""The union of data sets with different labels, each of which is annotated with its own labels only.

A word that one file leaves unlabelled may be a mention of any label that only the others annotate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from coner.config.experiment import DataSettings
from coner.core.counted import counted
from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence, possible_labels
from coner.data.corpus import Corpus, read
from coner.data.files import digest
from coner.data.label_case import rename_hint
from coner.data.label_map import own_labels_only
from coner.data.split import Split, check_labels, cut_dev, evaluated_in, leave_out, with_note, with_warnings
from coner.data.splits import read_options
from coner.data.taxonomy import Taxonomy, choose_taxonomy

DataSet = dict[str, Split]  # the splits of one data set


def read_union_splits(settings: DataSettings) -> tuple[DataSet, Taxonomy]:
    """Read the data sets of ``data.train`` and ``data.union`` as one.

    Training sentences have ``regions``; those of the first file are the corpus, the others are extras. Dev and test are
    the sentences of all dev and test files; each sentence has the labels that its data set annotates.

    Raises:
        ConfigError: settings do not go together.
        DataError: a file is faulty or has no labels, or all data sets have the same labels.
    """
    sets = [_read_set(files, settings) for files in _files(settings)]
    labels = [_labels(each) for each in sets]
    if len(set(labels)) == 1:
        fix = "Fix: train on one of the files, and name the others in data.extra"
        raise DataError(f"data.union: got the same labels in all files: {', '.join(sorted(labels[0]))}. {fix}")
    taxonomy = choose_taxonomy(settings.taxonomy, {name for each in sets for name in each["train"].corpus.labels})
    for each in sets:
        if not set(each["train"].corpus.labels) <= set(taxonomy.labels):  # raises, with the line
            read(each["train"].corpus.path, **read_options(settings), labels=taxonomy.labels, gold=True)
    evaluated = [sentence for each in sets for sentence in evaluated_in(each)]
    train = []
    for each, own in zip(sets, labels, strict=True):
        kept = leave_out(each["train"], evaluated)
        train.append(_with_sets(kept, own, taxonomy))
    first, *others = train
    if hint := _hint_of_case(labels):
        first = with_note(first, f"Warning: data sets have nearly equal labels{hint}")
    if first.left_out:
        leaks = counted(len(first.left_out), "sentence")
        first = with_note(first, f"left out, as they are in dev or test too: {leaks}")
        first = replace(first, sha256=_hash([first.sha256, f"left out {first.left_out}"]))
    splits = {"train": replace(first, extras=tuple(others), left_out=())}
    for name in ("dev", "test"):
        if some := [(each[name], own) for each, own in zip(sets, labels, strict=True) if name in each]:
            splits[name] = _joined(some)
    return with_warnings(splits, possible_labels(splits["train"].sentences)), taxonomy


def _files(settings: DataSettings) -> list[dict[str, Path | None]]:
    """The files of each data set, by split."""
    for key in ("take", "extra"):
        if getattr(settings, key):
            raise ConfigError(f"data.{key}: cannot be combined with data.union. Fix: leave one of them out")
    if settings.noise.score:
        raise ConfigError("data.noise.score: cannot be combined with data.union. Fix: leave one of them out")
    first = {name: getattr(settings, name) for name in ("train", "dev", "test")}
    files = [first, *(further.model_dump() for further in settings.union)]
    if first["train"] is None:
        raise ConfigError("data.train: not set; expected the first data set of data.union")
    named = [path.resolve() for each in files for path in each.values() if path is not None]
    if twice := {str(path) for path in named if named.count(path) > 1}:
        raise ConfigError(f"data.union: got {min(twice)} twice; expected different files")
    return files


def _read_set(files: dict[str, Path | None], settings: DataSettings) -> DataSet:
    corpora = {
        name: read(path, **read_options(settings), gold=True) for name, path in files.items() if path is not None
    }
    if not corpora["train"].labels:
        raise DataError("got no mention; expected labelled sentences to train on", corpora["train"].path)
    for corpus in corpora.values():
        check_labels(corpus, corpora["train"].labels, str(corpora["train"].path))
    splits = {name: Split(corpus, digest(corpus.path)) for name, corpus in corpora.items()}
    return splits if "dev" in splits else {**splits, **cut_dev(splits["train"], settings.dev_share)}


def _labels(each: DataSet) -> frozenset[str]:
    return frozenset(label for split in each.values() for label in split.corpus.labels)


def _with_sets(train: Split, own: frozenset[str], taxonomy: Taxonomy) -> Split:
    projection = own_labels_only(train.corpus.path, own, taxonomy.labels)
    sentences = tuple(replace(projection.apply(sentence), annotated=own) for sentence in train.corpus)
    sha256 = _hash([f"{train.sha256} own {projection.key}"])
    return replace(train, corpus=replace(train.corpus, sentences=sentences), sha256=sha256)


def _joined(some: Sequence[tuple[Split, frozenset[str]]]) -> Split:
    """The sentences of several splits, each with the labels that its data set annotates, under the names of all."""
    sentences: list[Sentence] = []
    for split, own in some:
        sentences += (replace(sentence, annotated=own) for sentence in split.corpus)
    corpora = [split.corpus for split, _ in some]
    path = corpora[0].path.with_name("+".join(corpus.path.name for corpus in corpora))
    notes = tuple(dict.fromkeys(note for corpus in corpora for note in corpus.notes))
    faults = {name: sum(getattr(corpus, name) for corpus in corpora) for name in ("repaired", "skipped")}
    sha256 = _hash(f"{split.sha256} own {sorted(own)}" for split, own in some)
    corpus = Corpus(tuple(sentences), path, notes=notes, **faults)
    return Split(corpus, sha256, files=tuple(corpus.path for corpus in corpora))


def _hint_of_case(labels: Sequence[frozenset[str]]) -> str:
    """Advice to rename labels that differ from those of an earlier data set in case only; empty if none do."""
    known: set[str] = set()
    hints = []
    for own in labels:
        hints.append(rename_hint(own, known))
        known |= own
    return "".join(hints)


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
