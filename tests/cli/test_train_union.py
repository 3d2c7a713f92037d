"""``coner train --union``: from files with different labels to one model, and its errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coner.data import read, write_conll
from coner.families import load
from helpers import SAMPLE
from helpers.shell import Completed, refusal

Coner = Callable[..., Completed]


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Half of the sample with one half of its labels, the others with the other half."""
    folder, found = tmp_path_factory.mktemp("halves"), {}
    groups = [{"HumanSettlement", "Facility", "Artist", "OtherPER"}, {"WrittenWork", "VisualWork", "ORG", "Athlete"}]
    for name in ("train", "dev"):
        corpus = read(SAMPLE / f"{name}.conll")
        for number, labels in enumerate(groups):
            path = folder / f"{name}{number}.conll"
            kept = [
                replace(s, entities=tuple(e for e in s.entities or () if e.label in labels)) for s in corpus[number::2]
            ]
            with path.open("w", encoding="utf-8") as file:
                write_conll(kept, file)
            found[f"{name}{number}"] = path
    return found


def test_one_model_learns_the_labels_of_both(coner: Coner, halves: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("pycrfsuite")
    train, dev = [halves["train0"], halves["train1"]], ["--dev", halves["dev0"], "--dev", halves["dev1"]]
    out = tmp_path / "run"
    done = coner("train", *train, "--union", *dev, "--family", "crf", "--set", "crf.max_iterations=25", "--out", out)
    assert done.code == 0, done.err
    labels = {label for path in train for label in read(path).labels}
    assert set(load(out).labels) == labels
    record = json.loads((out / "record.json").read_text())
    own = record["scores"]["dev"]["own"]
    assert [set(each["labels"]) for each in own] == [
        {*read(halves[f"train{n}"]).labels, *read(halves[f"dev{n}"]).labels} for n in (0, 1)
    ]
    assert [each["sentences"] for each in own] == [len(read(halves["dev0"])), len(read(halves["dev1"]))]
    mean = sum(each["macro_f1"] for each in own) / 2
    assert f"macro {mean:.4f}" in done.err  # of the last step
    assert "predictions of others ignored" in done.err
    again = coner("train", *train, "--union", *dev, "--family", "crf", "--set", "crf.max_iterations=25", "--out", out)
    assert again.code == 0
    assert "training" not in again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train0", "train1"],
            "got 2 files, {train0} and {train1}; expected one. Fix: add --union",
        ),
        (["train0", "--union"], "--union: got 1 data set; expected two or more"),
        (["train0", "train1", "--union", "--dev", "dev0"], "--dev: got 1 for 2 data sets; expected one for each"),
        (["train0", "--dev", "dev0", "--dev", "dev1"], "--dev: got 2 files, {dev0} and {dev1}; expected one"),
        (
            ["crf", "train0"],
            "got a config, crf, and data, {train0}; expected one of the two. Fix: coner train crf --train",
        ),
        (
            ["crf", "train0", "train1", "--union", "--train", "dev0"],
            "DATA: data.train is set by --train too; expected one of the two",
        ),
        (["train0", "train1", "--union", "--family", "span"], "data.union: got files with sets of labels"),
    ],
)
def test_what_does_not_fit_is_refused(
    coner: Coner, halves: dict[str, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = coner("train", *(halves.get(argument, argument) for argument in arguments), "--out", tmp_path / "run")
    expected = message.format(**halves)
    if "span" in arguments:  # after the settings that are chosen for the data
        assert done.code == 2
        assert expected in done.err.splitlines()[-1]
    else:
        assert expected in refusal(done)
    assert not (tmp_path / "run/record.json").exists()
