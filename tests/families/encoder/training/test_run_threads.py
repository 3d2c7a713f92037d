"""The threads of a training run: measured without a trace, recorded, kept when it is resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.families.encoder.training.fine_tuning import FineTuning
from helpers.tiny_training import PowerCut, cut_before, tuning_of

Make = Callable[..., FineTuning]


@pytest.fixture
def tuning_for(settings_for: Callable[..., Any], tmp_path: Path) -> Make:
    def make(folder: str = "run", *, job: dict[str, Any] | None = None, **train: Any) -> FineTuning:
        train = {"epochs": 3, "batch": 4, "checkpoint_minutes": 1e-9, **train}
        return tuning_of(settings_for(train=train, head={"dropout": 0.2}), tmp_path / folder, **(job or {}))

    return make


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sets the number of cores that this process may use; ``OMP_NUM_THREADS`` is not set."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    yield lambda count: monkeypatch.setattr("coner.core.processes.available_cores", lambda: count)
    torch.set_num_threads(before)


def test_trial_steps_leave_no_trace(tuning_for: Make, tmp_path: Path) -> None:
    for name, trials in (("plain", 0), ("tried", 3)):
        tuning = tuning_for(name, batch_pieces=16, precision="float32")
        before = torch.get_rng_state()
        for _ in range(trials):
            tuning.trainer.trial()
        assert torch.equal(torch.get_rng_state(), before)
        assert all(p.grad is None for p in tuning.tagger.network.parameters())
        tuning.run()
    assert len({(tmp_path / name / "weights.safetensors").read_bytes() for name in ("plain", "tried")}) == 1


def test_a_long_training_on_several_cores_measures_its_threads(
    tuning_for: Make, cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(2)
    monkeypatch.setattr("coner.families.encoder.training.threads.MIN_STEPS", 9)
    lines = list[str]()
    facts = tuning_for(job={"log": lines.append}).run().facts
    assert [line for line in lines if line.startswith(f"threads: {facts['threads']} (measured")]


@pytest.mark.parametrize("requested", ["", "1"])
def test_a_resumed_run_keeps_its_threads_unless_the_environment_sets_others(
    tuning_for: Make, requested: str, cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(3)
    first = tuning_for()
    cut_before(first.trainer, steps=4)
    with pytest.raises(PowerCut):
        first.run()
    assert first.trainer.progress.threads == 3  # too short to be measured
    cores(2)
    monkeypatch.setenv("OMP_NUM_THREADS", requested)
    lines = list[str]()
    assert tuning_for(job={"log": lines.append}).run().facts["threads"] == (1 if requested else 3)
    assert any("before the stop 3" in line for line in lines) is bool(requested)


def test_threads_of_the_settings_are_used_from_the_start_and_recorded(
    tuning_for: Make, cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cores(1)
    before = list[int]()
    monkeypatch.setattr(FineTuning, "compute_frozen", lambda _: before.append(torch.get_num_threads()))
    assert tuning_for(threads=2).run().facts["threads"] == 2
    assert before == [2]
