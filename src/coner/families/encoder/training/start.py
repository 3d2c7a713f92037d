"""Where the training of an encoder tagger starts: from a trained one, as far as its weights fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.core.errors import ConfigError, ModelError
from coner.core.tags import TagSet
from coner.families.encoder.settings import EncoderManifest
from coner.families.locate import model_folder
from coner.families.manifest import WEIGHTS, parse_manifest, read_manifest
from coner.hub import model_name

if TYPE_CHECKING:
    from coner.families.encoder.network import Network


@dataclass(frozen=True)
class Start:
    """What became of the weights of a trained model.

    Attributes:
        model: base name of its folder.
        taken: names of those that were taken over.
        anew: those of the network that start as if there were no such model.
        unused: those of the model that have no place in the network.
    """

    model: str
    taken: Sequence[str]
    anew: Sequence[str]
    unused: Sequence[str]

    def __str__(self) -> str:
        told = [f"starts from {self.model}: {len(self.taken)} of {len(self.taken) + len(self.anew)} weights taken over"]
        rest = ((self.anew, "start anew"), (self.unused, "of that model have no place here"))
        return ", ".join([*told, *(f"{len(names)} {what} ({names[0]} first)" for names, what in rest if names)])

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the record: counts, and names of what was not taken over."""
        return {"model": self.model, "taken": len(self.taken), "anew": list(self.anew), "unused": list(self.unused)}


def weights_hash(folder: Path) -> str:
    """The hash of the weights of a trained encoder, its folder checked.

    Raises:
        ModelError: the folder is missing, damaged, or of another kind.
    """
    return _manifest(model_folder(folder)).files[WEIGHTS].sha256


def take_over(network: Network, folder: Path, *, fine: TagSet, coarse: TagSet) -> Start:
    """Fill the network with the weights of a trained encoder where names and shapes agree.

    What scores tags (``emissions``, ``decoder``, ``auxiliary``) is taken over only where the tags are the same: equal
    shapes of other labels would mean nothing.

    Args:
        network: to be trained.
        folder: of the trained model; it is not needed afterwards.
        fine: the tags that the network predicts.
        coarse: those of the auxiliary task.

    Raises:
        ModelError: the folder is missing, damaged, or of another kind.
        ConfigError: none of its encoder's weights fit.
    """
    from safetensors.torch import load_file

    from coner.families.encoder.tagger import coarse_tags, fine_tags

    folder = model_folder(folder)
    manifest = _manifest(folder)
    settings, taxonomy = manifest.settings, manifest.taxonomy
    shut: tuple[str, ...] = ()
    if fine_tags(taxonomy, settings).tags != fine.tags:
        shut += ("emissions.", "decoder.")
    if coarse_tags(taxonomy, settings).tags != coarse.tags:
        shut += ("auxiliary.",)
    weights, own = load_file(folder / WEIGHTS), network.state_dict()
    taken = {
        name: value
        for name, value in weights.items()
        if name in own and own[name].shape == value.shape and not name.startswith(shut)
    }
    if not any(name.startswith("encoder.") for name in taken):
        raise ConfigError(
            f"train.init: no weight of the encoder in {folder} ({settings.encoder.name}) fits this one; "
            "expected a model over the same encoder.name"
        )
    network.load_state_dict(taken, strict=False)
    anew = [name for name in own if name not in taken]
    return Start(model_name(folder), list(taken), anew, [name for name in weights if name not in own])


def _manifest(folder: Path) -> EncoderManifest:
    manifest = read_manifest(folder)
    if manifest.kind != "encoder" or WEIGHTS not in manifest.files:
        raise ModelError(f"{folder}: got a model of kind {manifest.kind}; train.init expects one of kind encoder")
    return parse_manifest(manifest.model_dump(), EncoderManifest, folder)
