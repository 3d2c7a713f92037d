"""Trainings of a tiny tagger, one after another: in this process, or as a script in each of several."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from coner.core.errors import ConerError
from coner.core.progress import Log
from coner.families.encoder.training.trainer import CHECKPOINT, EncoderTrainer
from coner.families.settings import parse_experiment
from helpers.rivers import SENTENCES as FOUR
from helpers.rivers import TAXONOMY

SENTENCES = FOUR * 3
DEV = SENTENCES[:3]  # an odd number: shares of two and one
RATES = {"encoder": {"rate": 3e-3}, "head": {"rate": 1e-2}}
STEADY = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def trainer_of(case: dict[str, Any], encoder: Path, folder: Path) -> EncoderTrainer:
    """A trainer of the case's settings; the case says too which weights the sentences have."""
    settings = parse_experiment(
        {
            "kind": "encoder",
            "encoder": {"name": str(encoder), **case.get("encoder", {})},
            "head": {"dropout": 0.0, **case.get("head", {})},
            "auxiliary": {"schedule": "residual", **case.get("auxiliary", {})},
            "train": {
                **{"precision": "float32", "device": "cpu", "epochs": 2, "batch": 5, "groups": RATES},
                **case.get("train", {}),
            },
        }
    )
    folder.mkdir(exist_ok=True)
    return EncoderTrainer(
        settings,  # type: ignore[arg-type]
        train=SENTENCES,
        weights=case.get("weights"),
        dev=DEV,
        taxonomy=TAXONOMY,
        folder=folder,
        belongs_to="x",
        log=Log(),
    )


def timeless(trainer: EncoderTrainer) -> list[dict[str, Any]]:
    """What the trainer tells of each epoch, without the clock."""
    return [{k: v for k, v in entry.items() if "seconds" not in k} for entry in trainer.progress.history]


def note_norms(trainer: EncoderTrainer) -> list[float]:
    """The norm of each step's gradients, before they are clipped: Adam does not tell a gradient from its half."""
    norms, before = list[float](), trainer.team.sum_gradients

    def noting(parameters: Iterable[Tensor]) -> None:
        some = list(parameters)
        before(some)
        gradients = [p.grad.coalesce().values() if p.grad.is_sparse else p.grad for p in some if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    trainer.team.sum_gradients = noting  # type: ignore[method-assign]
    return norms


def send_at(trainer: EncoderTrainer, *, step: int, number: int) -> None:
    """Send this process a signal when a step begins, counted from 0."""
    before = trainer._step

    def stepping(chosen: Sequence[int]) -> None:
        if trainer.progress.epoch * trainer.steps + trainer.progress.step == step:
            os.kill(os.getpid(), number)
        before(chosen)

    trainer._step = stepping  # type: ignore[method-assign]


def main() -> None:
    """Each case in turn; what came of it lies in ``<folder>.<rank>.json`` beside the folder of the run."""
    from coner.families.encoder.training.checkpoint import read_checkpoint

    root, rank = Path(sys.argv[1]), os.environ["RANK"]
    for case in json.loads((root / "cases.json").read_text()):
        folder = root / case["folder"] if rank == "0" else root / "elsewhere"  # as on a machine of its own
        told: dict[str, Any] = {}
        try:
            trainer = trainer_of(case, root / case.get("model", "encoder"), folder)
            if rank in case.get("signals", {}):
                step, name = case["signals"][rank]
                send_at(trainer, step=step, number=signal.Signals[name])
            told["norms"] = note_norms(trainer)
            trainer.run()
            last = trainer.tagger.network.state_dict()
            if rank == "0":
                tensors = read_checkpoint(folder / CHECKPOINT).tensors
                last = {name: tensors[f"model.{name}"] for name in last}
            told["sums"] = {name: value.double().sum().item() for name, value in last.items()}
        except KeyboardInterrupt:
            told["stopped"] = "interrupted"
        except ConerError as error:
            told["stopped"] = f"{error.exit_code} {error}"
        told["history"], told["step"] = timeless(trainer), trainer.progress.step
        (root / f"{case['folder']}.{rank}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
