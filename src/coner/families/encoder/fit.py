"""Fine-tune an encoder tagger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.cost import statement
from coner.families.encoder.cpu.process import restored_process
from coner.families.encoder.loss import losses
from coner.families.encoder.settings import AuxiliarySettings, EncoderExperiment, EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.encoder.training.gold_tags import GoldTags, in_groups, without_sets
from coner.families.encoder.training.objective import Objective
from coner.families.family import Built, TrainingJob


@restored_process()
def fit(settings: EncoderExperiment, job: TrainingJob) -> Built:
    """Fine-tune a tagger, alone or with the other processes that a launcher started; see ``FineTuning.run``."""
    return prepare(settings, job).run()


def prepare(settings: EncoderExperiment, job: TrainingJob) -> FineTuning[EncoderTagger]:
    """Build tagger and trainer; for errors see ``FineTuning``."""
    taxonomy = job.taxonomy
    manifest = EncoderManifest(kind="encoder", labels=taxonomy.labels, taxonomy=taxonomy, settings=settings)
    if job.knowledge is not None:
        manifest = manifest.model_copy(update={"knowledge": job.knowledge.use})
    tuning = FineTuning(EncoderTagger.pretrained, TaggingObjective, manifest, job)
    if cost := statement(tuning.tagger, job):
        job.log(cost)
    return tuning


class TaggingObjective(Objective):
    """``(1 - w) fine + w scale coarse`` (arXiv 2401.00698), where w, the weight of the coarse loss, decays.

    With ``head.consistency`` (c) every sentence has two passes, of which these losses are means, and ``c consistency``,
    the divergence between their tags, is added.
    """

    names: tuple[str, ...] = ("fine", "coarse")
    tagger: EncoderTagger

    def __init__(
        self, tagger: EncoderTagger, sentences: Sequence[Sentence], weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(tagger, sentences, weights)
        tags, network, self.consistency = tagger.tags, tagger.network, tagger.settings.head.consistency
        if self.consistency:
            self.names, self.repeats = (*self.names, "consistency"), 2
        if network.knowledge is not None:
            knowledge = tagger.settings.knowledge
            self.match_dropout, self.encoder_from = knowledge.dropout, knowledge.warm_up
        fine = sentences
        if tagger.settings.auxiliary.sets == "coarse":
            fine = [without_sets(sentence, tagger.labels) for sentence in sentences]
        self.fine = GoldTags(tags, fine)
        criterion = losses[tagger.settings.head.loss](self.fine.counts(self.sentence_weights))
        network.decoder.criterion = criterion.to(tagger.device)
        self.coarse: GoldTags | None = None
        if network.auxiliary is not None:
            groups = tagger.taxonomy.coarse_by_fine
            self.coarse = GoldTags(network.auxiliary.decoder.tags, [in_groups(s, groups) for s in sentences])

    def losses(self, examples: Sequence[int]) -> Mapping[str, Tensor]:
        return super().losses([*examples] * self.repeats)

    def batch_losses(self, batch: Batch, examples: Sequence[int]) -> Mapping[str, Tensor]:
        fine = self.fine.gold(examples, batch.ids.device)
        coarse = None if self.coarse is None else self.coarse.gold(examples, batch.ids.device)
        weights, twice = [self.sentence_weights[i] for i in examples], self.consistency > 0
        return self.tagger.network.losses(batch, fine, coarse, weights, twice=twice)

    def coarse_weight(self, epoch: float) -> float:
        """w after this many epochs."""
        settings = self.tagger.settings
        return coarse_weight(settings.auxiliary, epochs=settings.train.epochs, progress=epoch)

    def weights(self, epoch: float) -> Mapping[str, float]:
        weight = self.coarse_weight(epoch)
        weights = {"consistency": self.consistency} if self.consistency else {}
        if self.coarse is None or weight == 0:  # without a gradient the optimizer leaves the coarse layer alone
            return {"fine": 1.0, **weights}
        return {"fine": 1 - weight, "coarse": weight * self.tagger.settings.auxiliary.scale, **weights}

    def history(self, losses: Mapping[str, float], epoch: float) -> dict[str, Any]:
        coarse = None if self.coarse is None else losses["coarse"]
        values = {"loss": losses["fine"], "coarse_loss": coarse, "weight": self.coarse_weight(epoch)}
        return {**values, "consistency_loss": losses["consistency"]} if self.consistency else values

    def log_line(self, entry: Mapping[str, Any]) -> str:
        line = f"loss {entry['loss']:.4f}  coarse weight {entry['weight']:.4f}"
        return f"{line}  consistency {entry['consistency_loss']:.4f}" if self.consistency else line

    def curves(self, losses: Mapping[str, float], epoch: float) -> dict[str, float]:
        if self.coarse is None:
            return {f"loss/{name}": value for name, value in losses.items() if name != "coarse"}
        return {**super().curves(losses, epoch), "coarse_weight": self.coarse_weight(epoch)}


def coarse_weight(settings: AuxiliarySettings, *, epochs: int, progress: float) -> float:
    """The weight w in ``L = (1 - w) fine + w scale coarse``, at a ``progress`` from 0 to the planned ``epochs``.

    ``residual`` by epoch is the schedule of arXiv 2401.00698: w falls from ``start`` in equal steps after each epoch,
    over all but the last ``hold`` epochs, which have ``residual``. With at most ``hold + 1`` epochs the coarse loss is
    dropped after the first one. ``linear`` falls to zero in the same way. By step, w falls continuously along the same
    line to its end value.
    """
    if settings.schedule == "none":
        return 0.0
    if settings.schedule == "constant":
        return settings.start
    end = settings.residual if settings.schedule == "residual" else 0.0
    falling = epochs - settings.hold
    if falling <= 1:
        return settings.start if progress < 1 else 0.0
    if settings.by == "step":
        return max(end, settings.start * (1 - progress / falling))
    epoch = int(progress)
    return settings.start * (1 - epoch / falling) if epoch < falling else end
