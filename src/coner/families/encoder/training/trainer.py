"""The training loop; it can stop and resume at any step.

A *step* is one update of the weights, over one batch of examples. It takes as many passes of the model as their pieces
need. The loss of every pass is divided by the size of the whole step, so that the gradient is that of one large batch.
Each of several processes does this for its shard of the examples; see ``ProcessGroup``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from coner.core.errors import ConerError, ConfigError
from coner.core.processes import defer_interrupt
from coner.core.progress import Bar, Log, progress_bar
from coner.families.encoder.cpu.rows import RowAdamW
from coner.families.encoder.training import checkpoint
from coner.families.encoder.training.adversarial import perturbed
from coner.families.encoder.training.averaging import AveragedWeights
from coner.families.encoder.training.curves import Curves
from coner.families.encoder.training.objective import Objective
from coner.families.encoder.training.pace import Pace
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.schedule import Batches, Schedule


class Trainer:
    """Trains a model, which is on the device of ``processes``, alone or together with other processes.

    ``evaluate`` gives the scores of the model on the dev split by name; it is called after the epochs that the schedule
    names. ``storage`` names the score that chooses the epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        *,
        batches: Batches,
        schedule: Schedule,
        evaluate: Callable[[], Mapping[str, float]],
        storage: checkpoint.Storage,
        processes: ProcessGroup,
    ) -> None:
        self.model, self.objective = model, objective
        self.batches, self.schedule = batches, schedule
        self.evaluate, self.storage, self.processes = evaluate, storage, processes
        groups = [(group, [p for _, p in group.parameters]) for group in schedule.groups]
        self.optimizer = RowAdamW([{"params": p, "lr": g.rate, "weight_decay": g.weight_decay} for g, p in groups])
        self.names: dict[Tensor, str] = {p: name for group in schedule.groups for name, p in group.parameters}
        self.progress = checkpoint.TrainingProgress(sums=self._zeros())
        self.steps = len(batches)  # of an epoch
        self.averaged = AveragedWeights(self.names, schedule.average) if schedule.average else None
        self._state = checkpoint.TrainingState(model, self.optimizer, self.names, processes.device, self.averaged)
        self._curves: Curves | None = None
        self._pace = Pace()
        self._saved_at = time.monotonic()

    @property
    def done(self) -> int:
        """Completed steps of all epochs."""
        return self.progress.epoch * self.steps + self.progress.step

    def resume(self) -> bool:
        """Continue from the checkpoint, if there is one; ``ConfigError`` if it belongs to other settings or data."""
        path, first = self.storage.checkpoint, self.processes.is_first
        own = checkpoint.read_checkpoint(path) if first and path.exists() else None
        saved = self.processes.broadcast_checkpoint(own)
        if saved is None:
            return False
        if saved.state["belongs_to"] != self.storage.fingerprint:
            got = f"{path.parent}: contains an unfinished run with other settings or data"
            raise ConfigError(f"{got}. Fix: choose another --out, or --overwrite")
        self._state.restore(saved.tensors)
        self.progress = checkpoint.TrainingProgress(**saved.state["progress"])
        return True

    def run(
        self, log: Log, *, curves: Path | None = None, on_epoch: Callable[[int, float], None] | None = None
    ) -> None:
        """Train to the end; the best epoch is saved, and the model keeps the weights of the last one.

        ``curves`` is a folder for TensorBoard; ``on_epoch``, as of ``TrainingJob``, is called after a checkpoint.
        """
        epochs, done = self.schedule.epochs, self.done
        opened = Curves(curves, done=done) if curves is not None and self.processes.is_first else nullcontext()
        with opened as self._curves, progress_bar("training", epochs * self.steps, done=done) as bar:
            while self.progress.epoch < epochs and not self._is_exhausted():
                with defer_interrupt() as interrupted:
                    self._run_steps(bar, interrupted, log)
                    self.progress.epoch, self.progress.step = self.progress.epoch + 1, 0
                    if self.schedule.is_evaluated(self.progress.epoch):
                        score = self._evaluate(log)
                        if on_epoch is not None:
                            on_epoch(self.progress.epoch, score)
                    if self.processes.any(interrupted()):
                        self._save_checkpoint()
                        raise KeyboardInterrupt

    def facts(self) -> dict[str, Any]:
        """Time, history and size of the training, for the record."""
        return {
            "train_seconds": self.progress.seconds,
            "history": self.progress.history,
            "best_epoch": self.progress.best_epoch,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "device": self.processes.device.type,
            "threads": self.progress.threads,
            **({"processes": self.processes.count} if self.processes.count > 1 else {}),
        }

    def step(self, examples: Sequence[int]) -> None:
        """Update the weights once, on these examples."""
        progress, done, total = self.progress, self.done, self.schedule.epochs * self.steps
        factor = self.schedule.factor(done, steps=total)
        for group, options in zip(self.schedule.groups, self.optimizer.param_groups, strict=True):
            options["lr"] = group.rate * factor
        epoch = progress.epoch + progress.step / self.steps
        self.processes.seed(self.batches.seed, done)
        sums = self._add_gradients(examples, epoch)
        if self.schedule.adversarial:
            embeddings = self.objective.tagger.encoder.get_input_embeddings()
            with perturbed(embeddings, self.schedule.adversarial) as moved:
                if moved:  # else the second pass would repeat the first, as while the encoder does not train
                    self._add_gradients(examples, epoch)
        means = self.processes.sum([*sums.values()])
        progress.sums = [a + b for a, b in zip(progress.sums, [*means, 1], strict=True)]
        self._check_finite(sum(means), "loss")
        self.processes.sum_gradients(self.names)
        if self.schedule.clip:
            self._check_finite(float(self.optimizer.clip(self.schedule.clip)), "gradient")
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.averaged is not None:
            self.averaged.update(done + 1)
        if self._curves is not None:
            groups = self.schedule.groups
            trained = {g.name: self.schedule.is_trained(g.parameters[0][0], epoch) for g in groups}
            rates = {f"rate/{group.name}": group.rate * factor * trained[group.name] for group in groups}
            values = self.objective.curves(dict(zip(sums, means, strict=True)), epoch)
            self._curves.add(done + 1, {**values, **rates})

    def trial(self) -> None:
        """Forward and backward passes of one step, without a trace: weights, gradients and random state stay."""
        with torch.random.fork_rng(devices=[]):
            self._add_gradients(self.batches.epoch(0)[0], 0)
            self.optimizer.zero_grad()

    def _add_gradients(self, examples: Sequence[int], epoch: float) -> dict[str, float]:
        """Forward and backward passes over this process's shard of a step; the sum of each loss, over its size."""
        weights, size = self.objective.weights(epoch), self.objective.size(examples)
        self.model.train()
        for parameter, name in self.names.items():
            parameter.requires_grad_(self.schedule.is_trained(name, epoch))
        sums = dict.fromkeys(self.objective.names, 0.0)
        for chosen in self.batches.passes(self.processes.shard(examples)):
            losses = self.objective.losses(chosen)
            loss = sum((weight * losses[name] for name, weight in weights.items()), torch.zeros(()))
            torch.autograd.backward(loss / size)  # ``Accelerator.backward`` divides by a launcher setting
            for name, value in losses.items():
                sums[name] += float(value.detach()) / size
        return sums

    def _run_steps(self, bar: Bar, interrupted: Callable[[], bool], log: Log) -> None:
        progress = self.progress
        batches = self.batches.epoch(progress.epoch)
        whole_from = max(self.schedule.first_epochs.values(), default=0)
        while progress.step < len(batches):
            began, batch = time.monotonic(), batches[progress.step]
            self.step(batch)
            progress.step += 1
            seconds = time.monotonic() - began
            progress.seconds += seconds
            pieces, is_whole = sum(self.batches.lengths[i] for i in batch), progress.epoch >= whole_from
            if is_whole and (line := self._pace.add(seconds, pieces)):  # steps that train a part are shorter
                log(line)
            bar.advance()
            bar.note(f"epoch {progress.epoch + 1}, loss {progress.sums[0] / progress.sums[-1]:.3f}")
            stop = self.processes.any(interrupted())
            if stop or time.monotonic() - self._saved_at > 60 * self.storage.minutes:
                self._save_checkpoint()
                if stop:
                    raise KeyboardInterrupt

    def _is_exhausted(self) -> bool:
        """Whether the patience has run out."""
        progress, patience = self.progress, self.schedule.patience
        return bool(patience and progress.history and progress.history[-1]["epoch"] - progress.best_epoch >= patience)

    def _evaluate(self, log: Log) -> float:
        """Score dev, save the model if it is the best so far, and a checkpoint; return the deciding score."""
        with self.averaged.applied() if self.averaged is not None else nullcontext():
            score = self._score(log)
        self._save_checkpoint()
        return score

    def _score(self, log: Log) -> float:
        progress, began = self.progress, time.monotonic()
        scores = self.evaluate()
        *sums, steps = progress.sums
        losses = {name: total / steps for name, total in zip(self.objective.names, sums, strict=True)}
        entry = {
            "epoch": progress.epoch,
            **self.objective.history(losses, progress.epoch - 1),
            **{f"dev_{name}": value for name, value in scores.items()},
            "seconds": progress.seconds,
            "validation_seconds": time.monotonic() - began,
        }
        progress.history.append(entry)
        progress.sums = self._zeros()
        if self._curves is not None:
            self._curves.add(self.done, {f"dev/{name}": value for name, value in scores.items()})
        on_dev = "  ".join(f"{name.removesuffix('_f1')} {value:.4f}" for name, value in scores.items())
        log(
            f"epoch {progress.epoch}/{self.schedule.epochs}  {self.objective.log_line(entry)}  "
            f"dev {on_dev}  {progress.seconds:.0f} s"
        )
        score = scores[self.storage.criterion]
        if score > progress.best:
            progress.best, progress.best_epoch = score, progress.epoch
            if self.processes.is_first:
                self.storage.save_best()
        return score

    def _zeros(self) -> list[float]:
        return [0.0] * (len(self.objective.names) + 1)

    def _check_finite(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            step = f"{self.done + 1} of {self.schedule.epochs * self.steps}"
            raise ConerError(f"the {what} is NaN or infinite at step {step}. Fix: lower the learning rates")

    def _save_checkpoint(self) -> None:
        if not self.processes.is_first:
            return
        if self._curves is not None:
            self._curves.flush()  # before the checkpoint, whose steps are not repeated
        state = {"belongs_to": self.storage.fingerprint, "progress": asdict(self.progress)}
        saved = checkpoint.Checkpoint(self._state.tensors(), state)
        checkpoint.write_checkpoint(self.storage.checkpoint, saved)
        self._saved_at = time.monotonic()
