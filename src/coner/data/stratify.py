"""Split a corpus into train, dev and test, without leaks and with every class in proportion.

Sentences with the same words, ignoring case, stay together. They are distributed by iterative stratification (Sechidis,
Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data"): the class with the fewest mentions left comes
first, and its sentences go to the split that lacks most of that class. Ties are broken by a hash of seed and text.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from coner.core.errors import ConerError, DataError, OutputError
from coner.core.files import atomic_write
from coner.core.locks import lock_folder
from coner.core.types import Sentence
from coner.data.files import keep_apart
from coner.data.formats import DEFAULTS, WriteOptions, all_formats, formats

SPLITS = ("train", "dev", "test")


def split_corpus(
    sentences: Sequence[Sentence],
    *,
    dev: float = 0.1,
    test: float = 0.1,
    seed: int = 1,
    fix: str = "set its share to 0",
) -> dict[str, list[Sentence]]:
    """Split into train, dev and test, each in the order of the corpus; a share of 0 gives no such split.

    Raises:
        ConerError: the shares leave no sentences to train on.
        DataError: there are too few different sentences; the message ends with the ``fix``.
    """
    if min(dev, test) < 0 or not dev + test < 1:
        raise ConerError(f"got shares dev={dev:g} and test={test:g}; expected numbers from 0 that sum to less than 1")
    shares = dict(zip(SPLITS, (1 - dev - test, dev, test), strict=True))
    shares = {name: share for name, share in shares.items() if share > 0}
    splits = distribute(sentences, shares, seed=seed)
    if any(2 * len(chosen) < shares[name] * len(sentences) for name, chosen in splits.items()):
        # Most classes have too few mentions for more than one split.
        splits = distribute(sentences, shares, seed=seed, stratify=False)
    if missing := [name for name, chosen in splits.items() if not chosen]:
        count = f"got {len(set(map(duplicate_key, sentences)))} different sentences"
        raise DataError(f"{count}, and {missing[0]} would be empty. Fix: {fix}")
    return splits


def distribute(
    sentences: Sequence[Sentence], shares: Mapping[str, float], *, seed: int, first: str = "", stratify: bool = True
) -> dict[str, list[Sentence]]:
    """Distribute sentences over splits with these shares, which sum to 1, each in the order of the corpus.

    While it has room, the split ``first`` gets a sentence of each class before the others get any. Without ``stratify``
    classes do not count.
    """
    texts = list(map(duplicate_key, sentences))
    hashes = {text: hashlib.sha256(f"{seed}\n{text}".encode()).digest() for text in texts}
    classes = {text: Counter[str]() for text in sorted(hashes, key=hashes.__getitem__)}
    for text, sentence in zip(texts, sentences, strict=True) if stratify else ():
        classes[text].update(entity.label for entity in sentence.entities or ())
    chosen = _stratify(classes, Counter(texts), hashes, shares, first)
    return {name: [s for s, text in zip(sentences, texts, strict=True) if chosen[text] == name] for name in shares}


def duplicate_key(sentence: Sentence) -> str:
    """The words in lower case, by which repeated sentences are recognised."""
    return " ".join(sentence.words).lower()


def _stratify(
    classes: Mapping[str, Counter[str]],
    sizes: Counter[str],
    hashes: Mapping[str, bytes],
    shares: Mapping[str, float],
    first: str,
) -> dict[str, str]:
    """The split of each text, from its mentions by class, the number of its sentences, and its hash."""
    left: Counter[str] = sum(classes.values(), Counter())
    wanted = {name: {label: share * n for label, n in left.items()} for name, share in shares.items()}
    room = {name: share * sizes.total() for name, share in shares.items()}
    holders = {label: [text for text, own in classes.items() if label in own] for label in left}
    chosen: dict[str, str] = {}

    def put(text: str, name: str) -> None:
        chosen[text] = name
        room[name] -= sizes[text]
        for mentioned, count in classes[text].items():
            wanted[name][mentioned] -= count
            left[mentioned] -= count

    def assign(texts: Iterable[str], label: str | None) -> None:
        for text in texts:
            if text not in chosen:
                lack = {name: (wanted[name][label] if label else 0.0, room[name]) for name in shares}
                ties = [name for name in shares if lack[name] == max(lack.values())]
                put(text, ties[hashes[text][-1] % len(ties)])

    for label in sorted(left, key=lambda label: (left[label], label)) if first else ():
        if sizes[holders[label][0]] <= room[first] and not any(text in chosen for text in holders[label]):
            put(holders[label][0], first)
    while waiting := [(count, label) for label, count in left.items() if count > 0]:
        rarest = min(waiting)[1]
        assign(holders[rarest], rarest)
    assign(classes, None)
    return chosen


def write_splits(
    splits: Mapping[str, Sequence[Sentence]],
    folder: Path,
    format: str,
    options: WriteOptions = DEFAULTS,
    *,
    source: Path | None = None,
) -> dict[str, Path]:
    """Write ``<folder>/<split>.<format>`` for each split, in a format that appends; all files or none.

    ``OutputError`` if a file cannot be written, is the source, or belongs to another split in the folder, whose test
    sentences may be training sentences now. Returns the files.
    """
    files = {name: folder / f"{name}{formats[format].suffixes[0]}" for name in splits}
    if source is not None:
        keep_apart(source, *files.values())
    suffixes = [format.suffixes[0] for format in all_formats() if format.appends and format.suffixes]
    with lock_folder(folder), ExitStack() as stack:  # files of two splits would share sentences
        for old in (folder / f"{name}{suffix}" for name in SPLITS for suffix in suffixes):
            if old.exists() and old not in files.values():
                raise OutputError(f"{old}: belongs to another split. Fix: move it, or choose another folder")
        handles = {name: stack.enter_context(atomic_write(path)) for name, path in files.items()}
        for name, sentences in splits.items():
            formats[format].write_text(sentences, handles[name], options)
    return files
