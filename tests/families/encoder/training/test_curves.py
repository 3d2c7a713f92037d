"""Training curves, read by TensorBoard itself: complete, and the same for a run that was interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.cli.app import run
from coner.core.errors import MissingExtra, OutputError
from coner.core.types import Entity, Sentence
from coner.families.encoder import EncoderFamily
from coner.families.encoder.settings import EncoderExperiment
from coner.families.encoder.training.curves import Curves
from coner.families.encoder.training.fine_tuning import FineTuning
from helpers.tiny_training import PowerCut, cut_before, tuning_of

pytest.importorskip("tensorboardX")


def curves_in(folder: Path) -> dict[str, dict[int, float]]:
    """Each curve as TensorBoard shows it, values by step; no step occurs twice."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder), size_guidance={reader.SCALARS: 0}).Reload()
    curves = {}
    for name in events.Tags()["scalars"]:
        points = events.Scalars(name)
        curves[name] = {point.step: point.value for point in points}
        assert [point.step for point in points] == sorted(curves[name])
    return curves


@pytest.fixture
def trained(settings_for: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    sentences = [Sentence(("the", "rhine"), (Entity(1, 2, "River"),)), Sentence(("basel",), ())] * 6

    def make(folder: str, *, stop_before: int | None = None, **sections: Any) -> FineTuning:
        train = {"epochs": 3, "batch": 4, "tensorboard": tmp_path / "board"}
        job = {"train": sentences, "dev": sentences[:2]}
        tuning = tuning_of(settings_for(train=train, **sections), tmp_path / folder, **job)
        if stop_before is None:
            tuning.run()
        else:
            cut_before(tuning.trainer, steps=stop_before)
            with pytest.raises(PowerCut):
                tuning.run()
        return tuning

    return make


def test_curves_match_the_history(trained: Callable[..., Any], tmp_path: Path) -> None:
    tuning = trained("run", auxiliary={"schedule": "residual"})
    curves = curves_in(tmp_path / "board/run")
    names = {"loss/fine", "loss/coarse", "coarse_weight", "rate/encoder", "rate/head", "dev/micro_f1", "dev/macro_f1"}
    assert set(curves) == names
    history = tuning.trainer.progress.history
    per_epoch = [list(range(1 + 3 * epoch, 4 + 3 * epoch)) for epoch in range(3)]  # 12 sentences, 4 per step
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


@pytest.mark.parametrize("stop_before", [0, 3, 5])  # before the first step, between epochs, within one
def test_interrupted_run_has_the_curves_of_an_uninterrupted_one(
    trained: Callable[..., Any], tmp_path: Path, stop_before: int
) -> None:
    trained("whole", head={"dropout": 0.1})
    trained("cut", head={"dropout": 0.1}, stop_before=stop_before)
    trained("cut", head={"dropout": 0.1})
    whole = curves_in(tmp_path / "board/whole")
    assert curves_in(tmp_path / "board/cut") == whole
    assert set(whole) >= {"loss/fine", "dev/macro_f1"}
    assert "loss/coarse" not in whole or len(whole["loss/coarse"]) == 9


def test_tensorboard_folder_is_not_part_of_the_fingerprint() -> None:
    settings = [EncoderExperiment(kind="encoder", train=train) for train in ({}, {"tensorboard": "x"}, {"epochs": 3})]
    plain, plotted, other = (EncoderFamily().identity(each) for each in settings)
    assert plain == plotted != other


def test_invalid_folder_and_kind_are_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        Curves(tmp_path / "file", done=0)
    config = tmp_path / "crf.toml"
    config.write_text('kind = "crf"\n')
    assert run(["train", str(config), "--out", str(tmp_path / "run"), "--tensorboard", str(tmp_path / "b")]) == 2
    assert "--tensorboard: got kind crf; expected encoder or span" in capsys.readouterr().err


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(MissingExtra, match=r"coner\[tensorboard\]"):
        Curves(tmp_path / "board", done=0)
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"
