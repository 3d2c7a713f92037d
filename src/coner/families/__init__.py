"""Taggers of every kind, behind one protocol; ``load`` opens the folder of any of them."""

from __future__ import annotations

import importlib
from pathlib import Path

from coner.core.errors import MissingExtra, ModelError
from coner.families.manifest import CARD, read_model
from coner.families.tagger import Tagger
from coner.hub import model_folder

__all__ = ["Tagger", "load"]

# Each has load(folder, card).
_MODULES = {
    "crf": "coner.families.crf.tagger",
    "encoder": "coner.families.encoder.tagger",
    "hybrid": "coner.families.hybrid.tagger",
    "llm": "coner.families.llm.tagger",
    "onnx": "coner.families.onnx.tagger",
    "vote": "coner.families.vote.tagger",
}


def load(folder: str | Path) -> Tagger:
    """Open a trained model, whatever its kind.

    Args:
        folder: of the model; or ``hf://user/name``, with an optional ``@revision``: one of the hub.

    Raises:
        ModelError: the folder is missing, damaged, of a newer format, or of a kind that is not known.
        MissingExtra: its kind needs packages that are not installed.
    """
    folder = model_folder(folder)
    card = read_model(folder)
    kind = card["kind"]
    if kind not in _MODULES:
        raise ModelError(f"{folder / CARD}: kind {kind!r} is not known; expected one of: {', '.join(_MODULES)}")
    try:
        module = importlib.import_module(_MODULES[kind])
    except ModuleNotFoundError:
        raise MissingExtra(f"a model of kind {kind}", kind) from None
    tagger: Tagger = module.load(folder, card)
    return tagger
