"""Recorded runs on a part of the file that they were scored on, from the counts in their records; no model is needed.

    python benchmarks/same_sentences.py results/crf.json results/paper-mpnet.json \
        --whole data/test.conll --part data/sub/dev.conll

A language model is too slow for a whole test file. This puts the others beside it on the sentences that it was asked
about. The whole file has to be the one that the records name, by its sha256.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich import print as show

import coner
from coner.evaluation.counts import Counts
from coner.files import sha256
from coner.report.record import read_record
from coner.types import Sentence


def rows_of(whole: list[Sentence], part: list[Sentence]) -> list[int]:
    """Where each sentence of a part stands in the whole; equal ones in order, each once."""
    places: dict[tuple[str | None, tuple[str, ...]], list[int]] = {}
    for place, sentence in enumerate(whole):
        places.setdefault((sentence.id, sentence.words), []).append(place)
    return [places[sentence.id, sentence.words].pop(0) for sentence in part]


def f1(counts: Counts, rows: list[int], gold: list[str]) -> tuple[float, float]:
    """Micro F1, and macro F1 over the classes of the gold."""
    tp, fp, fn = counts.dense()[rows].sum(axis=0).T
    by_class = dict(zip(counts.labels, 2 * tp / np.maximum(1, 2 * tp + fp + fn), strict=True))
    micro = 2 * tp.sum() / max(1, 2 * tp.sum() + fp.sum() + fn.sum())
    return float(micro), float(np.mean([by_class.get(label, 0.0) for label in gold]))


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
    gold = sorted({entity.label for sentence in part for entity in sentence.entities or ()})
    show(f"{len(part)} of {len(whole)} sentences, {len(gold)} classes in gold")
    for file in given.records:
        record = read_record(file)
        if record.data["test"]["sha256"] != sha256(given.whole):
            parser.error(f"{file}: was scored on another test file than {given.whole}")
        micro, macro = f1(record.sentence_counts("test"), rows, gold)
        show(f"{record.name:24} micro {micro:.3f}  macro {macro:.3f}")


if __name__ == "__main__":
    main()
