"""``coner curves``: a picture of the runs that have epochs; others are named on stderr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coner.records.record import write_record
from helpers.records import PERFECT, fake_record
from helpers.shell import Completed, World, refusal

pytest.importorskip("matplotlib")

Coner = Callable[..., Completed]
HISTORY = [{"epoch": epoch, "loss": 1 / epoch, "dev_macro_f1": epoch / 4} for epoch in (1, 2, 3)]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    folder.mkdir()
    write_record(fake_record(PERFECT, folder=folder, facts={"history": HISTORY}), folder)
    return folder


def test_runs_with_epochs_are_drawn_and_others_are_named(coner: Coner, trained: Path, world: World, out: Path) -> None:
    (out.parent / "empty").mkdir()
    done = coner("curves", trained, world.model, out.parent / "empty", "-o", out / "a.svg")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        f"{out.parent / 'empty'}: left out, no record.json in it",
        "model: left out, it has no epochs (kind crf)",
        "2 of 3 left out",
        f"{out / 'a.svg'}: 1 run",
    ]
    text = (out / "a.svg").read_text(encoding="utf-8")
    assert 'id="loss"' in text
    assert 'id="weight"' not in text


def test_nothing_to_draw_is_refused(coner: Coner, world: World, out: Path) -> None:
    done = coner("curves", world.model, "-o", out / "a.svg")
    assert (done.code, done.err.count("coner: ")) == (2, 1)
    assert "coner: none of the 1 paths has a record with epochs" in done.err
    assert not list(out.iterdir())


def test_wrong_output_is_refused_in_one_line(coner: Coner, trained: Path, out: Path) -> None:
    assert "got suffix '.jpg'" in refusal(coner("curves", trained, "-o", out / "a.jpg"))
    assert "does not exist" in refusal(coner("curves", trained, "-o", out / "missing" / "a.svg"))
    assert "Missing option '--out'" in refusal(coner("curves", trained))
    assert not list(out.iterdir())
