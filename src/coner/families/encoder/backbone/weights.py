"""Weights in safetensors: shapes are compared before memory is taken for them, numbers before they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from coner.core.untrusted import open_regular

Shapes = dict[str, tuple[int, ...]]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file; ``ValueError`` if it is damaged, or has numbers that are NaN or infinite."""
    with _reading(path):
        weights = load_file(path)
    for name, values in weights.items():
        # The sum of finite numbers of a network is finite, and takes one pass without a copy.
        if values.is_floating_point() and not values.sum(dtype=torch.float32).isfinite():
            raise ValueError(f"{name[:80]!r} has numbers that are NaN or infinite")
    return weights


def read_shapes(path: Path) -> Shapes:
    """The shapes of the tensors of a file, without reading them; ``ValueError`` if it is damaged."""
    with _reading(path), safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping


def check_shapes(network: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """``ValueError`` unless a network, which may be on the device ``meta``, has exactly these weights."""
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name, shape in own.items():
        if shapes.get(name) != shape:
            got = f"{list(shapes[name])}" if name in shapes else "nothing"
            raise ValueError(f"{name}: got {got}; expected {list(shape)}")
    if unknown := sorted(shapes.keys() - own.keys()):
        raise ValueError(f"got weights that the network does not have (first: {unknown[0][:80]!r})")


def count(network: nn.Module) -> int:
    """Number of the weights and other values of a network."""
    return sum(value.numel() for value in (*network.parameters(), *network.buffers()))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        with open_regular(path):  # not a pipe, which safetensors would wait for
            pass
        yield
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(" ".join(str(error).split())[:300]) from None
