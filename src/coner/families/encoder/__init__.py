"""A fine-tuned pretrained encoder with a head of components that the config chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

from coner.config.experiment import Experiment
from coner.core.errors import requires_extra
from coner.core.types import Sentence
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest, FineTunedExperiment
from coner.families.encoder.suitability import encoder_suits
from coner.families.family import Built, Family, TrainingJob
from coner.families.manifest import WEIGHTS, Manifest
from coner.families.recipe import file_hashes
from coner.families.registry import families
from coner.families.tagger import Tagger

STEPS, EPOCHS = 400, 8  # of training, at least
PATIENCE = 3  # epochs, at least
AVERAGE = 0.999  # decay of the moving average of the weights
SMALL = 1000  # sentences; fewer get smaller batches
RATES = {"minilm": 1.5e-4}  # of packaged encoders; larger ones need a lower rate
NEW: dict[str, dict[str, Any]] = {  # settings that earlier versions lack, by section, and what they used
    "encoder": {"unfreeze_after": 1.0},
    "train": {"average": 0.0, "adversarial": 0.0},
    "head": {"consistency": 0.0},
    "auxiliary": {"sets": "both"},
}
RATE, HEAD_TIMES = 5e-5, 10.0  # of others, and of the head as a multiple


@families.register
class EncoderFamily(Family):
    """The declaration of the family."""

    kind = "encoder"
    description = "A fine-tuned pretrained encoder with a head of its own"
    settings: ClassVar[type[Experiment]] = EncoderExperiment
    manifest: ClassVar[type[Manifest]] = EncoderManifest
    extra = "encoder"
    configurable = True
    trains = True
    learns_sets = True
    multiprocess = True
    exports = True
    has_chain = True
    preference = 2

    def fit(self, settings: Any, job: TrainingJob) -> Built:
        """Fine-tune, or resume from the checkpoint in the folder; the best epoch on dev is kept."""
        with requires_extra("training an encoder", "encoder"):
            from coner.families.encoder.fit import fit
        return fit(settings, job)

    def load(self, folder: Path, manifest: Any) -> Tagger:
        from coner.families.encoder.tagger import EncoderTagger

        return EncoderTagger.load(folder, manifest)

    def suits(self, train: Sequence[Sentence]) -> tuple[bool, str]:
        return encoder_suits(train)

    def suggest(self, values: Mapping[str, Any], train: Sequence[Sentence]) -> dict[str, Any]:
        """Enough steps for small data, patience for a third of them, averaged weights, and rates for the encoder."""
        batch = _setting(values, "train", "batch")
        if not isinstance(batch, int) or batch < 1:  # not set, or refused later
            batch = 16 if len(train) < SMALL else 32
        suggested: dict[str, Any] = {"train": {"batch": batch}}
        if _setting(values, "train", "epochs") is None:
            epochs = max(EPOCHS, ceil(STEPS / ceil(len(train) / batch)))
            suggested["train"] |= {"epochs": epochs, "patience": max(PATIENCE, epochs // 3), "average": AVERAGE}
        if not _setting(values, "train", "groups"):
            rate = RATES.get(str(_setting(values, "encoder", "name") or "minilm"), RATE)
            suggested["train"]["groups"] = {"encoder": {"rate": rate}, "head": {"times": HEAD_TIMES}}
        return suggested

    def identity(self, settings: FineTunedExperiment) -> dict[str, Any]:
        """The settings, and hashes of the pretrained encoder and of the model that training starts from."""
        excluded: dict[str, Any] = {
            "name": True,
            "data": True,
            "knowledge": True,
            "train": {"checkpoint_minutes", "init", "tensorboard"},
        }
        values: dict[str, Any] = settings.model_dump(mode="json", exclude=excluded)
        for section, new in NEW.items():
            own = values.get(section, {})
            values |= {section: {k: v for k, v in own.items() if k not in new or v != new[k]}} if own else {}
        values["files"] = file_hashes([Path(settings.encoder.name, n) for n in ("config.json", "model.safetensors")])
        if settings.train.init is not None:
            from coner.families.encoder.backbone.warm_start import trained_encoder

            values["init"] = trained_encoder(settings.train.init)[1].files[WEIGHTS].sha256
        return values

    def release(self, settings: FineTunedExperiment) -> None:
        from coner.families.encoder.training.process_group import ProcessGroup

        ProcessGroup(settings.train.device).release()

    def epochs(self, settings: FineTunedExperiment) -> int:
        return settings.train.epochs


def _setting(values: Mapping[str, Any], section: str, name: str) -> Any:
    """A setting before it is checked; ``None`` if it is not set."""
    section_values = values.get(section)
    return section_values.get(name) if isinstance(section_values, dict) else None
