"""``coner kb``: build, stats, lookup."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import SAMPLE
from helpers.names import TABLE
from helpers.shell import Completed, refusal

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


def test_lookup_shows_the_entries_of_a_name(coner: Coner, kb: Path) -> None:
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
        (["stats", "nothing"], "nothing: is not a knowledge base"),
        (["lookup", "nothing", "x"], "nothing: is not a knowledge base"),
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


def test_types_become_labels_by_a_map(coner: Coner, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("name,types\nada,human\nbasel,city\nrhine,river\n")
    (tmp_path / "gold.conll").write_text("ada B-OtherPER\nleft O\nbasel B-HumanSettlement\n")
    types = tmp_path / "types.toml"
    types.write_text('[labels]\nhuman = ["Person"]\ncity = ["HumanSettlement", "O"]\n')
    plain, mapped = tmp_path / "plain", tmp_path / "mapped"
    assert coner("kb", "build", tmp_path / "names.csv", "--out", plain).code == 0
    done = coner("kb", "build", tmp_path / "names.csv", "--map", types, "--out", mapped, "--json")
    assert done.code == 0
    assert "left out: 1 type that the map does not name" in done.err
    assert json.loads(done.out)["types"] == 2
    stats = ("--on", tmp_path / "gold.conll", "--json")
    learned = json.loads(coner("kb", "stats", plain, *stats).out)
    assert learned["all"]["right"] == 0  # one sentence is no other half to learn from
    found = json.loads(coner("kb", "stats", plain, *stats, "--map", types).out)["classes"]
    assert found["HumanSettlement"]["right"] == 1
    types.write_text('[labels]\nhuman = ["Perzon"]\n')
    message = refusal(coner("kb", "stats", plain, *stats, "--map", types))
    assert f"{types}:2: labels.human: got 'Perzon', which taxonomy multiconer2 lacks" in message


def test_common_words_are_counted(coner: Coner, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("name,types\nthe,title\nada,human\n")
    (tmp_path / "train.conll").write_text("the O\nrain O\n\n" * 6)
    arguments = ("kb", "build", tmp_path / "names.csv", "--train", tmp_path / "train.conll")
    assert ", 1 name down-weighted" in coner(*arguments, "--out", tmp_path / "kb").out
    (tmp_path / "gold.conll").write_text("ada B-X\nleft O\nthe O\nrain O\n")
    stats = coner("kb", "stats", tmp_path / "kb", "--on", tmp_path / "gold.conll").out
    assert "matches: 2 (2.0 per sentence); a mention: 50.0 %" in stats
    assert "of names that are mostly mentions: 1; a mention: 100.0 %" in stats
