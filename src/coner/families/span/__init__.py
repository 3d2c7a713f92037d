"""A span classifier over a pretrained encoder: every short span gets a label or none; the best disjoint set is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coner.core.errors import requires_extra
from coner.families.encoder import EncoderFamily
from coner.families.family import Built, TrainingJob
from coner.families.registry import families
from coner.families.span.settings import SpanExperiment, SpanManifest
from coner.families.tagger import Tagger


@families.register
class SpanFamily(EncoderFamily):
    """The declaration of the family; what is not set here is inherited from the encoder."""

    kind = "span"
    description = "A fine-tuned pretrained encoder that classifies spans"
    settings = SpanExperiment
    manifest = SpanManifest
    exports = False
    preference = 0
    has_chain = False
    learns_sets = False

    def fit(self, settings: Any, job: TrainingJob) -> Built:
        """Fine-tune, or resume from the checkpoint in the folder; best epoch and threshold are chosen on dev."""
        with requires_extra("training a span classifier", "encoder"):
            from coner.families.span.fit import fit
        return fit(settings, job)

    def load(self, folder: Path, manifest: Any) -> Tagger:
        from coner.families.span.tagger import SpanTagger

        return SpanTagger.load(folder, manifest)
