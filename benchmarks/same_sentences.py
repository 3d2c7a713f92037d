"""Score recorded runs on a subset of the file that they were scored on, from the counts in their records.

    python benchmarks/same_sentences.py results/crf.json results/paper-mpnet.json \
        --whole data/test.conll --split data/sub/dev.conll

A language model is too slow for a whole test file: this compares other runs with it on the sentences that it tagged,
without any model. The whole file must have the sha256 that the records name.
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


def rows_of(whole: list[Sentence], split: list[Sentence]) -> list[int]:
    """The index in the whole file of each sentence of the split; equal sentences in order, each once."""
    places: dict[tuple[str | None, tuple[str, ...]], list[int]] = {}
    for place, sentence in enumerate(whole):
        places.setdefault((sentence.id, sentence.words), []).append(place)
    return [places[sentence.id, sentence.words].pop(0) for sentence in split]


def subset(counts: Counts, rows: list[int]) -> Counts:
    """The counts of these sentences, renumbered from 0 in the order of ``rows``."""
    place = {row: number for number, row in enumerate(rows)}
    columns = counts.columns[:, np.isin(counts.columns[0], rows)]
    columns[0] = [place[row] for row in columns[0].tolist()]
    return replace(counts, sentences=len(rows), columns=columns[:, np.lexsort(columns[1::-1])])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("records", type=Path, nargs="+")
    parser.add_argument("--whole", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    options = parser.parse_args()
    whole, split = (list(coner.read(file, gold=True)) for file in (options.whole, options.split))
    try:
        rows = rows_of(whole, split)
    except (KeyError, IndexError):
        parser.error(f"{options.split}: contains a sentence that {options.whole} does not have")
    show(f"{len(split)} of {len(whole)} sentences; F1 with 95 % bootstrap intervals")
    for file in options.records:
        record = read_record(file)
        if record.data["test"].sha256 != sha256(options.whole):
            parser.error(f"{file}: was scored on another test file than {options.whole}")
        scores = intervals(subset(record.sentences["test"], rows))
        cells = (f"{name[:5]} {f1.value:.3f} \\[{f1.low:.3f}, {f1.high:.3f}]" for name, f1 in scores.items())
        show(f"{record.name:24} {'  '.join(cells)}")


if __name__ == "__main__":
    main()
