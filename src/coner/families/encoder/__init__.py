"""Words to emissions: pieces, batch, pretrained encoder, one vector a word, mix, context, blend, decoder.

Everything below this package needs the ``encoder`` extra, but for ``pieces``, ``layout`` and ``independent``, which
taggers without torch share. One alphabet names the axes of every tensor:
B sentences, R rows of pieces, P pieces, W words of the longest sentence, N real words of the batch, L layers, H width,
C tags, K coarse tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coner.core.errors import MissingExtra
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest
from coner.families.family import Built, Family, Job
from coner.families.recipe import file_hashes
from coner.families.registry import families
from coner.families.tagger import Tagger


@families.register
class EncoderFamily(Family):
    """The declaration of the family."""

    kind = "encoder"
    description = "A fine-tuned pretrained encoder with a head of its own"
    settings = EncoderExperiment
    manifest = EncoderManifest
    extra = "encoder"
    configurable = True
    trains = True
    multiprocess = True
    exports = True

    def fit(self, settings: EncoderExperiment, job: Job) -> Built:
        """Fine-tune, from the checkpoint in the folder if there is one; the best epoch on dev is kept."""
        try:
            from coner.families.encoder.training.process import process_state
            from coner.families.encoder.training.trainer import EncoderTrainer
        except ModuleNotFoundError:
            raise MissingExtra("training an encoder", "encoder") from None
        with process_state():
            trainer = EncoderTrainer(
                settings,
                train=job.train,
                weights=job.weights,
                dev=job.dev,
                taxonomy=job.taxonomy,
                folder=job.folder,
                belongs_to=job.fingerprint,
                log=job.log,
                cache=job.pieces.setdefault((settings.encoder.name, settings.encoder.lowercase), {}),
                watch=job.on_epoch,
            )
            job.claim()
            return Built(trainer.run(), trainer.facts())

    def load(self, folder: Path, manifest: EncoderManifest) -> Tagger:
        """Open a trained encoder."""
        from coner.families.encoder.tagger import load

        return load(folder, manifest)

    def identity(self, settings: EncoderExperiment) -> dict[str, Any]:
        """The settings, and hashes of the pretrained encoder and of the model that training starts from."""
        apart: dict[str, Any] = {
            "name": True,
            "data": True,
            "train": {"checkpoint_minutes", "init", "tensorboard"},
        }
        values: dict[str, Any] = settings.model_dump(mode="json", exclude=apart)
        values["files"] = file_hashes([Path(settings.encoder.name, n) for n in ("config.json", "model.safetensors")])
        if settings.train.init is not None:
            from coner.families.encoder.training.start import weights_hash

            values["init"] = weights_hash(settings.train.init)
        return values

    def release(self, settings: EncoderExperiment) -> None:
        """Tell the other processes that there is nothing to train."""
        from coner.families.encoder.training.team import Team

        Team(settings.train.device).agree("")

    def epochs(self, settings: EncoderExperiment) -> int:
        """``train.epochs``."""
        return settings.train.epochs

    def with_encoder(self, settings: EncoderExperiment, name: str) -> EncoderExperiment:
        """The settings with another ``encoder.name``."""
        return settings.model_copy(update={"encoder": settings.encoder.model_copy(update={"name": name})})

    def card_settings(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """All of them."""
        return dict(settings)
