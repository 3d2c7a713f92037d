"""Quantise the weights of a graph to 8-bit integers.

There is one scale for each row of an embedding and one for each block of 32 weights of a matrix; activations are
quantised in blocks of 32 too. Coarser scales (``quantize_dynamic`` of onnxruntime: one for each column, one for all
activations) are faster but lose too much, since a few large activations stretch the scale for every word of the batch.
Here the scales of a word depend on no other word.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCK = 32  # weights that share a scale
INT8 = 4  # accuracy level of onnxruntime: multiply in 8-bit integers
MIN_TABLE = 1 << 16  # elements of a table that is worth the extra operations


def quantise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Quantise the matrices and embeddings of a graph, which is changed."""
    _quantise_tables(model.graph)
    with _quiet():
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        how = {"bits": 8, "block_size": BLOCK, "is_symmetric": True, "accuracy_level": INT8}
        quantizer = MatMulNBitsQuantizer(model, **how, op_types_to_quantize=("MatMul",))
        quantizer.process()
    quantised: onnx.ModelProto = quantizer.model.model
    return quantised


def _quantise_tables(graph: onnx.GraphProto) -> None:
    """Quantise large tables that are used for row lookups only."""
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantiser, whose import would also configure the logging of the whole process."""
    before, handler = logging.root.manager.disable, logging.NullHandler()
    logging.root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        logging.root.removeHandler(handler)
