"""Training runs of a tiny encoder tagger, in this process, or as a script in each of several processes."""

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
from coner.data.taxonomy import Taxonomy
from coner.families.encoder.fit import prepare
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.checkpoint import read_checkpoint
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.encoder.training.trainer import Trainer
from coner.families.family import TrainingJob
from coner.families.knowledge import TrainingKnowledge
from helpers.rivers import SENTENCES as FOUR
from helpers.rivers import TAXONOMY

SENTENCES = FOUR * 3
DEV = SENTENCES[:3]  # an odd number: shards of two and one
RATES = {"encoder": {"rate": 3e-3}, "head": {"rate": 1e-2}}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def untrained(settings: EncoderExperiment, taxonomy: Taxonomy) -> EncoderTagger:
    """A tagger with a new head around the pretrained encoder of the settings, on the CPU."""
    manifest = EncoderManifest(kind="encoder", labels=taxonomy.labels, taxonomy=taxonomy, settings=settings)
    return EncoderTagger.pretrained(manifest, torch.device("cpu"))


def tuning_of(settings: EncoderExperiment, folder: Path, **job: Any) -> FineTuning:
    """A training run that is ready to start; ``job`` replaces the default sentences, fingerprint and so on."""
    folder.mkdir(exist_ok=True)
    defaults = {"train": SENTENCES, "dev": SENTENCES[:4], "taxonomy": TAXONOMY, "fingerprint": "x", "log": Log()}
    return prepare(settings, TrainingJob(folder=folder, **{**defaults, **job}))


def tuning_of_case(case: dict[str, Any], encoder: Path, folder: Path) -> FineTuning:
    """A training run with the settings of a case, its weights of sentences and the knowledge base, if it uses it."""
    names, known = {"base": str(encoder.parent / "names/kb"), **case.get("knowledge", {})}, None
    settings = EncoderExperiment.model_validate(
        {
            "kind": "encoder",
            "encoder": {"name": str(encoder), **case.get("encoder", {})},
            "head": {"dropout": 0.0, **case.get("head", {})},
            "auxiliary": {"schedule": "residual", **case.get("auxiliary", {})},
            "train": {
                **{"precision": "float32", "device": "cpu", "epochs": 2, "batch": 5, "groups": RATES},
                **case.get("train", {}),
            },
            "knowledge": names if "knowledge" in case else {},
        }
    )
    if settings.knowledge.base is not None:
        known = TrainingKnowledge(settings.knowledge.base, settings.knowledge, {})
        known.learn(SENTENCES, SENTENCES)
    return tuning_of(settings, folder, dev=DEV, weights=case.get("weights"), knowledge=known)


def history_without_times(trainer: Trainer) -> list[dict[str, Any]]:
    """The history of each epoch, except for the seconds."""
    return [{k: v for k, v in entry.items() if "seconds" not in k} for entry in trainer.progress.history]


def record_norms(trainer: Trainer) -> list[float]:
    """The gradient norm of each step before clipping, filled as training goes; Adam hides the scale of a gradient."""
    norms, sum_gradients = list[float](), trainer.processes.sum_gradients

    def recording(parameters: Iterable[Tensor]) -> None:
        every = list(parameters)
        sum_gradients(every)
        gradients = [p.grad.coalesce().values() if p.grad.is_sparse else p.grad for p in every if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    trainer.processes.sum_gradients = recording  # type: ignore[method-assign]
    return norms


class PowerCut(Exception):
    """Simulates the end of a process."""


def cut_before(trainer: Trainer, *, steps: int) -> None:
    """Let the training end with ``PowerCut`` before this step, counted from 0 over all epochs."""
    step = trainer.step

    def cutting(examples: Sequence[int]) -> None:
        if trainer.done == steps:
            raise PowerCut
        step(examples)

    trainer.step = cutting  # type: ignore[method-assign]


def send_at(trainer: Trainer, *, step: int, number: int) -> None:
    """Send this process a signal when a step begins, counted from 0."""
    before = trainer.step

    def sending(examples: Sequence[int]) -> None:
        if trainer.done == step:
            os.kill(os.getpid(), number)
        before(examples)

    trainer.step = sending  # type: ignore[method-assign]


def main() -> None:
    """Run each case in turn; its result is written to ``<folder>.<rank>.json`` beside the folder of the run."""
    root, rank = Path(sys.argv[1]), os.environ["RANK"]
    for case in json.loads((root / "cases.json").read_text()):
        folder = root / case["folder"] if rank == "0" else root / "elsewhere"  # as on another machine
        result: dict[str, Any] = {}
        tuning = tuning_of_case(case, root / case.get("model", "encoder"), folder)
        trainer, network = tuning.trainer, tuning.tagger.network
        try:
            if rank in case.get("signals", {}):
                step, name = case["signals"][rank]
                send_at(trainer, step=step, number=signal.Signals[name])
            result["norms"] = record_norms(trainer)
            tuning.run()
            last = network.state_dict()
            if rank == "0":
                tensors = read_checkpoint(folder / CHECKPOINT).tensors
                last = {name: tensors[f"model.{name}"] for name in last}
            result["sums"] = {name: value.double().sum().item() for name, value in last.items()}
        except KeyboardInterrupt:
            result["stopped"] = "interrupted"
        except ConerError as error:
            result["stopped"] = f"{error.exit_code} {error}"
        result["history"], result["step"] = history_without_times(trainer), trainer.progress.step
        (root / f"{case['folder']}.{rank}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
