"""``coner data augment``: copies with other mentions, for training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coner.cli.app import run
from coner.data import read

TEXT = "paris B-City\nis O\nbig O\n\nrome B-City\nfell O\n\nrain O\nfell O\n"


def source(folder: Path) -> Path:
    path = folder / "train.conll"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_copies_are_written_in_the_format_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = source(tmp_path), tmp_path / "more.conll"
    assert run(["data", "augment", str(path), "-o", str(out)]) == 0
    assert [s.words for s in read(out)] == [("rome", "is", "big"), ("paris", "fell")]
    assert "2 sentences; 1 copy without a replaced mention left out" in capsys.readouterr().out
    assert run(["data", "augment", str(path), "-o", str(out), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["sentences"], counts["unchanged"], counts["seed"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--copies", "0"], "got 0 copies; expected at least 1"),
        (["--share", "2"], "got share 2; expected a fraction"),
    ],
)
def test_wrong_numbers_are_one_line_that_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    path, out = source(tmp_path), tmp_path / "more.conll"
    assert run(["data", "augment", str(path), "-o", str(out), *options]) == 2
    error = capsys.readouterr().err
    assert f"{path}: {message}" in error.replace("\n", " ")
    assert not out.exists()


def test_the_file_itself_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source(tmp_path)
    assert run(["data", "augment", str(path), "-o", str(path)]) == 2
    assert path.read_text(encoding="utf-8") == TEXT
    assert capsys.readouterr().err
