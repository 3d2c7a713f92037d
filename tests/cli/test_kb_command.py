"""``coner kb``: build, stats, lookup."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import SAMPLE
from helpers.names import TABLE
from helpers.shell import Completed

Coner = Callable[..., Completed]


@pytest.fixture
def kb(coner: Coner, tmp_path: Path) -> Path:
    (tmp_path / "glossary.csv").write_text(TABLE, encoding="utf-8")
    folder = tmp_path / "kb"
    done = coner("kb", "build", str(tmp_path / "glossary.csv"), str(SAMPLE / "train.conll"), "--out", str(folder))
    assert done.code == 0, done.err
    assert "glossary.csv" in done.out
    return folder


def test_stats_show_sources_and_what_is_known_about_a_file(coner: Coner, kb: Path) -> None:
    shown = json.loads(coner("kb", "stats", str(kb), "--json").out)
    assert [source["format"] for source in shown["sources"]] == ["table", "corpus"]
    on = ["--on", str(SAMPLE / "dev.conll"), "--train", str(SAMPLE / "train.conll")]
    table = coner("kb", "stats", str(kb), *on)
    assert table.code == 0
    assert "right class" in table.out
    values = json.loads(coner("kb", "stats", str(kb), *on, "--json").out)
    counts = values["all"]
    assert counts["unseen_covered"] < counts["covered"] < counts["mentions"]
    # The knowledge base has the names of the training file: what is seen is in it.
    assert counts["covered"] - counts["unseen_covered"] == counts["mentions"] - counts["unseen"]


def test_lookup_shows_the_things_of_a_name(coner: Coner, kb: Path) -> None:
    shown = coner("kb", "lookup", str(kb), "davis")
    assert shown.code == 0
    assert shown.out.index("Miles Davis") < shown.out.index("city in California")
    [first, *_] = json.loads(coner("kb", "lookup", str(kb), "DAVIS", "--json").out)
    assert (first["name"], first["source"]) == ("Miles Davis", "glossary.csv")
    missing = coner("kb", "lookup", str(kb), "nobody at all")
    assert (missing.code, missing.err) == (1, f"{kb}: has no name 'nobody at all'\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "missing.csv", "--out", "kb"], "missing.csv: no such file"),
        (["build", "t.csv", "--out", "file"], "file: is a file; expected a folder"),
        (["build", "empty.csv", "--out", "kb"], "empty.csv"),
        (["stats", "nothing"], "nothing: is no knowledge base"),
        (["lookup", "nothing", "x"], "nothing: is no knowledge base"),
    ],
)
def test_wrong_use_is_one_line(
    coner: Coner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "file").touch()
    done = coner("kb", *arguments)
    assert done.code == 2
    assert done.err.replace(f"{tmp_path}/", "").startswith(f"coner: {message}")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "kb").exists()
