"""Additional training files: with labels, also other ones, and without."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from coner.config.experiment import ExtraFile
from coner.core.errors import DataError
from coner.core.types import compact_text
from coner.data.corpus import Corpus, read
from coner.data.files import digest
from coner.data.label_case import rename_hint
from coner.data.label_map import builtin_maps, load_map
from coner.data.reading.reader import Reading
from coner.data.taxonomy import Taxonomy


def read_extra(extra: ExtraFile, reading: Reading, taxonomy: Taxonomy) -> tuple[Corpus, str]:
    """A file with the labels of the taxonomy, or of its map; and a hash of both.

    ``DataError`` if the file or the map is faulty, or has other labels.
    """
    if extra.map is None:
        corpus = read(extra.file, **reading, gold=True)
        _check_labels(corpus, taxonomy)
        return corpus, digest(extra.file)
    projection = load_map(extra.map).onto(taxonomy)
    corpus = read(extra.file, **reading, gold=True)
    projection.check(corpus)
    mapped = replace(corpus, sentences=tuple(map(projection.apply, corpus)))
    return mapped, hashlib.sha256(f"{digest(extra.file)} map {projection.key}".encode()).hexdigest()


def _check_labels(corpus: Corpus, taxonomy: Taxonomy) -> None:
    known = set(taxonomy.labels)
    for sentence in corpus:
        for entity in sentence.entities or ():
            if entity.label not in known:
                got = f"got label {entity.label!r:.80}, which taxonomy {taxonomy.name} lacks"
                fix = rename_hint(corpus.labels, known) or '. Fix: name a label map with map = "..." in data.extra'
                raise DataError(f"{got}; expected one of: {', '.join(sorted(known))}{fix}", corpus.path, sentence.line)


def check_maps(extras: Sequence[ExtraFile]) -> None:
    """``DataError`` if a file is named with two maps."""
    builtin, maps = builtin_maps(), dict[Path, str]()
    for extra in extras:
        if extra.map is None:
            continue
        first = maps.setdefault(extra.file.resolve(), extra.map)
        one, other = (name if name in builtin else Path(name).resolve() for name in (first, extra.map))
        if one != other:
            places = [f"{load_map(name).path}:1" for name in (first, extra.map)]
            got = f"data.extra: got two maps, {' and '.join(places)}"
            raise DataError(f"{got}; expected one map for a file", extra.file)


def read_unlabelled(
    files: Sequence[Path], leave_out: Sequence[Path] = (), *, format: str = "auto", **options: Unpack[Reading]
) -> Iterator[tuple[Corpus, int]]:
    """Yield the sentences of each file whose text is in no file of ``leave_out``, and how many were left out.

    Texts are compared without case and white space. Labels are ignored, and may be faulty. ``format`` is that of
    ``files``; ``options`` say how all files are read. ``DataError`` if one is faulty.
    """
    texts = {compact_text(sentence) for file in leave_out for sentence in read(file, **options, predicted=True)}
    for file in files:
        corpus = read(file, format=format, **options, predicted=True)
        kept = tuple(sentence for sentence in corpus if compact_text(sentence) not in texts)
        yield replace(corpus, sentences=kept), len(corpus) - len(kept)
