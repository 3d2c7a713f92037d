"""Start training from the weights of a trained model, as far as they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from coner.core.errors import ConfigError, ModelError
from coner.families import model_folder
from coner.families.encoder.backbone.weights import read_weights
from coner.families.manifest import WEIGHTS, Manifest, parse_manifest, read_manifest
from coner.families.registry import family
from coner.hub import model_name


@dataclass(frozen=True)
class WarmStart:
    """Which weights of a network were loaded from a trained model."""

    model: str  # base name of its folder
    loaded: Sequence[str]
    new: Sequence[str]  # weights of the network that keep their initial values
    unused: Sequence[str]  # weights of the model that have no counterpart in the network

    def __str__(self) -> str:
        parts = [f"starting from {self.model}: {len(self.loaded)} of {len(self.loaded) + len(self.new)} weights loaded"]
        others = ((self.new, "newly initialised"), (self.unused, "of that model unused"))
        return ", ".join([*parts, *(f"{len(names)} {what} (first: {names[0]})" for names, what in others if names)])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the record."""
        return {"model": self.model, "loaded": len(self.loaded), "new": list(self.new), "unused": list(self.unused)}


def trained_encoder(folder: Path, *, run: Path | None = None) -> tuple[Path, Manifest]:
    """Locate a trained model with an encoder, from which a run starts, and check its files.

    Raises:
        ModelError: the folder is missing, damaged, or holds a model without an encoder.
        ConfigError: it is the folder of the run.
    """
    if run is not None and folder.resolve() == run.resolve():
        raise ConfigError(f"train.init: got {folder}, the folder of this run. Fix: choose another --out")
    folder = model_folder(folder)
    manifest = read_manifest(folder)
    if WEIGHTS not in manifest.files:
        raise ModelError(f"train.init: got {folder}, a model of kind {manifest.kind}; expected one with an encoder")
    return folder, parse_manifest(manifest.model_dump(), family(manifest.kind).manifest, folder)


def load_matching(network: nn.Module, folder: Path, *, excluded: tuple[str, ...] = ()) -> WarmStart:
    """Load the weights of a trained model whose names and shapes agree with the network.

    Names that begin with a prefix in ``excluded`` are left out. ``ConfigError`` if no weight of the encoder fits.
    """
    try:
        weights, own = read_weights(folder / WEIGHTS), network.state_dict()
    except ValueError as error:
        raise ModelError(f"{folder / WEIGHTS}: damaged: {error}. Fix: copy the whole folder again") from None
    loaded = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape and not name.startswith(excluded)
    }
    if not any(name.startswith("encoder.") for name in loaded):
        raise ConfigError(
            f"train.init: got {folder}, whose encoder has other weights; expected a model with the same encoder.name"
        )
    network.load_state_dict(loaded, strict=False)
    new = [name for name in own if name not in loaded]
    return WarmStart(model_name(folder), list(loaded), new, [name for name in weights if name not in own])
