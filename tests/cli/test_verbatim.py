"""Words, labels and file names reach the terminal as they are: no markup and no emoji is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table

from coner.core.types import Entity, Sentence
from coner.data.formats.conll import write_conll
from coner.report.grid import print_whole
from helpers.fake_runs import make_run, sentences
from helpers.shell import Completed

Coner = Callable[..., Completed]
WORD, LABEL = ":peru:", f":smile:[red]{'x' * 90}[/red]"  # wider than a terminal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ":peru:[bold].conll"
    given = [Sentence((WORD, "[b]in[/b]"), (Entity(0, 1, label),)) for label in (LABEL, LABEL, "Other") * 8]
    with path.open("w", encoding="utf-8") as handle:
        write_conll(given, handle)
    return path


def test_statistics(coner: Coner, file: Path) -> None:
    shown = coner("data", "stats", file, "--against", file).out
    for text in (WORD, LABEL, f"unseen in {file.name}"):
        assert text in shown


def test_scores_and_features(coner: Coner, file: Path, tmp_path: Path) -> None:
    assert LABEL in coner("evaluate", file, file).out
    settings = [item for key in ("train", "dev") for item in ("--set", f"data.{key}={file}")]
    (tmp_path / "crf.toml").write_text('kind = "crf"\n')
    assert coner("train", tmp_path / "crf.toml", *settings, "--out", tmp_path / "run").code == 0
    shown = coner("explain", tmp_path / "run", "--top", 20).out
    assert LABEL in shown
    assert WORD in shown


def test_names_of_runs(coner: Coner, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, sentences(20), quality=0.5) for name in (WORD, "[red]two")]
    (tmp_path / ":smile:").mkdir()
    done = coner("compare", *runs, tmp_path / ":smile:")
    assert WORD in done.out
    assert "[red]two" in done.out
    assert f"{tmp_path}/:smile:: left out" in done.err


def test_messages_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(LABEL, title=WORD)
    table.add_row("[b]:peru:[/b]")
    print_whole("[b]:peru:[/b]", table)
    shown = capsys.readouterr().out
    assert shown.count("[b]:peru:[/b]") == 2
    assert shown.count(WORD) == 3
    assert shown.count(LABEL) == 1
