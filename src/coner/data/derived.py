"""Files that are made from a labelled file: its splits, and copies of its sentences with other mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from coner.core.errors import ConerError, DataError
from coner.core.files import atomic_write, sha256
from coner.core.types import Sentence
from coner.data.augment import augment
from coner.data.corpus import Corpus, read
from coner.data.files import keep_apart
from coner.data.formats import WriteOptions, formats
from coner.data.reading.reader import ReadOptions
from coner.data.stratify import split_corpus, write_splits


@dataclass(frozen=True)
class DerivedFile:
    """A file that was written."""

    file: Path
    sentences: int
    mentions: int
    sha256: str  # of the file, in hex


def split_file(
    source: str | Path,
    folder: Path,
    *,
    dev: float = 0.1,
    test: float = 0.1,
    seed: int = 1,
    format: str = "auto",
    to: str = "auto",
    **options: Unpack[ReadOptions],
) -> tuple[Corpus, dict[str, DerivedFile]]:
    """Split a file or folder into the files ``train``, ``dev`` and ``test`` of another folder; see ``split_corpus``.

    The format ``to`` is one that appends; ``auto``: CoNLL for CoNLL, else JSONL. ``options`` say how to read.

    Returns:
        What was read, and the files by the name of the split.

    Raises:
        ConerError: the shares leave no sentences to train on.
        DataError: the source is faulty, or has too few different sentences.
        OutputError: see ``write_splits``.
    """
    corpus = read(source, format=format, **options)
    splits = split_corpus(corpus, dev=dev, test=test, seed=seed)
    paths = write_splits(splits, folder, *_like(corpus, to), source=corpus.path)
    return corpus, {name: _written(path, splits[name]) for name, path in paths.items()}


def augment_file(
    source: Path,
    out: Path,
    *,
    copies: int = 1,
    share: float = 1.0,
    seed: int = 1,
    format: str = "auto",
    to: str = "auto",
    **options: Unpack[ReadOptions],
) -> tuple[Corpus, DerivedFile]:
    """Write copies of the sentences of a file with other mentions of the same labels; see ``augment``.

    The format ``to`` is one that appends; ``auto``: CoNLL for CoNLL, else JSONL. ``options`` say how to read.

    Returns:
        What was read, and the file.

    Raises:
        DataError: the source is faulty or has no labels, or a number is out of range.
        OutputError: the output is a file of the source, or cannot be written.
    """
    keep_apart(source, out)
    corpus = read(source, format=format, **options)
    try:
        made = list(augment(corpus.sentences, copies=copies, share=share, seed=seed))
    except ConerError as error:
        raise DataError(str(error), source) from None
    name, write = _like(corpus, to)
    with atomic_write(out) as handle:
        formats[name].write_text(made, handle, write)
    return corpus, _written(out, made)


def _like(corpus: Corpus, to: str) -> tuple[str, WriteOptions]:
    """The format to write, with options that keep the layout and the tag scheme of the corpus."""
    name = to if to != "auto" else "conll" if corpus.layout else "jsonl"
    return name, WriteOptions(corpus.layout, corpus.scheme)


def _written(path: Path, sentences: Sequence[Sentence]) -> DerivedFile:
    return DerivedFile(path, len(sentences), sum(len(s.entities or ()) for s in sentences), sha256(path))
