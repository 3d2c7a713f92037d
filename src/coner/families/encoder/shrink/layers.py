"""A student that begins with the lowest layers of its teacher, and the layers that it is compared with."""

from __future__ import annotations

from copy import deepcopy

import torch

from coner.core.errors import ConfigError, ModelError
from coner.families.encoder.backbone.pieces import Cache
from coner.families.encoder.backbone.pretrained import build_encoder
from coner.families.encoder.cpu.rows import set_embeddings
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.tagger import EncoderTagger


def matched_layers(count: int | None, total: int) -> tuple[int, ...]:
    """Which of the ``total`` layers of a teacher each layer of a student is compared with, counted from 0.

    The teacher's layers are cut into blocks, as equal as possible, one for each of ``count`` layers (default: half);
    their last ones are compared. ``ConfigError`` unless the student has fewer layers than the teacher.
    """
    chosen = max(1, total // 2) if count is None else count
    if not 1 <= chosen < total:
        had = f"the teacher has {total}"
        expected = f"expected 1 to {total - 1}, as {had}" if total > 1 else f"{had}, and none to leave out"
        raise ConfigError(f"--layers: got {chosen}; {expected}")
    return tuple(-(-(block + 1) * total // chosen) - 1 for block in range(chosen))


def make_student(
    teacher: EncoderTagger, manifest: EncoderManifest, device: torch.device, *, cache: Cache | None = None
) -> EncoderTagger:
    """A tagger with the lowest ``encoder.keep_layers`` layers of its teacher and its head, which is to be trained.

    Weights of the head whose shape depends on the number of layers are new. ``ConfigError`` if a setting does not fit
    the student, ``ModelError`` if the teacher lacks weights of its encoder.
    """
    count, config = manifest.settings.encoder.keep_layers, deepcopy(teacher.encoder.config)
    config.num_hidden_layers = count
    if types := getattr(config, "layer_types", None):
        config.layer_types = types[:count]
    encoder = build_encoder(config)
    set_embeddings(encoder, manifest.settings.encoder.embeddings)
    network = EncoderTagger.build_network(manifest, encoder)
    own, weights = network.state_dict(), teacher.network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    if missing := [name for name in own if name.startswith("encoder.") and name not in fitting]:
        raise ModelError(
            f"the teacher lacks {missing[0]}; expected an encoder whose layers are numbered from the lowest"
        )
    network.load_state_dict(fitting, strict=False)
    return EncoderTagger.of(network.to(device), teacher.pieces.tokenizer, manifest, cache=cache)
