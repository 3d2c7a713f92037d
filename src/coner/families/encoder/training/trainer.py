"""Fine-tuning an encoder tagger: the loop, around accelerate, which can stop and go on anywhere.

A *step* is one update of the weights, over ``train.batch`` sentences. It takes as many passes of the network as their
pieces need; every pass's loss is divided by the words of the whole step, so the gradient is that of one big batch.
Where sentences have weights, both loss and words count by them. Of several processes each does this for its share of
the sentences; see ``Team``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import Tensor

from coner.core.cores import thread_count
from coner.core.errors import ConerError, ConfigError
from coner.core.interrupt import defer_interrupt
from coner.core.progress import Bar, Log, progress_bar
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.evaluation.score import score_sentences
from coner.families.encoder.auxiliary import coarse_weight
from coner.families.encoder.backbone.batch import collate, gold_grid
from coner.families.encoder.backbone.layout import split_by_budget
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.cpu.dropout import QuickDropout
from coner.families.encoder.cpu.memory import keep_freed_memory
from coner.families.encoder.cpu.rows import RowAdamW, use_row_gradients
from coner.families.encoder.network import Network
from coner.families.encoder.settings import EncoderExperiment
from coner.families.encoder.tagger import EncoderTagger, coarse_tags, fine_tags
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.checkpoint import Checkpoint, Progress, Trained, read_checkpoint, write_checkpoint
from coner.families.encoder.training.curves import Curves, open_curves
from coner.families.encoder.training.examples import make_examples, tag_counts
from coner.families.encoder.training.plan import plan_epoch
from coner.families.encoder.training.schedule import group_parameters, group_table, rate_factor
from coner.families.encoder.training.start import take_over
from coner.families.encoder.training.team import Team
from coner.families.encoder.training.validation import tag_in_shares
from coner.families.manifest import WEIGHTS


class EncoderTrainer:
    """Trains one tagger in one folder, alone or, where a launcher started several processes, with those.

    Args:
        settings: of the experiment.
        train: training sentences, all labelled.
        dev: validation sentences: the best epoch is chosen on them.
        taxonomy: of the labels.
        folder: of the run: the best tagger so far and the checkpoint are kept in it.
        belongs_to: what the run is a function of (settings, hashes of the data); a checkpoint of another is refused.
        log: where lines go.
        weights: of the loss of each training sentence; none: all 1.
        cache: pieces of words, see ``PieceMaker``; runs with one tokenizer may share it.
        watch: is told the number of epochs done and the last one's macro F1, after a checkpoint; what it raises ends
            the training.
    """

    def __init__(
        self,
        settings: EncoderExperiment,
        *,
        train: Sequence[Sentence],
        dev: Sequence[Sentence],
        taxonomy: Taxonomy,
        folder: Path,
        belongs_to: str,
        log: Log,
        weights: Sequence[float] | None = None,
        cache: dict[str, list[int]] | None = None,
        watch: Callable[[int, float], None] | None = None,
    ) -> None:
        self.watch = watch
        self.settings, self.dev, self.folder, self.belongs_to, self.log = settings, dev, folder, belongs_to, log
        keep_freed_memory()
        self.team = Team(settings.train.device)
        torch.set_num_threads(thread_count())  # not before: accelerate sets a number of its own for several processes
        device = self.team.device
        set_seed(settings.seed)
        encoder, tokenizer = load_encoder(settings.encoder.name, keep_layers=settings.encoder.keep_layers)
        fine, coarse = fine_tags(taxonomy, settings), coarse_tags(taxonomy, settings)
        self.examples = make_examples(train, weights, taxonomy=taxonomy, fine=fine, coarse=coarse)
        counts = tag_counts(self.examples, len(fine))
        network = Network(encoder, settings, fine=fine, coarse=coarse, counts=counts).to(device)
        init = settings.train.init
        if init is not None and init.resolve() == folder.resolve():
            raise ConfigError(f"train.init: {init} is the folder of the run itself, to be written; give another --out")
        self.start = take_over(network, init, fine=fine, coarse=coarse) if init is not None else None
        self.tagger = EncoderTagger(
            network, tokenizer, taxonomy=taxonomy, settings=settings, device=device, cache=cache
        )
        self.pieces = self.tagger.pieces([sentence.words for sentence in train])
        self.lengths = [len(pieces.ids) for pieces in self.pieces]
        self.groups = group_parameters(network, settings.train.groups, layers=encoder.config.num_hidden_layers)
        self.names: dict[Tensor, str] = {
            parameter: name for group in self.groups for name, parameter in group.parameters
        }
        if settings.encoder.embeddings == "rows" and not use_row_gradients(encoder.get_input_embeddings()):
            raise ConfigError('encoder.embeddings = "rows": this encoder has no plain matrix of them; expected "all"')
        self.optimizer = RowAdamW([group.options() for group in self.groups])
        # "Evaluation" leaves the network without DistributedDataParallel, and is no more than that.
        self.network = self.team.accelerator.prepare_model(network, evaluation_mode=True)
        self.progress = Progress()
        self.curves = Curves()
        self.steps = len(self._plan(0))

    def run(self) -> EncoderTagger:
        """Train to the end, from the checkpoint where there is one; the tagger of the best epoch.

        Of several processes the first has that tagger in the end, and its folder; the others, that of the last epoch.
        """
        if not self.team.agree(self.belongs_to):
            return self.tagger
        path = self.folder / CHECKPOINT
        checkpoint = self.team.tell_checkpoint(read_checkpoint(path) if self.team.first and path.exists() else None)
        if checkpoint is not None:
            self._restore(checkpoint)
        elif self.start is not None:
            self.log(str(self.start))
        for line in group_table(self.groups):
            self.log(line)
        several = f"{self.team.count} processes, each on " if self.team.count > 1 else ""
        self.log(f"{several}{self.tagger.hardware}")
        train = self.settings.train
        done = self.progress.epoch * self.steps + self.progress.step
        self.curves = open_curves(train.tensorboard if self.team.first else None, self.folder, done=done)
        with self.curves, progress_bar("training", train.epochs * self.steps, done=done) as shown:
            while self.progress.epoch < train.epochs and not self._patience_is_over():
                self._epoch(shown)
        if self.team.first:
            self.tagger.network.load_state_dict(load_file(self.folder / WEIGHTS))
        self.tagger.network.eval()
        return self.tagger

    def facts(self) -> dict[str, Any]:
        """What the record tells of the training."""
        progress = self.progress
        return {
            "train_seconds": progress.seconds,
            "history": progress.history,
            "best_epoch": progress.best_epoch,
            "parameters": sum(parameter.numel() for parameter in self.tagger.network.parameters()),
            "precision": str(self.tagger.precision).removeprefix("torch."),
            "device": self.team.device.type,
            **({"processes": self.team.count} if self.team.count > 1 else {}),
            **({"init": self.start.as_dict()} if self.start is not None else {}),
        }

    def _epoch(self, shown: Bar) -> None:
        progress, last_saved = self.progress, time.monotonic()
        plan = self._plan(progress.epoch)
        with defer_interrupt() as asked_to_stop:
            while progress.step < len(plan):
                began = time.monotonic()
                self._step(plan[progress.step])
                progress.step += 1
                progress.seconds += time.monotonic() - began
                shown.advance()
                shown.note(f"epoch {progress.epoch + 1}, loss {progress.sums[0] / progress.sums[2]:.3f}")
                stop = self.team.any(asked_to_stop())
                if stop or time.monotonic() - last_saved > 60 * self.settings.train.checkpoint_minutes:
                    self._checkpoint()
                    last_saved = time.monotonic()
                    if stop:
                        raise KeyboardInterrupt
            self._end_epoch()  # with a checkpoint at its end
            if self.team.any(asked_to_stop()):
                raise KeyboardInterrupt

    def _step(self, chosen: Sequence[int]) -> None:
        settings, progress = self.settings, self.progress
        done = progress.epoch * self.steps + progress.step
        total = settings.train.epochs * self.steps
        factor = rate_factor(done, steps=total, warmup=settings.train.warmup)
        for group, options in zip(self.groups, self.optimizer.param_groups, strict=True):
            options["lr"] = group.rate * factor
        weight, before = self._weight(), progress.sums[:2]
        words = sum(self.examples[i].weight * self.examples[i].words for i in chosen)
        self.team.seed(settings.seed, done)
        self.network.train()
        sums = [0.0, 0.0]
        for some in split_by_budget(self.team.share(chosen), self.lengths, settings.train.batch_pieces):
            fine, coarse = self._losses(some)
            loss = (
                fine
                if weight == 0 or coarse is None
                else (1 - weight) * fine + weight * settings.auxiliary.scale * coarse
            )
            torch.autograd.backward(loss / words)  # accelerate's own would divide it by a setting of the launcher
            sums[0] += float(fine.detach()) / words
            sums[1] += float(coarse.detach()) / words if coarse is not None else 0.0
        progress.sums = [a + b for a, b in zip(progress.sums, [*self.team.sum(sums), 1], strict=True)]
        self._check(progress.sums[0] + progress.sums[1], "loss", done)
        self.team.sum_gradients(self.names)
        if settings.train.clip:
            self._check(float(self.optimizer.clip(settings.train.clip)), "gradient", done)
        self.optimizer.step()
        self.optimizer.zero_grad()
        rates = {f"rate/{group.name}": group.rate * factor for group in self.groups}
        fine_loss, coarse_loss = (now - then for now, then in zip(progress.sums[:2], before, strict=True))
        values = {"loss/fine": fine_loss, **rates}
        if self.tagger.network.auxiliary is not None:
            values |= {"loss/coarse": coarse_loss, "coarse_weight": weight}
        self.curves.add(done + 1, values)

    def _check(self, value: float, what: str, done: int) -> None:
        if not math.isfinite(value):
            step = f"{done + 1} of {self.settings.train.epochs * self.steps}"
            raise ConerError(f"the {what} is no longer a number at step {step}; lower the learning rates")

    def _losses(self, some: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        batch = collate([self.pieces[i] for i in some], self.tagger.pieces).to(self.team.device)
        fine = gold_grid([self.examples[i].fine for i in some]).to(self.team.device)
        coarse = gold_grid([self.examples[i].coarse for i in some]).to(self.team.device)
        quick = QuickDropout() if self.team.device.type == "cpu" else nullcontext()
        with quick:
            weights = [self.examples[i].weight for i in some]
            losses: tuple[Tensor, Tensor | None] = self.network(
                batch, fine, coarse, self.tagger.precision, weights=weights
            )
        return losses

    def _end_epoch(self) -> None:
        progress, began = self.progress, time.monotonic()
        found = tag_in_shares(self.tagger, self.dev, self.team)
        scores = score_sentences(self.dev, found).fine
        macro, micro = scores.macro_f1, scores.micro_f1
        fine, coarse, steps = progress.sums
        entry = {
            "epoch": progress.epoch + 1,
            "loss": fine / steps,
            "coarse_loss": coarse / steps if self.tagger.network.auxiliary is not None else None,
            "weight": self._weight(step=0),
            "dev_micro_f1": micro,
            "dev_macro_f1": macro,
            "seconds": progress.seconds,
            "validation_seconds": time.monotonic() - began,
        }
        progress.history.append(entry)
        self.curves.add((progress.epoch + 1) * self.steps, {"dev/micro_f1": micro, "dev/macro_f1": macro})
        self.log(
            f"epoch {progress.epoch + 1}/{self.settings.train.epochs}  loss {fine / steps:.4f}  "
            f"coarse weight {entry['weight']:.4f}  dev micro {micro:.4f}  macro {macro:.4f}  {progress.seconds:.0f} s"
        )
        progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, [0.0, 0.0, 0.0]
        if macro > progress.best:
            progress.best, progress.best_epoch = macro, progress.epoch
            if self.team.first:
                self.tagger.save(self.folder)
        self._checkpoint()
        if self.watch is not None:
            self.watch(progress.epoch, macro)

    def _weight(self, step: int | None = None) -> float:
        position = self.progress.epoch + (self.progress.step if step is None else step) / self.steps
        return coarse_weight(self.settings.auxiliary, epochs=self.settings.train.epochs, progress=position)

    def _plan(self, epoch: int) -> list[list[int]]:
        return plan_epoch(self.lengths, batch=self.settings.train.batch, seed=self.settings.seed, epoch=epoch)

    def _patience_is_over(self) -> bool:
        patience, progress = self.settings.train.patience, self.progress
        return bool(patience) and progress.epoch - progress.best_epoch >= patience

    def _checkpoint(self) -> None:
        if not self.team.first:
            return
        self.curves.flush()  # first: what comes before a checkpoint is not trained again
        state = {"belongs_to": self.belongs_to, "progress": asdict(self.progress)}
        write_checkpoint(self.folder / CHECKPOINT, Checkpoint(self._trained().tensors(), state))

    def _restore(self, checkpoint: Checkpoint) -> None:
        if checkpoint.state["belongs_to"] != self.belongs_to:
            raise ConfigError(
                f"{self.folder}: holds an unfinished run of other settings or data; give another --out, or --overwrite"
            )
        self._trained().restore(checkpoint.tensors)
        self.progress = Progress(**checkpoint.state["progress"])
        self.log(f"goes on after epoch {self.progress.epoch}, step {self.progress.step} of {self.steps}")

    def _trained(self) -> Trained:
        return Trained(self.tagger.network, self.optimizer, self.names, self.team.device)
