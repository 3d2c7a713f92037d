"""Quantise the matrices and embeddings of an ONNX graph to 8-bit integers.

A product takes one scale for each column of the matrix, and one for each row of activations, which is a piece of a
sentence (``blocks``: for each 32 values of both; ``fixed``: see ``calibration``). So the result for a sentence depends
on no other sentence of its batch.

Processors with AVX2 but without VNNI add the products of two neighbours, each of an unsigned and a signed byte, in 16
bits with saturation. So the scale of a column is such that the sum of two neighbouring weights of one sign is at most
``PAIR``, and every processor gives the same exact sums.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from coner.families.onnx.export.calibration import FixedScale

Level = Literal["fixed", "all", "most", "blocks"]
LEVELS: tuple[Level, ...] = "fixed", "all", "most", "blocks"  # in the order in which they are tried
MIN_TABLE = 1 << 16  # elements; a smaller table is not worth the extra operations
BLOCK = 32  # values that share a scale
MULTIPLY_INT8 = 4  # accuracy level of onnxruntime
LARGEST = 127  # of a weight, and of an activation
PAIR = 128  # 255 * 128 is the most that fits into 16 bits
ZERO = 128  # unsigned integer of the activation 0
TINY = 1e-20  # added to a scale, so that a row of zeros is not divided by zero
ONE, MIDDLE, STEP, MINIMUM = "int8.one", "int8.middle", "int8.step", "int8.least"  # constants that all products share


def quantise(model: onnx.ModelProto, level: Level, fixed: Mapping[str, FixedScale] = {}) -> onnx.ModelProto:
    """Return a graph with quantised matrices, and large tables that are used for row lookups; ``model`` is modified.

    With ``most``, tall matrices, which have more rows than columns, stay in float32: above all the second one of a
    feed-forward block, as a few of its activations are much larger than the others of their row. With ``fixed``, the
    activations of tall matrices have a scale for each row, and all others the scales in ``fixed``.
    """
    _quantise_tables(model.graph)
    if level == "blocks":
        return _in_blocks(model)
    shapes = _products(model.graph).items()
    chosen = [name for name, (high, wide) in shapes if level != "most" or high <= wide]
    _quantise_products(model.graph, chosen, fixed)
    _fold_biases(model.graph)
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def _in_blocks(model: onnx.ModelProto) -> onnx.ModelProto:
    # The quantiser logs each step, and its import would configure the logging of the whole process.
    before, handler = logging.root.manager.disable, logging.NullHandler()
    logging.root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        options = {"bits": 8, "block_size": BLOCK, "is_symmetric": True, "accuracy_level": MULTIPLY_INT8}
        quantizer = MatMulNBitsQuantizer(model, **options, op_types_to_quantize=("MatMul",))
        quantizer.process()
    finally:
        logging.disable(before)
        logging.root.removeHandler(handler)
    quantised: onnx.ModelProto = quantizer.model.model
    return quantised


def _products(graph: onnx.GraphProto) -> dict[str, tuple[int, int]]:
    """The products of activations and a constant matrix by name, with the shapes of the matrices."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    found = ((node.name, shapes.get(node.input[1], ())) for node in graph.node if node.op_type == "MatMul")
    return {name: (shape[0], shape[1]) for name, shape in found if len(shape) == 2}


def _quantise_products(graph: onnx.GraphProto, chosen: Collection[str], fixed: Mapping[str, FixedScale]) -> None:
    constants = {ONE: np.float32(1), MIDDLE: np.uint8(ZERO), STEP: np.float32(1 / LARGEST), MINIMUM: np.float32(TINY)}
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items())
    nodes: list[onnx.NodeProto] = []
    rows, matrices = set[str](), set[str]()
    for node in graph.node:
        if node.op_type != "MatMul" or node.name not in chosen:
            nodes.append(node)
            continue
        values, matrix = node.input
        known = fixed.get(values)
        if values not in rows:
            rows.add(values)
            nodes += _quantised_rows(values) if known is None else _quantised_at_once(graph, values, known)
        if matrix not in matrices:
            matrices.add(matrix)
            _add_matrix(graph, matrix, None if known is None else known.factors)
        if known is None:
            product, scale, zero = f"{node.output[0]}.unscaled", ONE, MIDDLE
        else:
            product, scale, zero = node.output[0], f"{values}.scale", f"{values}.zero"
        inputs = [f"{values}.int8", f"{matrix}.int8", scale, f"{matrix}.scale", zero]
        nodes.append(
            helper.make_node("MatMulIntegerToFloat", inputs, [product], f"{node.name}.int8", domain="com.microsoft")
        )
        if known is None:
            nodes.append(helper.make_node("Mul", [product, f"{values}.scale"], node.output, f"{node.name}.scaled"))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name in matrices - used]:
        graph.initializer.remove(tensor)


def _quantised_rows(values: str) -> Iterator[onnx.NodeProto]:
    """Activations as unsigned integers and the scale of each row."""
    sizes, largest, step, scale, scaled = (f"{values}.{name}" for name in ("abs", "max", "step", "scale", "scaled"))
    yield helper.make_node("Abs", [values], [sizes], sizes)
    yield helper.make_node("ReduceMax", [sizes], [largest], largest, axes=[-1], keepdims=1)
    yield helper.make_node("Mul", [largest, STEP], [step], step)
    yield helper.make_node("Add", [step, MINIMUM], [scale], scale)
    yield helper.make_node("Div", [values, scale], [scaled], scaled)
    yield helper.make_node("QuantizeLinear", [scaled, ONE, MIDDLE], [f"{values}.int8"], f"{values}.int8")


def _quantised_at_once(graph: onnx.GraphProto, values: str, known: FixedScale) -> Iterator[onnx.NodeProto]:
    """Activations as unsigned integers with a fixed scale."""
    constants = {"factors": 1 / known.factors, "scale": known.scale, "zero": known.zero}
    names = [f"{values}.{name}" for name in constants]
    stored = zip(constants.values(), names, strict=True)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for value, name in stored)
    even = f"{values}.even"
    yield helper.make_node("Mul", [values, names[0]], [even], even)
    yield helper.make_node("QuantizeLinear", [even, *names[1:]], [f"{values}.int8"], f"{values}.int8")


def _fold_biases(graph: onnx.GraphProto) -> None:
    """Let products add the vector that is added to their results."""
    stored = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    readers = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    for product in [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]:
        match readers[product.output[0]]:
            case [onnx.NodeProto(op_type="Add") as following]:
                bias = next(name for name in following.input if name != product.output[0])
                if stored.get(bias) == 1:
                    product.input.extend(["", bias])
                    product.output[0] = following.output[0]
                    graph.node.remove(following)


def _add_matrix(graph: onnx.GraphProto, name: str, factors: NDArray[np.float32] | None) -> None:
    tensor = next(tensor for tensor in graph.initializer if tensor.name == name)
    matrix = numpy_helper.to_array(tensor).astype(np.float32)
    integers, scale = quantised_columns(matrix if factors is None else matrix * factors[:, None])
    graph.initializer.append(numpy_helper.from_array(integers, f"{name}.int8"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))


def quantised_columns(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A matrix as integers and the scale of each column; no product with unsigned bytes saturates."""
    even = np.vstack([matrix, np.zeros((len(matrix) % 2, matrix.shape[1]), matrix.dtype)])
    pairs = even.reshape(-1, 2, matrix.shape[1])
    sums = np.maximum(pairs.clip(min=0).sum(axis=1), -pairs.clip(max=0).sum(axis=1)).max(axis=0)
    # Each of the two may be rounded up by a half.
    scale = np.maximum(np.abs(matrix).max(axis=0) / LARGEST, sums / (PAIR - 1)).astype(np.float32)
    scale[scale == 0] = 1
    return np.rint(matrix / scale).astype(np.int8), scale


def _quantise_tables(graph: onnx.GraphProto) -> None:
    readers = defaultdict(list)
    for node in graph.node:
        for place, name in enumerate(node.input):
            readers[name].append((node, place))
    for table in list(graph.initializer):
        looked_up = all(node.op_type == "Gather" and place == 0 for node, place in readers[table.name])
        by_row = all(attribute.i == 0 for node, _ in readers[table.name] for attribute in node.attribute)
        if len(table.dims) == 2 and np.prod(table.dims) >= MIN_TABLE and looked_up and by_row:
            _quantise_table(graph, table, [node for node, _ in readers[table.name]])


def _quantise_table(graph: onnx.GraphProto, table: onnx.TensorProto, lookups: list[onnx.NodeProto]) -> None:
    values = numpy_helper.to_array(table).astype(np.float32)
    scale = np.abs(values).max(axis=1, keepdims=True) / 127
    scale[scale == 0] = 1
    integers, scales = f"{table.name}.int8", f"{table.name}.scale"
    graph.initializer.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), integers))
    graph.initializer.append(numpy_helper.from_array(scale, scales))
    graph.initializer.remove(table)
    for lookup in lookups:
        rows, out, name = lookup.input[1], lookup.output[0], lookup.name
        new = [
            helper.make_node("Gather", [integers, rows], [f"{out}.int8"], f"{name}.int8"),
            helper.make_node("Cast", [f"{out}.int8"], [f"{out}.float"], f"{name}.float", to=TensorProto.FLOAT),
            helper.make_node("Gather", [scales, rows], [f"{out}.scale"], f"{name}.scale"),
            helper.make_node("Mul", [f"{out}.float", f"{out}.scale"], [out], f"{name}.scaled"),
        ]
        at = list(graph.node).index(lookup)
        graph.node.remove(lookup)
        for node in reversed(new):
            graph.node.insert(at, node)
