"""A training run of a tagger over a pretrained encoder, from settings to the saved tagger."""

from __future__ import annotations

from dataclasses import dataclass

from coner.families.encoder.backbone.tagger import NetworkTagger
from coner.families.encoder.backbone.warm_start import WarmStart
from coner.families.encoder.cpu.process import configure_process
from coner.families.encoder.training import CHECKPOINT
from coner.families.encoder.training.batches import Batches
from coner.families.encoder.training.checkpoint import Storage
from coner.families.encoder.training.evaluate import evaluate
from coner.families.encoder.training.objective import Objective
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.schedule import Schedule, group_parameters
from coner.families.encoder.training.settings import TrainSettings
from coner.families.encoder.training.trainer import Trainer
from coner.families.family import Built, Job


@dataclass(frozen=True)
class FineTuning:
    """A tagger and its trainer, ready to run.

    Attributes:
        tagger: to be trained.
        trainer: of its network.
        settings: of the loop.
        job: data, folder and log.
        warm_start: what was loaded from another model.
    """

    tagger: NetworkTagger
    trainer: Trainer
    settings: TrainSettings
    job: Job
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
    job: Job,
    processes: ProcessGroup,
    warm_start: WarmStart | None = None,
) -> FineTuning:
    """Compose the training run of a tagger from its settings."""
    layers = tagger.encoder.config.num_hidden_layers
    schedule = Schedule(
        group_parameters(tagger.network, settings.groups, layers=layers),
        epochs=settings.epochs,
        warmup=settings.warmup,
        clip=settings.clip,
        patience=settings.patience,
    )
    trainer = Trainer(
        tagger.network,
        objective,
        batches=Batches(objective.lengths, settings.batch, settings.batch_pieces, seed),
        schedule=schedule,
        evaluate=lambda: evaluate(tagger, job.dev, processes),
        storage=Storage(
            job.folder / CHECKPOINT, job.fingerprint, settings.checkpoint_minutes, lambda: tagger.save(job.folder)
        ),
        processes=processes,
    )
    return FineTuning(tagger, trainer, settings, job, warm_start)
