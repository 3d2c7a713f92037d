"""``coner data map``: the built-in maps, and how well one fits two files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coner.cli.app import run
from coner.core.types import Entity, Sentence
from coner.data import read, write_conll
from coner.data.label_map import builtin_maps
from coner.data.taxonomy import load_taxonomy
from helpers.shell import World

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


def test_a_model_is_evaluated_on_data_with_other_labels_by_a_map_only(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sample with the labels of MultiCoNER II is its own gold, in coarse labels."""
    groups = load_taxonomy("multiconer2").coarse_by_fine
    gold = tmp_path / "coarse.conll"
    coarse = [
        Sentence(s.words, tuple(Entity(e.start, e.end, groups[e.label]) for e in s.entities or ()))
        for s in read(world.dev)
    ]
    with gold.open("w", encoding="utf-8") as handle:
        write_conll(coarse, handle)
    names = {*groups.values()}
    (tmp_path / "own.toml").write_text("[labels]\n" + "".join(f'{name} = ["{name}"]\n' for name in sorted(names)))
    assert run(["evaluate", str(gold), str(world.model)]) == 2
    assert "Fix: name a label map with --map" in capsys.readouterr().err
    assert run(["evaluate", str(gold), str(world.model), "--map", str(tmp_path / "own.toml"), "--json"]) == 0
    mapped = capsys.readouterr()
    assert "not scored: 0 gold mentions and 0 predictions" in mapped.err
    assert run(["evaluate", str(world.dev), str(world.model), "--json"]) == 0
    scores = json.loads(mapped.out)["fine"]
    assert scores["macro_f1"] == pytest.approx(json.loads(capsys.readouterr().out)["coarse"]["macro_f1"])
    assert run(["evaluate", str(gold), str(world.model), "--map", "wnut17", "--noise", "1"]) == 2
    assert "--map: got a noisy copy" in capsys.readouterr().err


def test_distil_labels_under_a_map(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    groups, source = load_taxonomy("multiconer2").groups, tmp_path / "source.conll"
    source.write_text("in O\nparis B-LOC\n\nadele B-PER\nsings O\n", encoding="utf-8")
    (tmp_path / "own.toml").write_text('[labels]\nLOC = ["Location"]\nPER = ["Person"]\n', encoding="utf-8")
    arguments = ["distil", str(world.model), str(source), "--map", str(tmp_path / "own.toml")]
    assert run([*arguments, "-o", str(tmp_path / "silver.conll")]) == 0
    assert "2 sentences, 2 entities" in capsys.readouterr().err
    (place,), (person,) = (s.entities or () for s in read(tmp_path / "silver.conll"))
    assert (place.start, place.end, place.label in groups["Location"]) == (1, 2, True)
    assert (person.start, person.end, person.label in groups["Person"]) == (0, 1, True)


def test_a_family_that_cannot_learn_from_sets_refuses_them(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, own = tmp_path / "source.conll", tmp_path / "own.toml"
    source.write_text("in O\nparis B-LOC\n", encoding="utf-8")
    own.write_text('[labels]\nLOC = ["Location"]\n', encoding="utf-8")
    extra = f'data.extra=[{{file = "{source}", map = "{own}"}}]'
    arguments = ["train", "span", "--train", str(world.train), "--dev", str(world.dev), "--set", extra]
    assert run([*arguments, "--out", str(tmp_path / "run")]) == 2
    message = "data.extra: got files with sets of labels, which a model of kind span cannot learn from. Fix: use one of"
    assert message in capsys.readouterr().err
