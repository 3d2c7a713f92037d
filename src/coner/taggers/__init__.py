"""Taggers of every kind, behind one protocol; ``load`` opens the folder of any of them."""

from __future__ import annotations

import importlib
from pathlib import Path

from coner.errors import MissingExtra, ModelError
from coner.hub import model_folder
from coner.taggers.base import Tagger
from coner.taggers.folder import CARD, read_model

__all__ = ["Tagger", "load"]

# Each has load(folder, card).
_MODULES = {
    "crf": "coner.taggers.crf",
    "encoder": "coner.taggers.encoder",
    "hybrid": "coner.taggers.hybrid",
    "llm": "coner.taggers.llm",
    "onnx": "coner.taggers.onnx",
    "vote": "coner.taggers.vote",
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
