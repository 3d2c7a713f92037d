"""Families of taggers, one folder a kind; ``load`` opens the model folder of any of them."""

from __future__ import annotations

from pathlib import Path

from coner.core.errors import ConfigError, ModelError, requires_extra
from coner.families.locate import model_folder
from coner.families.manifest import MANIFEST, parse_manifest, read_manifest
from coner.families.tagger import Prediction, Tagger

__all__ = ["Prediction", "Tagger", "load"]


def load(folder: str | Path) -> Tagger:
    """Open a trained model, whatever its family.

    Args:
        folder: of the model, or ``hf://user/name`` for one on the hub, with an optional ``@revision``.

    Raises:
        ModelError: the folder is missing, damaged, of a newer format, or of an unknown family.
        MissingExtra: its family needs packages that are not installed.
    """
    from coner.families.registry import family

    folder = model_folder(folder)
    manifest = read_manifest(folder)
    try:
        declared = family(manifest.kind)
    except ConfigError as error:
        raise ModelError(f"{folder / MANIFEST}: {error}") from None
    typed = parse_manifest(manifest.model_dump(), declared.manifest, folder)
    with requires_extra(f"a model of kind {manifest.kind}", declared.extra or manifest.kind):
        return declared.load(folder, typed)
