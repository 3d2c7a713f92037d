"""Which layers of a teacher a student begins with, and which it is compared with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from coner.core.errors import ConfigError, ModelError
from coner.families.encoder.backbone.pieces import Cache
from coner.families.encoder.backbone.pretrained import build_encoder
from coner.families.encoder.cpu.rows import set_embeddings
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.tagger import EncoderTagger

NUMBERED = re.compile(r"(encoder\.(?:.*?\.)?layers?\.)(\d+)(\..*)")  # names of the weights of one layer


@dataclass(frozen=True)
class LayerMap:
    """Layers of a student, with those of its teacher, both counted from 0."""

    copied: tuple[int, ...]  # layer of the teacher with whose weights each layer of the student begins
    matched: tuple[int, ...]  # layer of the teacher whose output that of each layer of the student is compared with

    @classmethod
    def spaced(cls, count: int | None, total: int) -> LayerMap:
        """The map of ``count`` (default: half) of ``total`` layers: each stands for a block of the teacher's.

        It begins as the first layer of its block, and is compared with the last one, whose output the next block gets.
        ``ConfigError`` unless there are fewer layers than in the teacher.
        """
        chosen = max(1, total // 2) if count is None else count
        if not 1 <= chosen < total:
            had = f"the teacher has {total}"
            expected = f"expected 1 to {total - 1}, as {had}" if total > 1 else f"{had}, and none to leave out"
            raise ConfigError(f"--layers: got {chosen}; {expected}")
        ends = [-(-(block + 1) * total // chosen) for block in range(chosen)]
        return cls(copied=(0, *ends[:-1]), matched=tuple(end - 1 for end in ends))

    def weights(self, teacher: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a teacher by their names in the student."""
        renamed = {}
        for name, value in teacher.items():
            if (parts := NUMBERED.fullmatch(name)) is None:
                renamed[name] = value
            else:
                before, layer, after = parts.groups()
                for own in (own for own, copied in enumerate(self.copied) if copied == int(layer)):
                    renamed[f"{before}{own}{after}"] = value
        return renamed


def make_student(
    teacher: EncoderTagger,
    layers: LayerMap,
    manifest: EncoderManifest,
    device: torch.device,
    *,
    cache: Cache | None = None,
) -> EncoderTagger:
    """A tagger with fewer layers and the teacher's weights, which is to be trained; see ``NetworkTagger.pretrained``.

    Weights of the head that depend on the number of layers are new. ``ConfigError`` if a setting does not fit the
    student, ``ModelError`` if the layers of this encoder cannot be chosen.
    """
    config = deepcopy(teacher.encoder.config)
    config.num_hidden_layers = len(layers.copied)
    if types := getattr(config, "layer_types", None):
        config.layer_types = [types[layer] for layer in layers.copied]
    encoder = build_encoder(config)
    set_embeddings(encoder, manifest.settings.encoder.embeddings)
    network = EncoderTagger.build_network(manifest, encoder)
    own = network.state_dict()
    weights = layers.weights(teacher.network.state_dict())
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    if missing := [name for name in own if name.startswith("encoder.") and name not in fitting]:
        raise ModelError(f"the teacher lacks {missing[0]}; expected an encoder whose layers have equal weights")
    network.load_state_dict(fitting, strict=False)
    return EncoderTagger(network.to(device), teacher.tokenizer, manifest, cache=cache)
