"""A training run of a tagger over a pretrained encoder, from settings to the saved tagger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from accelerate.utils import set_seed
from torch import nn

from coner.core.types import Entity, Sentence
from coner.evaluation.own_labels import dev_f1
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.backbone.warm_start import load_matching, trained_encoder
from coner.families.encoder.cpu.process import configure_process
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.adversarial import require_trained
from coner.families.encoder.training.checkpoint import Storage
from coner.families.encoder.training.frozen import FrozenLayers
from coner.families.encoder.training.objective import Objective
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.schedule import Batches, Schedule, evaluation_interval, group_parameters
from coner.families.encoder.training.threads import set_threads
from coner.families.encoder.training.trainer import Trainer
from coner.families.family import Built, TrainingJob
from coner.families.tagger import Tagger

if TYPE_CHECKING:
    from coner.families.encoder.settings import FineTunedManifest

T = TypeVar("T", bound=NetworkTagger)
MakeTagger = Callable[..., T]  # as ``NetworkTagger.pretrained``
MakeObjective = Callable[[T, Sequence[Sentence], Sequence[float] | None], Objective]


class FineTuning(Generic[T]):
    """The tagger that ``make_tagger`` builds around a pretrained encoder, and the trainer of its network.

    Raises:
        ConfigError: a setting does not fit the encoder, the model to start from, or this machine.
        ModelError: the encoder, or the model to start from, cannot be loaded.
    """

    def __init__(
        self, make_tagger: MakeTagger[T], objective: MakeObjective[T], manifest: FineTunedManifest, job: TrainingJob
    ) -> None:
        seed, encoder, train = manifest.settings.seed, manifest.settings.encoder, manifest.settings.train
        processes = ProcessGroup(train.device)
        set_seed(seed)
        cache = job.pieces.setdefault((encoder.name, encoder.lowercase), {})
        self.tagger = tagger = make_tagger(manifest, processes.device, cache=cache)
        self.job, self.warm_start, self.curves, self.threads = job, None, train.tensorboard, train.threads
        if train.init is not None:
            folder, trained = trained_encoder(train.init, run=job.folder)
            self.warm_start = load_matching(tagger.network, folder, excluded=tagger.incompatible_weights(trained))
        losses = objective(tagger, job.train, job.weights)
        if job.knowledge is not None:
            tagger.knowledge = job.knowledge.typed
            losses.inform(job.knowledge)
        until = None if encoder.unfreeze_after == 1 else round(encoder.unfreeze_after * train.epochs)
        losses.frozen = FrozenLayers(tagger, encoder.freeze_layers, until=until) if encoder.freeze_layers else None
        if train.adversarial:
            require_trained(tagger.encoder.get_input_embeddings())
        groups = group_parameters(tagger.network, train.all_groups, layers=tagger.encoder.config.num_hidden_layers)
        words = {"train": sum(map(len, job.train)), "dev": sum(map(len, job.dev))}
        interval = train.evaluate_every or evaluation_interval(**words)
        self.trainer = Trainer(
            tagger.network,
            losses,
            batches=Batches(
                [losses.repeats * length for length in losses.lengths], train.batch, train.batch_pieces, seed
            ),
            schedule=Schedule(
                groups,
                train.epochs,
                train.warmup,
                train.clip,
                train.patience,
                interval,
                average=train.average,
                adversarial=train.adversarial,
                first_epochs=first_epochs(tagger.network, losses),
            ),
            evaluate=lambda: evaluate(tagger, job.dev, processes),
            storage=Storage(
                job.folder / CHECKPOINT, job.fingerprint, train.checkpoint_minutes, lambda: tagger.save(job.folder)
            ),
            processes=processes,
        )

    def run(self) -> Built:
        """Train to the end, or resume from the checkpoint; process 0 gets the weights of the best epoch."""
        self.job.claim()
        configure_process(self.threads)
        tagger, trainer, job, processes = self.tagger, self.trainer, self.job, self.trainer.processes
        if not processes.start(job.fingerprint):
            return Built(tagger)
        if resumed := trainer.resume():
            progress = trainer.progress
            job.log(f"resuming after epoch {progress.epoch}, step {progress.step} of {trainer.steps}")
        elif self.warm_start is not None:
            job.log(str(self.warm_start))
        for line in trainer.schedule.table():
            job.log(line)
        job.log(f"{f'{processes.count} processes, each on ' if processes.count > 1 else ''}{tagger.hardware}")
        self.compute_frozen()
        trainer.objective.prepare()
        if chosen := set_threads(trainer, self.threads, resumed=resumed):
            job.log(chosen)
        curves = self.curves and self.curves / job.folder.resolve().name
        trainer.run(job.log, curves=curves, on_epoch=job.on_epoch)
        if processes.is_first:
            tagger.load_weights(job.folder)
        tagger.network.eval()
        facts = {**trainer.facts(), "precision": str(tagger.precision).removeprefix("torch.")}
        if self.warm_start is not None:
            facts["init"] = self.warm_start.as_dict()
        return Built(tagger, facts)

    def compute_frozen(self) -> None:
        """The outputs of the frozen layers, if there are any; their time is that of training."""
        objective, began = self.trainer.objective, time.monotonic()
        frozen = objective.frozen
        if frozen is not None and (frozen.until is None or self.trainer.progress.epoch < frozen.until):
            frozen.compute(objective.pieces, self.job.folder)
            self.trainer.progress.seconds += time.monotonic() - began
            of = self.tagger.encoder.config.num_hidden_layers
            self.job.log(f"{frozen.count} of {of} layers frozen, their outputs computed: {frozen.size / 1e6:,.0f} MB")


def first_epochs(network: nn.Module, objective: Objective) -> dict[str, int]:
    """The first epoch (from 0) of the parameters that do not train from the start, by name."""
    first = {name: objective.encoder_from for name, _ in network.named_parameters() if name.startswith("encoder.")}
    if objective.frozen is not None and objective.frozen.until is not None:
        first |= {name: max(first[name], objective.frozen.until) for name in objective.frozen.parameters}
    return {name: epoch for name, epoch in first.items() if epoch}


def evaluate(tagger: Tagger, sentences: Sequence[Sentence], processes: ProcessGroup) -> dict[str, float]:
    """Micro and macro F1 of the fine labels, equal in all processes; each process tags its shard of the sentences."""
    shard = processes.shard(range(len(sentences)))
    tagged = zip(shard, tagger.tag([sentences[i] for i in shard]), strict=True)
    spans = [(i, entity.start, entity.end, entity.label) for i, entities in tagged for entity in entities]
    predicted: list[list[Entity]] = [[] for _ in sentences]
    for i, start, end, label in processes.gather(spans):
        predicted[i].append(Entity(start, end, label))
    return dev_f1(sentences, predicted)
