"""Splits whose classes differ, and labels with new names."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

import coner
from coner.config.experiment import DataSettings
from coner.core.errors import DataError
from coner.data.reading.renaming import rename_options
from coner.data.splits import read_splits
from coner.records.record import read_record
from helpers.small import SETTINGS

TRAIN = "".join(f"ada{number} B-PER\nlives O\nhere O\n\n" for number in range(12))
DEV = "oslo B-GPE\nis O\nin O\nnorway B-GPE\n\nthe B-Zoo\nzoo I-Zoo\nada1 B-PER\n"
WARNING = "Warning: 3 mentions can only be missed, of classes that the training data lacks: GPE 2, Zoo 1"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    files = {"train": tmp_path / "train.conll", "dev": tmp_path / "dev.conll"}
    files["train"].write_text(TRAIN)
    files["dev"].write_text(DEV)
    return files


def test_classes_that_only_dev_has_are_named(files: dict[str, Path]) -> None:
    splits, taxonomy = read_splits(DataSettings(**files))
    assert splits["dev"].corpus.labels == ("GPE", "PER", "Zoo")
    assert not {"GPE", "Zoo"} & set(taxonomy.labels)
    assert splits["dev"].corpus.notes == (WARNING,)
    assert splits["train"].corpus.notes == ()
    assert taxonomy.groups_of(["Zoo"])["Zoo"] == "Zoo"


def test_a_class_outside_a_taxonomy_that_is_named_is_an_error(files: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"dev\.conll:1: got label 'GPE', which is not in the taxonomy"):
        read_splits(DataSettings(**files, taxonomy="conll2003"))


def test_a_run_counts_them_in_its_scores(files: dict[str, Path], tmp_path: Path) -> None:
    coner.train(files["train"], files["dev"], family="crf", out=tmp_path / "run", crf=SETTINGS)
    fine = read_record(tmp_path / "run").scores["dev"].fine
    assert {label: result.support for label, result in fine.classes.items()} == {"GPE": 2, "PER": 1, "Zoo": 1}
    assert fine.macro_classes == 3
    assert fine.macro_f1 == pytest.approx(fine.classes["PER"].f1 / 3)
    assert f"dev.conll: {WARNING}" in (tmp_path / "run" / "log.txt").read_text()


@pytest.mark.parametrize("rename", [{}, {"Nom complet": "Nom_complet"}])
def test_labels_that_conll_cannot_hold_are_named_before_the_training(tmp_path: Path, rename: Any) -> None:
    line = '{{"text": "ada{} lives", "entities": [{{"start": 0, "end": {}, "label": "Nom complet"}}]}}\n'
    path = tmp_path / "train.jsonl"
    path.write_text("".join(line.format(n, 3 + len(str(n))) for n in range(12)))
    splits, taxonomy = read_splits(DataSettings(train=path, rename=rename))
    warning = "Warning: CoNLL and brat cannot hold the label 'Nom complet'. Fix: --rename 'Nom complet=Nom_complet'"
    assert splits["train"].corpus.notes == (() if rename else (warning,))
    assert taxonomy.labels == tuple(rename.values() or ["Nom complet"])


def test_new_names_differ_from_all_others() -> None:
    options = shlex.split(rename_options(["a b", "a\tb"], ["a_b", "c"]))
    assert options == ["--rename", "a\tb=a_b_", "--rename", "a b=a_b__"]


@pytest.mark.parametrize(
    ("sentences", "setting", "message"),
    [
        (1, {}, r"got 1 different sentences, and dev would be empty. Fix: name a dev file \(data.dev\)"),
        (3, {"dev_share": 0.9}, "train would be empty. .*, or another data.dev_share than 0.9"),
    ],
)
def test_a_split_that_would_be_empty_names_its_setting(
    tmp_path: Path, sentences: int, setting: dict[str, Any], message: str
) -> None:
    path = tmp_path / "train.conll"
    path.write_text("".join(f"word{number} B-X\n\n" for number in range(sentences)))
    with pytest.raises(DataError, match=message):
        read_splits(DataSettings(train=path, **setting))


def test_a_dev_file_with_other_labels_only_is_refused(files: dict[str, Path]) -> None:
    files["dev"].write_text("oslo B-GPE\n\n" * 10)
    assert read_splits(DataSettings(**files))  # a few mentions of a rare class
    files["dev"].write_text("oslo B-GPE\n\n" * 11)
    with pytest.raises(DataError, match=r"dev.conll: got other labels \(GPE\) than the training data"):
        read_splits(DataSettings(**files))
