"""Recorded runs on a part of the file that they were scored on, from the counts in their records; no model is needed.

    python benchmarks/same_sentences.py results/crf.json results/paper-mpnet.json \
        --whole data/test.conll --part data/sub/dev.conll

A language model is too slow for a whole test file. This puts the others beside it on the sentences that it was asked
about. The whole file has to be the one that the records name, by its sha256.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich import print as show

import coner
from coner.core.files import sha256
from coner.core.types import Sentence
from coner.evaluation.counts import Counts
from coner.evaluation.significance import intervals
from coner.records.record import read_record


def rows_of(whole: list[Sentence], part: list[Sentence]) -> list[int]:
    """Where each sentence of a part stands in the whole; equal ones in order, each once."""
    places: dict[tuple[str | None, tuple[str, ...]], list[int]] = {}
    for place, sentence in enumerate(whole):
        places.setdefault((sentence.id, sentence.words), []).append(place)
    return [places[sentence.id, sentence.words].pop(0) for sentence in part]


def part_of(counts: Counts, rows: list[int]) -> Counts:
    """The counts of some sentences, which are counted anew from 0 in the order of ``rows``."""
    place = {row: number for number, row in enumerate(rows)}
    columns = counts.columns[:, np.isin(counts.columns[0], rows)]
    columns[0] = [place[row] for row in columns[0].tolist()]
    return replace(counts, sentences=len(rows), columns=columns[:, np.lexsort(columns[1::-1])])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("records", type=Path, nargs="+")
    parser.add_argument("--whole", type=Path, required=True)
    parser.add_argument("--part", type=Path, required=True)
    given = parser.parse_args()
    whole, part = (list(coner.read(file, gold=True)) for file in (given.whole, given.part))
    try:
        rows = rows_of(whole, part)
    except (KeyError, IndexError):
        parser.error(f"{given.part}: holds a sentence that {given.whole} does not have")
    show(f"{len(part)} of {len(whole)} sentences; F1 with 95 % bootstrap intervals")
    for file in given.records:
        record = read_record(file)
        if record.data["test"].sha256 != sha256(given.whole):
            parser.error(f"{file}: was scored on another test file than {given.whole}")
        found = intervals(part_of(record.sentences["test"], rows))
        told = (f"{name[:5]} {one.value:.3f} \\[{one.low:.3f}, {one.high:.3f}]" for name, one in found.items())
        show(f"{record.name:24} {'  '.join(told)}")


if __name__ == "__main__":
    main()
