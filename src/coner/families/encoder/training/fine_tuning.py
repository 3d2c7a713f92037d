"""A training run of a tagger over a pretrained encoder, from settings to the saved tagger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from coner.core.types import Entity, Sentence
from coner.evaluation.results import Level
from coner.evaluation.score import score_sentences
from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.backbone.warm_start import WarmStart
from coner.families.encoder.cpu.process import configure_process
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.batches import Batches
from coner.families.encoder.training.checkpoint import Storage
from coner.families.encoder.training.objective import Objective
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.schedule import Schedule, group_parameters
from coner.families.encoder.training.settings import TrainSettings
from coner.families.encoder.training.trainer import Trainer
from coner.families.family import Built, TrainingJob
from coner.families.tagger import Tagger


@dataclass(frozen=True)
class FineTuning:
    """A tagger and the trainer of its network, ready to run."""

    tagger: NetworkTagger
    trainer: Trainer
    settings: TrainSettings
    job: TrainingJob
    warm_start: WarmStart | None = None

    def run(self) -> Built:
        """Train to the end, from the checkpoint if there is one; process 0 gets the tagger of the best epoch."""
        configure_process()
        tagger, trainer, job = self.tagger, self.trainer, self.job
        processes = trainer.processes
        if not processes.start(job.fingerprint):
            return Built(tagger)
        if trainer.resume():
            progress = trainer.progress
            job.log(f"resuming after epoch {progress.epoch}, step {progress.step} of {trainer.steps}")
        elif self.warm_start is not None:
            job.log(str(self.warm_start))
        for line in trainer.schedule.table():
            job.log(line)
        job.log(f"{f'{processes.count} processes, each on ' if processes.count > 1 else ''}{tagger.hardware}")
        folder = self.settings.tensorboard
        trainer.run(job.log, curves=folder and folder / job.folder.resolve().name, on_epoch=job.on_epoch)
        if processes.is_first:
            tagger.load_weights(job.folder)
        tagger.network.eval()
        facts = {**trainer.facts(), "precision": str(tagger.precision).removeprefix("torch.")}
        if self.warm_start is not None:
            facts["init"] = self.warm_start.as_dict()
        return Built(tagger, facts)


def fine_tuning(
    tagger: NetworkTagger,
    objective: Objective,
    settings: TrainSettings,
    *,
    seed: int,
    job: TrainingJob,
    processes: ProcessGroup,
    warm_start: WarmStart | None = None,
) -> FineTuning:
    """Compose the training run of a tagger from its settings."""
    layers, folder = tagger.encoder.config.num_hidden_layers, job.folder
    trainer = Trainer(
        tagger.network,
        objective,
        batches=Batches(objective.lengths, settings.batch, settings.batch_pieces, seed),
        schedule=Schedule(
            group_parameters(tagger.network, settings.groups, layers=layers),
            epochs=settings.epochs,
            warmup=settings.warmup,
            clip=settings.clip,
            patience=settings.patience,
        ),
        evaluate=lambda: evaluate(tagger, job.dev, processes),
        storage=Storage(
            folder / CHECKPOINT, job.fingerprint, settings.checkpoint_minutes, save_best=lambda: tagger.save(folder)
        ),
        processes=processes,
    )
    return FineTuning(tagger, trainer, settings, job, warm_start)


def evaluate(tagger: Tagger, sentences: Sequence[Sentence], processes: ProcessGroup) -> Level:
    """The scores of fine labels, the same in every process, each of which tags its shard of the sentences."""
    if processes.count == 1:
        return score_sentences(sentences, tagger.tag(sentences)).fine
    shard = processes.shard(range(len(sentences)))
    predicted = tagger.tag([sentences[index] for index in shard])
    ids = {label: i for i, label in enumerate(tagger.labels)}
    rows = [
        (index, entity.start, entity.end, ids[entity.label])
        for index, entities in zip(shard, predicted, strict=True)
        for entity in entities
    ]
    every: list[list[Entity]] = [[] for _ in sentences]
    table = torch.tensor(rows, device=processes.device).view(-1, 4).long()
    for index, start, end, label in processes.gather(table).tolist():
        every[index].append(Entity(start, end, tagger.labels[label]))
    return score_sentences(sentences, every).fine
