"""Split a corpus into train, dev and test, without leaks and with every class in proportion.

Sentences with the same words, ignoring case, stay together. Such groups are distributed by iterative stratification
(Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data"): the class with the fewest mentions
left comes first, and each of its groups goes to the split that lacks most of that class. Ties are broken by a hash of
seed and text, so that a seed gives the same split on any machine, whatever the order of the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from coner.core.errors import ConerError, DataError, OutputError
from coner.core.files import atomic_write, make_folder
from coner.core.types import Sentence
from coner.data.files import keep_apart
from coner.data.formats import DEFAULTS, WriteOptions, all_formats, formats

SPLITS = ("train", "dev", "test")


@dataclass(slots=True)
class _Group:
    """Sentences with the same text."""

    order: bytes
    members: list[int] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)  # of all their mentions


def split_corpus(
    sentences: Sequence[Sentence], *, dev: float = 0.1, test: float = 0.1, seed: int = 1
) -> dict[str, list[Sentence]]:
    """Split into train, dev and test, each in the order of the corpus.

    Args:
        sentences: the corpus; without labels only the sizes are kept in proportion.
        dev, test: shares of the sentences; 0 for no such split.
        seed: another seed gives another split.

    Raises:
        ConerError: the shares leave no sentences to train on.
        DataError: there are too few different sentences.
    """
    if min(dev, test) < 0 or not dev + test < 1:
        raise ConerError(f"got shares dev={dev:g} and test={test:g}; expected numbers from 0 that sum to less than 1")
    shares = dict(zip(SPLITS, (1 - dev - test, dev, test), strict=True))
    shares = {name: share for name, share in shares.items() if share > 0}
    groups = _group(sentences, seed)
    chosen = _stratify(groups, shares, len(sentences))
    if missing := [name for name in shares if name not in chosen.values()]:
        count = f"got {len(groups)} different sentences"
        raise DataError(f"{count}, and {missing[0]} would be empty. Fix: set its share to 0")
    split_of = {member: name for i, name in chosen.items() for member in groups[i].members}
    return {name: [s for i, s in enumerate(sentences) if split_of[i] == name] for name in shares}


def text_key(sentence: Sentence) -> str:
    """What repeated sentences have in common: their words in lower case."""
    return " ".join(sentence.words).lower()


def _group(sentences: Iterable[Sentence], seed: int) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for index, sentence in enumerate(sentences):
        key = text_key(sentence)
        if key not in groups:
            groups[key] = _Group(hashlib.sha256(f"{seed}\n{key}".encode()).digest())
        groups[key].members.append(index)
        groups[key].classes.update(entity.label for entity in sentence.entities or ())
    return sorted(groups.values(), key=lambda group: group.order)


def _stratify(groups: list[_Group], shares: dict[str, float], total: int) -> dict[int, str]:
    """The split of each group, by the index of the group."""
    left: Counter[str] = sum((group.classes for group in groups), Counter())
    wanted = {name: {label: share * n for label, n in left.items()} for name, share in shares.items()}
    room = {name: share * total for name, share in shares.items()}
    holders: dict[str, list[int]] = {label: [] for label in left}
    for index, group in enumerate(groups):
        for label in group.classes:
            holders[label].append(index)
    chosen: dict[int, str] = {}

    def assign(indices: Iterable[int], label: str | None) -> None:
        for index in indices:
            if index in chosen:
                continue
            group = groups[index]
            lack = {name: (wanted[name][label] if label else 0.0, room[name]) for name in shares}
            ties = [name for name in shares if lack[name] == max(lack.values())]
            chosen[index] = name = ties[group.order[-1] % len(ties)]
            room[name] -= len(group.members)
            for mentioned, count in group.classes.items():
                wanted[name][mentioned] -= count
                left[mentioned] -= count

    while waiting := [(count, label) for label, count in left.items() if count > 0]:
        rarest = min(waiting)[1]
        assign(holders[rarest], rarest)
    assign(range(len(groups)), None)
    return chosen


def write_splits(
    splits: dict[str, list[Sentence]],
    folder: Path,
    format: str,
    options: WriteOptions = DEFAULTS,
    *,
    source: Path | None = None,
) -> dict[str, Path]:
    """Write ``<folder>/<split>.<format>`` for each split, in a format that appends; all files or none.

    Returns:
        The file of each split.

    Raises:
        OutputError: a file cannot be written, is the source, or belongs to another split in the folder, whose test
            sentences may be training sentences now.
    """
    make_folder(folder)
    files = {name: folder / f"{name}{formats[format].suffixes[0]}" for name in splits}
    if source is not None:
        keep_apart(source, *files.values())
    suffixes = [format.suffixes[0] for format in all_formats() if format.appends and format.suffixes]
    for old in (folder / f"{name}{suffix}" for name in SPLITS for suffix in suffixes):
        if old.exists() and old not in files.values():
            raise OutputError(f"{old}: belongs to another split. Fix: move it, or choose another folder")
    with ExitStack() as stack:  # files of two splits would share sentences
        handles = {name: stack.enter_context(atomic_write(path)) for name, path in files.items()}
        for name, sentences in splits.items():
            formats[format].write_text(sentences, handles[name], options)
    return files
