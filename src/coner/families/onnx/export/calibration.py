"""Fixed scales of activations, from a few sentences, balanced with the weights that they are multiplied with.

A few channels of normalised hidden states are many times larger than the others, so that one scale for all would
round the others coarsely. Dividing each channel by a factor, and multiplying its weights by it, changes no product;
with factors between the sizes of both, both can be rounded (SmoothQuant, Xiao et al. 2023).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

SHARE = 0.65  # of the differences in size that the weights take: gave the most equal entities of 0.5, 0.65 and 0.8
TINY = 1e-5
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FixedScale:
    """How activations become unsigned bytes: ``round(values / factors / scale) + zero``, at most 255.

    Attributes:
        scale, zero: of all values.
        factors: of each channel. K
    """

    scale: np.float32
    zero: np.uint8
    factors: Floats


def fixed_scales(model: onnx.ModelProto, batches: Iterable[Mapping[str, Any]], scratch: Path) -> dict[str, FixedScale]:
    """The scales of the activations that are multiplied with wide matrices, by name.

    Args:
        model: in float32; its products with constant matrices are ``MatMul``.
        batches: its inputs for some sentences, without padding.
        scratch: an empty folder.
    """
    matrices = _multiplied(model.graph)
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in matrices)
    onnx.save_model(watched, scratch / "watched.onnx", save_as_external_data=True, location="watched.data")
    options = SessionOptions()
    options.log_severity_level = 4
    session = InferenceSession(scratch / "watched.onnx", options, providers=["CPUExecutionProvider"])
    inputs, names = [value.name for value in session.get_inputs()], list(matrices)
    low, high = ({name: np.zeros(len(matrices[name][0]), np.float32) for name in names} for _ in range(2))
    for arrays in batches:
        for name, found in zip(names, session.run(names, {name: arrays[name] for name in inputs}), strict=True):
            rows = found.reshape(-1, found.shape[-1])
            low[name], high[name] = np.minimum(low[name], rows.min(0)), np.maximum(high[name], rows.max(0))
    return {name: _scale(low[name], high[name], matrices[name]) for name in names}


def _multiplied(graph: onnx.GraphProto) -> dict[str, list[Floats]]:
    """The matrices of the products of each activation, if none is tall, or belongs to another product too."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    products = [node.input for node in graph.node if node.op_type == "MatMul" and node.input[1] in stored]
    uses = Counter(matrix for _, matrix in products)
    found: dict[str, list[Floats]] = {}
    left_out = set[str]()
    for values, name in products:
        matrix = numpy_helper.to_array(stored[name]).astype(np.float32)
        if matrix.ndim != 2 or len(matrix) > matrix.shape[1] or uses[name] > 1:
            left_out.add(values)
        found.setdefault(values, []).append(matrix)
    return {values: matrices for values, matrices in found.items() if values not in left_out}


def _scale(low: Floats, high: Floats, matrices: Sequence[Floats]) -> FixedScale:
    sizes = np.maximum(-low, high).clip(TINY)
    weights = np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0).clip(TINY)
    factors = (sizes**SHARE / weights ** (1 - SHARE)).astype(np.float32)
    least, most = float((low / factors).min()), float((high / factors).max())
    scale = max(most - least, TINY) / 255
    return FixedScale(np.float32(scale), np.uint8(round(-least / scale)), factors)
