"""An exported encoder: the network in ONNX, tagging without torch or transformers."""

from __future__ import annotations

from pathlib import Path

from coner.config.experiment import Experiment
from coner.families.family import Family
from coner.families.onnx.settings import OnnxManifest
from coner.families.registry import families
from coner.families.tagger import Tagger


@families.register
class OnnxFamily(Family):
    """The declaration of the family."""

    kind = "onnx"
    description = "An encoder exported to ONNX"
    settings = Experiment
    manifest = OnnxManifest
    extra = "onnx"

    def load(self, folder: Path, manifest: OnnxManifest) -> Tagger:
        """Open an exported encoder."""
        from coner.families.onnx.tagger import load

        return load(folder, manifest)
