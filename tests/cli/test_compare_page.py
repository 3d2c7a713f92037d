"""``coner compare --html`` and ``--pictures``: files beside the table, which does not change."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.records.ablation import write_plan
from helpers.fake_runs import make_run, sentences
from helpers.shell import Completed, World, refusal

pytest.importorskip("jinja2")

Coner = Callable[..., Completed]
GOLD = sentences(40)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [make_run(tmp_path / name, GOLD, quality=quality) for name, quality in (("one", 0.4), ("two", 0.7))]


def test_the_table_is_the_same_with_a_page_beside_it(coner: Coner, runs: list[Path], out: Path) -> None:
    plain = coner("compare", *runs)
    done = coner("compare", *runs, "--html", out / "a.html")
    assert (done.code, done.out) == (0, plain.out)
    assert done.err == f"{out / 'a.html'}: 2 runs, 2 of them with sentences\n"
    assert (out / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in out.iterdir()] == ["a.html"]


def test_records_without_folders_have_no_sentences(coner: Coner, runs: list[Path], out: Path) -> None:
    (out / "alone.json").write_bytes((runs[0] / "record.json").read_bytes())
    done = coner("compare", runs[1] / "record.json", out / "alone.json", "--html", out / "a.html", "--json")
    assert [row["run"] for row in json.loads(done.out)["rows"]] == ["two", "alone"]
    assert done.err == f"{out / 'a.html'}: 2 runs, 1 of them with sentences\n"


def test_a_trained_run_has_sentences_and_groups(coner: Coner, world: World, out: Path) -> None:
    done = coner("compare", world.model, "--html", out / "a.html")
    assert "1 run, 1 of them with sentences" in done.err
    page = (out / "a.html").read_text(encoding="utf-8")
    content = json.loads(re.findall(r'id="content">(.*?)</script>', page)[0])
    assert content["absent"] == {}
    assert content["groups"]["Artist"] == "Person"
    assert content["runs"][0]["calibration"]["count"] > 0


def test_an_ablation_has_a_page_of_its_runs(coner: Coner, tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "ablation"
    for name, quality in (("full", 0.7), ("plain", 0.3)):
        for seed in (1, 2):
            make_run(folder / f"{name}.{seed}", GOLD, quality=quality, seed=seed, name=name)
    write_plan(
        {name: {"about": "", "against": against} for name, against in (("full", None), ("plain", "full"))}, folder
    )
    plain = coner("compare", folder)
    done = coner("compare", folder, "--html", out / "a.html")
    assert (done.code, done.out) == (0, plain.out)
    page = (out / "a.html").read_text(encoding="utf-8")
    content = json.loads(re.findall(r'id="content">(.*?)</script>', page)[0])
    assert [run["run"] for run in content["runs"]] == ["full.1", "full.2", "plain.1", "plain.2"]
    assert content["baseline"] == "full.1"
    difference = re.findall(r"[+-]\d\.\d{3} \[.*?\]", plain.out)[0]
    assert difference in re.sub(r"</?(span|strong)[^>]*>", "", page)


def test_pictures_are_listed(coner: Coner, runs: list[Path], out: Path) -> None:
    pytest.importorskip("matplotlib")
    done = coner("compare", *runs, "--pictures", out / "plots")
    names = [
        f"{name}.{end}"
        for name in ("headline", "classes", "confusion", "calibration", "time")
        for end in ("svg", "png")
    ]
    assert done.err == f"{out / 'plots'}: {', '.join(names)}\n"
    assert sorted(path.name for path in (out / "plots").iterdir()) == sorted(names)


def test_output_errors_are_one_line(coner: Coner, runs: list[Path], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in refusal(coner("compare", *runs, "--html", out / "missing" / "a.html"))
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "pip install 'coner[report]'" in refusal(coner("compare", *runs, "--html", out / "a.html"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'coner[plots]'" in refusal(coner("compare", *runs, "--pictures", out / "plots"))
    assert not any(path.is_file() for path in out.rglob("*"))
