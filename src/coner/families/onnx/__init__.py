"""An exported encoder: the network in ONNX, tagging without torch or transformers."""

from __future__ import annotations

from coner.config.experiment import Experiment
from coner.families.family import Family
from coner.families.onnx.settings import OnnxManifest
from coner.families.registry import families


@families.register
class OnnxFamily(Family):
    """The declaration of the family."""

    kind = "onnx"
    description = "An encoder exported to ONNX"
    settings = Experiment
    manifest = OnnxManifest
    extra = "onnx"
