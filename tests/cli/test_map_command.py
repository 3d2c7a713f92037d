"""``coner data map``: the built-in maps, and how well one fits two files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coner.cli.app import run
from coner.data.label_map import builtin_maps

SOURCE = "paris B-LOC\n\nadele B-PER\nsings O\n"
TARGET = "paris B-HumanSettlement\n\nadele B-PublicCorp\n"


def files(folder: Path) -> list[str]:
    for name, text in (("source.conll", SOURCE), ("target.conll", TARGET)):
        (folder / name).write_text(text, encoding="utf-8")
    paths = ["--check", str(folder / "source.conll"), "--on", str(folder / "target.conll")]
    return ["data", "map", *paths, "--map", "multiconer1"]


def test_agreement_is_printed_by_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files(tmp_path)) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["LOC", "1", "100.0", "%"] in rows
    assert ["PER", "1", "0.0", "%", "PublicCorp", "1", "(adele)"] in rows
    assert ["all", "2", "50.0", "%"] in rows
    assert run([*files(tmp_path), "--json"]) == 0
    person, place = json.loads(capsys.readouterr().out)["labels"]
    assert (person["agreement"], person["others"], place["agreement"]) == (0.0, {"PublicCorp": 1}, 1.0)


def test_builtin_maps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "map"]) == 0
    assert capsys.readouterr().out.split() == builtin_maps()


def test_a_check_needs_all_three_options_and_labels_that_the_map_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "map", "--map", "multiconer1"]) == 2
    assert "expected --check SOURCE, --map NAME and --on TARGET together" in capsys.readouterr().err
    arguments = files(tmp_path)
    arguments[-1] = "wnut17"
    assert run(arguments) == 2
    assert "wnut17.toml:3: got no entry for label 'LOC' of" in capsys.readouterr().err
