"""Learning curves: the lines of the picture, and equal files for equal runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import MissingExtra, OutputError
from coner.records.sections import Epoch
from coner.report.curves import COLOURS, draw, write_curves

pytest.importorskip("matplotlib")

PAPER = [
    Epoch(epoch=1, loss=2.0, coarse_loss=1.5, dev_macro_f1=0.25, weight=1.0),
    Epoch(epoch=2, loss=1.0, coarse_loss=0.5, dev_macro_f1=0.5, weight=0.5),
    Epoch(epoch=3, loss=0.5, dev_macro_f1=0.75, weight=0.0),
]
PLAIN = [Epoch(epoch=1, loss=3.0, dev_macro_f1=0.125), Epoch(epoch=2, loss=2.5, dev_macro_f1=0.25)]


def lines(axis: Any) -> list[tuple[str, str, list[float], list[float]]]:
    return [(line.get_gid(), line.get_color(), list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines]


def test_each_panel_has_a_line_for_every_run() -> None:
    figure = draw({"paper": PAPER, "plain": PLAIN})
    loss, macro, weight = figure.axes
    one, two = COLOURS[:2]
    assert lines(loss) == [
        ("loss", one, [1, 2, 3], [2.0, 1.0, 0.5]),
        ("coarse_loss", one, [1, 2], [1.5, 0.5]),
        ("loss", two, [1, 2], [3.0, 2.5]),
    ]
    assert lines(macro) == [
        ("dev_macro_f1", one, [1, 2, 3], [0.25, 0.5, 0.75]),
        ("dev_macro_f1", two, [1, 2], [0.125, 0.25]),
    ]
    assert lines(weight) == [("weight", one, [1, 2, 3], [1.0, 0.5, 0.0])]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["paper", "plain"]
    assert len({line.get_linestyle() for line in loss.lines[:2]}) == 2


def test_more_runs_than_colours_have_different_markers() -> None:
    figure = draw({f"run {i}": PLAIN for i in range(len(COLOURS) + 3)})
    looks = [(line.get_color(), line.get_marker()) for line in figure.axes[1].lines]
    assert len(set(looks)) == len(looks) == len(COLOURS) + 3


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG\r\n"), ("a.pdf", b"%PDF-")])
def test_equal_runs_give_equal_files(tmp_path: Path, name: str, start: bytes) -> None:
    (tmp_path / "again").mkdir()
    for folder in (tmp_path, tmp_path / "again"):
        write_curves({"paper": PAPER, "plain": PLAIN}, folder / name)
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    assert content == (tmp_path / "again" / name).read_bytes()
    write_curves({"paper": PAPER, "plain": PLAIN[:1]}, tmp_path / name)
    assert content != (tmp_path / name).read_bytes()


def test_svg_has_an_id_for_each_line(tmp_path: Path) -> None:
    write_curves({"paper": PAPER}, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert all(f'id="{key}"' in text for key in ("loss", "coarse_loss", "dev_macro_f1", "weight"))


@pytest.mark.parametrize(("name", "suffix"), [("a.jpg", ".jpg"), ("a", ""), ("a.svg.gz", ".gz")])
def test_another_suffix_is_refused(tmp_path: Path, name: str, suffix: str) -> None:
    with pytest.raises(OutputError, match=rf"got suffix '{suffix}'; expected \.svg, \.png, \.pdf$"):
        write_curves({"paper": PAPER}, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write_curves({"paper": PAPER}, tmp_path / "missing" / "a.svg")


def test_without_matplotlib_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'coner\[plots\]'"):
        write_curves({"paper": PAPER}, tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())
