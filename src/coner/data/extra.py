"""Additional training files, those with other labels too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from coner.config.experiment import ExtraFile
from coner.core.errors import DataError
from coner.data.corpus import Corpus, read
from coner.data.files import digest
from coner.data.label_map import builtin_maps, load_map
from coner.data.reading.reader import Reading
from coner.data.taxonomy import Taxonomy


def read_extra(extra: ExtraFile, reading: Reading, taxonomy: Taxonomy) -> tuple[Corpus, str]:
    """A file with the labels of the taxonomy, or of its map; and a hash of both.

    ``DataError`` if the file or the map is faulty, or has other labels.
    """
    if extra.map is None:
        return read(extra.file, **reading, labels=taxonomy.labels, gold=True), digest(extra.file)
    projection = load_map(extra.map).onto(taxonomy)
    corpus = read(extra.file, **reading, gold=True)
    projection.check(corpus)
    mapped = replace(corpus, sentences=tuple(map(projection.apply, corpus)))
    return mapped, hashlib.sha256(f"{digest(extra.file)} map {projection.key}".encode()).hexdigest()


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
