"""How far ``--repair`` goes, in every format of spans."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import DataError
from coner.data import read
from coner.data.reading.tolerance import excess

TEXT = "ada met bob"
Spans = list[tuple[int, int, str]]


def jsonl(folder: Path, documents: list[Spans]) -> Path:
    keys = ("start", "end", "label")
    lines = [{"text": TEXT, "entities": [dict(zip(keys, span, strict=True)) for span in spans]} for spans in documents]
    (folder / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "x.jsonl"


def doccano(folder: Path, documents: list[Spans]) -> Path:
    lines = [{"text": TEXT, "label": spans} for spans in documents]
    (folder / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "x.jsonl"


def labelstudio(folder: Path, documents: list[Spans]) -> Path:
    tasks = []
    for spans in documents:
        values = [{"start": start, "end": end, "labels": [label]} for start, end, label in spans]
        results = [{"id": "a", "type": "labels", "value": value} for value in values]
        tasks.append({"data": {"text": TEXT}, "annotations": [{"result": results}]})
    (folder / "x.json").write_text(json.dumps(tasks))
    return folder / "x.json"


def brat(folder: Path, documents: list[Spans]) -> Path:
    (folder / "brat").mkdir()
    for number, spans in enumerate(documents):
        rows = [f"T{i}\t{label} {start} {end}\n" for i, (start, end, label) in enumerate(spans, 1)]
        (folder / f"brat/{number:03d}.txt").write_text(TEXT)
        (folder / f"brat/{number:03d}.ann").write_text("".join(rows))
    return folder / "brat"


def frame(folder: Path, documents: list[Spans]) -> Any:
    pandas = pytest.importorskip("pandas")
    entities = [[{"start": a, "end": b, "label": label} for a, b, label in spans] for spans in documents]
    return pandas.DataFrame({"text": [TEXT] * len(documents), "entities": entities})


GOOD, OUTSIDE, CUT, LEFT, RIGHT = (0, 3, "P"), (40, 50, "P"), (1, 3, "P"), (0, 7, "P"), (4, 11, "P")


@pytest.mark.parametrize("write", [jsonl, doccano, labelstudio, brat, frame])
def test_a_gold_file_is_refused_if_more_than_a_few_entities_are_left_out(
    tmp_path: Path, write: Callable[[Path, list[Spans]], Any]
) -> None:
    source = write(tmp_path, [[GOOD, OUTSIDE]] * 11)
    with pytest.raises(DataError, match=r"got 11 of 22 entities to leave out \(outside 11\).* changed after its anno"):
        read(source, repair=True, gold=True)
    assert read(source, repair=True, predicted=True).skipped == 11  # predictions may be as they are


@pytest.mark.parametrize("write", [jsonl, doccano, labelstudio, brat, frame])
def test_stray_faults_are_repaired_and_counted(tmp_path: Path, write: Callable[[Path, list[Spans]], Any]) -> None:
    source = write(tmp_path, [[GOOD, OUTSIDE]] * 4 + [[LEFT, RIGHT]] * 3 + [[CUT]] * 6 + [[GOOD]])
    corpus = read(source, repair=True, gold=True)
    assert (corpus.skipped, corpus.repaired, len(corpus)) == (7, 6, 14)
    assert sum(len(sentence.entities or ()) for sentence in corpus) == 14


def test_words_that_are_cut_throughout_are_refused(tmp_path: Path) -> None:
    assert read(jsonl(tmp_path, [[CUT]] * 10 + [[GOOD]] * 3), repair=True).repaired == 10
    with pytest.raises(
        DataError, match=r"got 11 of 14 entities that start or end inside words\. It looks like offsets"
    ):
        read(jsonl(tmp_path, [[CUT]] * 11 + [[GOOD]] * 3), repair=True)


@pytest.mark.parametrize(
    ("faults", "kept", "message"),
    [
        ({}, 0, None),
        ({"outside": 10}, 0, None),
        ({"outside": 11}, 1089, None),
        ({"outside": 11}, 1088, "11 of 1099"),
        ({"outside": 6, "text differs": 7}, 20, r"\(text differs 7, outside 6\)"),
        ({"unreadable": 11}, 20, "another format"),
        ({"nested": 500, "converted": 500, "repaired": 500}, 20, None),  # by a rule, by proof, counted in words
        ({"snapped": 11}, 22, None),
        ({"snapped": 12}, 22, "12 of 22 entities that start or end inside words"),
    ],
)
def test_up_to_ten_or_one_in_a_hundred(faults: dict[str, int], kept: int, message: str | None) -> None:
    problem = excess(faults, kept)
    if message is None:
        assert problem is None
    else:
        assert problem is not None
        assert re.search(message, problem)
