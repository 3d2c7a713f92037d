"""The training loop; it can stop and resume at any step.

A *step* is one update of the weights, over one batch of examples. It takes as many passes of the model as their pieces
need. The loss of every pass is divided by the size of the whole step, so that the gradient is that of one large batch.
Each of several processes does this for its shard of the examples; see ``ProcessGroup``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coner.core.errors import ConerError, ConfigError
from coner.core.interrupt import defer_interrupt
from coner.core.progress import Bar, Log, progress_bar
from coner.evaluation.score import Level
from coner.families.encoder.cpu.rows import RowAdamW
from coner.families.encoder.training.batches import Batches
from coner.families.encoder.training.checkpoint import (
    Checkpoint,
    Progress,
    Storage,
    TrainingState,
    read_checkpoint,
    write_checkpoint,
)
from coner.families.encoder.training.curves import Curves, open_curves
from coner.families.encoder.training.objective import Objective
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.schedule import Schedule


class Trainer:
    """Trains a model, alone or together with other processes.

    Args:
        model: on the device of ``processes``.
        objective: what is minimised.
        batches: which examples make up which step.
        schedule: epochs and learning rates.
        evaluate: scores the model on the dev split; called after each epoch.
        storage: of the checkpoint and of the best model.
        processes: that train together.

    Attributes:
        progress: how far the training has come.
        steps: of an epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        batches: Batches,
        schedule: Schedule,
        evaluate: Callable[[], Level],
        storage: Storage,
        processes: ProcessGroup,
    ) -> None:
        self.model, self.objective = model, objective
        self.batches, self.schedule = batches, schedule
        self.evaluate, self.storage, self.processes = evaluate, storage, processes
        self.optimizer = RowAdamW([group.options() for group in schedule.groups])
        self.names: dict[Tensor, str] = {p: name for group in schedule.groups for name, p in group.parameters}
        self.progress = Progress(sums=self._zeros())
        self.steps = len(batches)
        self._state = TrainingState(model, self.optimizer, self.names, processes.device)

    @property
    def done(self) -> int:
        """Completed steps of all epochs."""
        return self.progress.epoch * self.steps + self.progress.step

    def resume(self) -> bool:
        """Continue from the checkpoint, if there is one; ``ConfigError`` if it belongs to other settings or data."""
        path, first = self.storage.checkpoint, self.processes.is_first
        own = read_checkpoint(path) if first and path.exists() else None
        checkpoint = self.processes.broadcast_checkpoint(own)
        if checkpoint is None:
            return False
        if checkpoint.state["belongs_to"] != self.storage.fingerprint:
            raise ConfigError(
                f"{path.parent}: holds an unfinished run of other settings or data. "
                "Fix: choose another --out, or --overwrite"
            )
        self._state.restore(checkpoint.tensors)
        self.progress = Progress(**checkpoint.state["progress"])
        return True

    def run(
        self, log: Log, *, curves: Path | None = None, on_epoch: Callable[[int, float], None] | None = None
    ) -> None:
        """Train to the end; the best epoch is saved, and the model keeps the weights of the last one.

        Args:
            log: takes a line an epoch.
            curves: folder for TensorBoard.
            on_epoch: called with the number of completed epochs and the last macro F1, after a checkpoint; what it
                raises ends the training.
        """
        epochs = self.schedule.epochs
        with (
            open_curves(curves if self.processes.is_first else None, done=self.done) as written,
            progress_bar("training", epochs * self.steps, done=self.done) as bar,
        ):
            while self.progress.epoch < epochs and not self._out_of_patience():
                with defer_interrupt() as interrupted:
                    self._run_steps(written, bar, interrupted)
                    macro = self._end_epoch(written, log)
                    self._save_checkpoint(written)
                    if on_epoch is not None:
                        on_epoch(self.progress.epoch, macro)
                    if self.processes.any(interrupted()):
                        raise KeyboardInterrupt

    def facts(self) -> dict[str, Any]:
        """Facts about the training for the record."""
        return {
            "train_seconds": self.progress.seconds,
            "history": self.progress.history,
            "best_epoch": self.progress.best_epoch,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "device": self.processes.device.type,
            **({"processes": self.processes.count} if self.processes.count > 1 else {}),
        }

    def step(self, examples: Sequence[int]) -> dict[str, float]:
        """Update the weights once, on these examples; returns the values of the curves."""
        progress, done, total = self.progress, self.done, self.schedule.epochs * self.steps
        factor = self.schedule.factor(done, steps=total)
        for group, options in zip(self.schedule.groups, self.optimizer.param_groups, strict=True):
            options["lr"] = group.rate * factor
        epoch = progress.epoch + progress.step / self.steps
        weights, size = self.objective.weights(epoch), self.objective.size(examples)
        self.processes.seed(self.batches.seed, done)
        self.model.train()
        sums = self._zeros()[:-1]
        for some in self.batches.passes(self.processes.shard(examples)):
            losses = self.objective.losses(some)
            loss = sum((weight * losses[name] for name, weight in weights.items()), torch.zeros(()))
            torch.autograd.backward(loss / size)  # accelerate's own divides it by a setting of the launcher
            values = (float(losses[n].detach()) / size if n in losses else 0.0 for n in self.objective.names)
            sums = [a + b for a, b in zip(sums, values, strict=True)]
        means = self.processes.sum(sums)
        progress.sums = [a + b for a, b in zip(progress.sums, [*means, 1], strict=True)]
        self._check_finite(sum(means), "loss")
        self.processes.sum_gradients(self.names)
        if self.schedule.clip:
            self._check_finite(float(self.optimizer.clip(self.schedule.clip)), "gradient")
        self.optimizer.step()
        self.optimizer.zero_grad()
        rates = {f"rate/{group.name}": group.rate * factor for group in self.schedule.groups}
        return {**self.objective.curves(dict(zip(self.objective.names, means, strict=True)), epoch), **rates}

    def _run_steps(self, curves: Curves, bar: Bar, interrupted: Callable[[], bool]) -> None:
        """The remaining steps of the epoch."""
        progress, last_saved = self.progress, time.monotonic()
        batches = self.batches.epoch(progress.epoch)
        while progress.step < len(batches):
            began = time.monotonic()
            values = self.step(batches[progress.step])
            progress.step += 1
            progress.seconds += time.monotonic() - began
            curves.add(self.done, values)
            bar.advance()
            bar.note(f"epoch {progress.epoch + 1}, loss {progress.sums[0] / progress.sums[-1]:.3f}")
            stop = self.processes.any(interrupted())
            if stop or time.monotonic() - last_saved > 60 * self.storage.minutes:
                self._save_checkpoint(curves)
                last_saved = time.monotonic()
                if stop:
                    raise KeyboardInterrupt

    def _end_epoch(self, curves: Curves, log: Log) -> float:
        """Evaluate, and save the model if it is the best so far; returns its macro F1."""
        progress, began = self.progress, time.monotonic()
        scores = self.evaluate()
        macro, micro = scores.macro_f1, scores.micro_f1
        *sums, steps = progress.sums
        losses = {name: total / steps for name, total in zip(self.objective.names, sums, strict=True)}
        entry = {
            "epoch": progress.epoch + 1,
            **self.objective.history(losses, progress.epoch),
            "dev_micro_f1": micro,
            "dev_macro_f1": macro,
            "seconds": progress.seconds,
            "validation_seconds": time.monotonic() - began,
        }
        progress.history.append(entry)
        progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, self._zeros()
        curves.add(self.done, {"dev/micro_f1": micro, "dev/macro_f1": macro})
        log(
            f"epoch {progress.epoch}/{self.schedule.epochs}  {self.objective.log_line(entry)}  "
            f"dev micro {micro:.4f}  macro {macro:.4f}  {progress.seconds:.0f} s"
        )
        if macro > progress.best:
            progress.best, progress.best_epoch = macro, progress.epoch
            if self.processes.is_first:
                self.storage.save_best()
        return macro

    def _zeros(self) -> list[float]:
        return [0.0] * (len(self.objective.names) + 1)

    def _check_finite(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            step = f"{self.done + 1} of {self.schedule.epochs * self.steps}"
            raise ConerError(f"the {what} is NaN or infinite at step {step}. Fix: lower the learning rates")

    def _out_of_patience(self) -> bool:
        patience, progress = self.schedule.patience, self.progress
        return bool(patience) and progress.epoch - progress.best_epoch >= patience

    def _save_checkpoint(self, curves: Curves) -> None:
        if not self.processes.is_first:
            return
        curves.flush()  # first: steps before a checkpoint are not repeated
        state = {"belongs_to": self.storage.fingerprint, "progress": asdict(self.progress)}
        write_checkpoint(self.storage.checkpoint, Checkpoint(self._state.tensors(), state))
