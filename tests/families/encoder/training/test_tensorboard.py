"""Curves of training, read back by TensorBoard's own reader: whole, true, and the same where a run was cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.cli.app import run
from coner.core.errors import MissingExtra, OutputError
from coner.data.splits import read_splits
from coner.families.encoder.training.curves import Curves, EventFile, open_curves
from coner.families.settings import parse_experiment
from coner.runs.train import fingerprint_of
from helpers import ROOT

pytest.importorskip("tensorboardX")
SAMPLE = ROOT / "src/coner/data/sample/dev.conll"


def curves_in(folder: Path) -> dict[str, dict[int, float]]:
    """Each curve as TensorBoard shows it: step to value, and no step twice."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder), size_guidance={reader.SCALARS: 0}).Reload()
    curves = {}
    for name in events.Tags()["scalars"]:
        points = events.Scalars(name)
        curves[name] = {point.step: point.value for point in points}
        assert [point.step for point in points] == sorted(curves[name])
    return curves


class Stop(Exception):
    """Stands for a power cut."""


@pytest.fixture
def trained(settings_for: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    from coner.core.progress import Log
    from coner.core.types import Entity, Sentence
    from coner.data.taxonomy import Taxonomy
    from coner.families.encoder.training.trainer import EncoderTrainer

    sentences = [Sentence(("the", "rhine"), (Entity(1, 2, "River"),)), Sentence(("basel",), ())] * 6

    def make(folder: str, *, stop_before: int = 0, **sections: Any) -> EncoderTrainer:
        train = {"epochs": 3, "batch": 4, "tensorboard": tmp_path / "board"}
        (tmp_path / folder).mkdir(exist_ok=True)
        trainer = EncoderTrainer(
            settings_for(train=train, **sections),
            train=sentences,
            dev=sentences[:2],
            taxonomy=Taxonomy("tiny", {"Place": {"River": "", "City": ""}}),
            folder=tmp_path / folder,
            belongs_to="x",
            log=Log(),
        )
        step, taken = trainer._step, []

        def cut(chosen: Any) -> None:
            taken.append(chosen)
            if len(taken) == stop_before:
                raise Stop
            step(chosen)

        monkeypatch.setattr(trainer, "_step", cut)
        if stop_before:
            with pytest.raises(Stop):
                trainer.run()
        else:
            trainer.run()
        return trainer

    return make


def test_the_curves_are_those_of_the_training(trained: Callable[..., Any], tmp_path: Path) -> None:
    trainer = trained("run", auxiliary={"schedule": "residual"})
    curves = curves_in(tmp_path / "board/run")
    names = {"loss/fine", "loss/coarse", "coarse_weight", "rate/encoder", "rate/head", "dev/micro_f1", "dev/macro_f1"}
    assert set(curves) == names
    history = trainer.facts()["history"]
    per_epoch = [list(range(1 + 3 * epoch, 4 + 3 * epoch)) for epoch in range(3)]  # 12 sentences, 4 a step
    for entry, steps in zip(history, per_epoch, strict=True):
        for key, name in (("loss", "loss/fine"), ("coarse_loss", "loss/coarse")):
            assert sum(curves[name][step] for step in steps) / 3 == pytest.approx(entry[key], rel=1e-5)
        assert curves["coarse_weight"][steps[0]] == pytest.approx(entry["weight"])
        assert curves["dev/macro_f1"][steps[-1]] == pytest.approx(entry["dev_macro_f1"])
    assert list(curves["dev/micro_f1"]) == [3, 6, 9]
    peak = max(curves["rate/head"].values())
    assert peak <= 3.001e-4
    assert curves["rate/head"][9] < peak
    for step, rate in curves["rate/head"].items():
        assert curves["rate/encoder"][step] == pytest.approx(rate / 10)  # 3e-5 and 3e-4


@pytest.mark.parametrize("stop_before", [1, 4, 6])  # before anything, at the border of an epoch, within one
def test_a_run_that_was_cut_has_the_curve_of_one_that_was_not(
    trained: Callable[..., Any], tmp_path: Path, stop_before: int
) -> None:
    trained("whole", head={"dropout": 0.1})
    trained("cut", head={"dropout": 0.1}, stop_before=stop_before)
    trained("cut", head={"dropout": 0.1})
    whole = curves_in(tmp_path / "board/whole")
    assert curves_in(tmp_path / "board/cut") == whole
    assert set(whole) >= {"loss/fine", "dev/macro_f1"}
    assert "loss/coarse" not in whole or len(whole["loss/coarse"]) == 9


def test_where_curves_go_is_no_part_of_what_a_run_is(tmp_path: Path) -> None:
    values = {"kind": "encoder", "data": {"train": str(SAMPLE), "take": 40}}
    settings = [parse_experiment({**values, "train": train}) for train in ({}, {"tensorboard": "x"}, {"epochs": 3})]
    parts, taxonomy = read_splits(settings[0].data)
    plain, plotted, other = (fingerprint_of(each, parts, taxonomy) for each in settings)
    assert plain == plotted != other


def test_what_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        open_curves(tmp_path / "file", tmp_path / "run", done=0)
    assert type(open_curves(None, tmp_path, done=0)) is Curves
    config = tmp_path / "crf.toml"
    config.write_text('kind = "crf"\n')
    assert run(["train", str(config), "--out", str(tmp_path / "run"), "--tensorboard", str(tmp_path / "b")]) == 2
    assert "--tensorboard: shows the steps of an encoder's training" in capsys.readouterr().err


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(MissingExtra, match=r"coner\[tensorboard\]"):
        EventFile(tmp_path / "board", done=0)
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"
