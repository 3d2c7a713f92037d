"""Split a corpus into train, dev and test, without a leak and with every class in proportion.

Sentences with the same words (case aside) stay together. Such groups are dealt out by iterative stratification
(Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data"): the class with the fewest mentions
left comes first, and each of its groups goes to the part that still lacks most of that class. Chance enters only as a
hash of seed and text, so that a seed gives the same split on any machine, whatever the order of the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from coner.core.errors import ConerError, DataError, OutputError
from coner.core.files import atomic_write
from coner.core.tags import Scheme
from coner.core.types import Sentence
from coner.data.files import keep_apart
from coner.data.formats.conll import write_conll
from coner.data.formats.jsonl import write_jsonl
from coner.data.reading.layout import ConllLayout

SPLITS = ("train", "dev", "test")


@dataclass(slots=True)
class _Group:
    """Sentences of one text."""

    order: bytes
    members: list[int] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)  # of all their mentions


def split_corpus(
    sentences: Sequence[Sentence], *, dev: float = 0.1, test: float = 0.1, seed: int = 1
) -> dict[str, list[Sentence]]:
    """Train, dev and test, each in the order of the corpus.

    Args:
        sentences: the corpus; without labels only the sizes are kept in proportion.
        dev: its share of the sentences, 0 to leave it out.
        test: likewise.
        seed: another one gives another split.

    Returns:
        Part to sentences; a part with share 0 is left out.

    Raises:
        ConerError: the shares do not leave room for training.
        DataError: there are too few different sentences for so many parts.
    """
    if min(dev, test) < 0 or not dev + test < 1:
        raise ConerError(f"shares dev={dev:g} and test={test:g}; expected numbers from 0 that sum to less than 1")
    shares = dict(zip(SPLITS, (1 - dev - test, dev, test), strict=True))
    shares = {part: share for part, share in shares.items() if share > 0}
    groups = _group(sentences, seed)
    chosen = _stratify(groups, shares, len(sentences))
    if missing := shares.keys() - chosen.values():
        part = min(missing, key=SPLITS.index)
        raise DataError(f"{len(groups)} different sentences are too few: {part} would be empty; set its share to 0")
    part_of = {member: part for i, part in chosen.items() for member in groups[i].members}
    return {part: [s for i, s in enumerate(sentences) if part_of[i] == part] for part in shares}


def text_key(sentence: Sentence) -> str:
    """What repeated sentences have in common: their words without regard to case."""
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
    """The part of each group, by its index."""
    left: Counter[str] = sum((group.classes for group in groups), Counter())
    wanted = {part: {label: share * n for label, n in left.items()} for part, share in shares.items()}
    room = {part: share * total for part, share in shares.items()}
    holders: dict[str, list[int]] = {label: [] for label in left}
    for index, group in enumerate(groups):
        for label in group.classes:
            holders[label].append(index)
    chosen: dict[int, str] = {}

    def deal(index: int, label: str | None) -> None:
        group = groups[index]
        lack = {part: (wanted[part][label] if label else 0.0, room[part]) for part in shares}
        best = max(lack.values())
        ties = [part for part in shares if lack[part] == best]
        part = ties[group.order[-1] % len(ties)]
        chosen[index] = part
        room[part] -= len(group.members)
        for name, count in group.classes.items():
            wanted[part][name] -= count
            left[name] -= count

    while waiting := [(count, label) for label, count in left.items() if count > 0]:
        rarest = min(waiting)[1]
        for index in holders[rarest]:
            if index not in chosen:
                deal(index, rarest)
    for index in range(len(groups)):
        if index not in chosen:
            deal(index, None)
    return chosen


def write_split(
    parts: dict[str, list[Sentence]],
    folder: Path,
    format: ConllLayout | None,
    scheme: Scheme = "iob2",
    source: Path | None = None,
) -> dict[str, Path]:
    """Write each part as ``<folder>/<part>.conll`` with the looks of its source; ``.jsonl`` where that is not CoNLL.

    Args:
        parts: as ``split`` gives them.
        folder: made where it does not exist.
        format: of the source; ``None`` where it is not CoNLL.
        scheme: of the source; iob1 is written as iob2.
        source: where it is, so that it is not written over.

    Returns:
        Part to file.

    Raises:
        OutputError: a file cannot be written, is the source, or lies there from another split: whoever names the folder
            would judge on sentences that are trained on now.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {(error.strerror or str(error)).lower()}") from None
    written = {part: folder / f"{part}.{'conll' if format else 'jsonl'}" for part in parts}
    if source is not None:
        keep_apart(source, *written.values())
    for old in (folder / f"{part}.{end}" for part in SPLITS for end in ("conll", "jsonl")):
        if old.exists() and old not in written.values():
            raise OutputError(f"{old}: would pass for a part of this split; move it, or choose another folder")
    with ExitStack() as stack:  # no part is there before all are written: parts of two splits would share sentences
        handles = {part: stack.enter_context(atomic_write(path)) for part, path in written.items()}
        for part, sentences in parts.items():
            if format:
                write_conll(sentences, handles[part], format, "iob2" if scheme == "iob1" else scheme)
            else:
                write_jsonl(sentences, handles[part])
    return written
