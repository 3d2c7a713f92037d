"""Weights of a graph as 8-bit integers.

Scales are fine: one for each row of an embedding, one for each 32 weights of a matrix, and what is multiplied with the
matrix is turned to integers by 32 at a time too. A scale a column, with one for all that flows in (onnxruntime's
``quantize_dynamic``), is faster and loses too much: a few large values of the inner layers stretch it for every word of
the batch. Here no word's scale depends on another.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from coner.families.onnx.export.graph import save_graph

BLOCK = 32  # weights that share a scale
INTEGERS = 4  # onnxruntime's name for: multiply in integers, not in restored floats
LEAST = 1 << 16  # elements of a table that is worth the extra steps


def quantise(path: Path) -> None:
    """Turn the weights of matrix products and the embeddings of a graph into integers, in place."""
    model = onnx.load(path)
    shrink_tables(model.graph, least=LEAST)
    with _quiet():
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantizer = MatMulNBitsQuantizer(
            model,
            bits=8,
            block_size=BLOCK,
            is_symmetric=True,
            accuracy_level=INTEGERS,
            op_types_to_quantize=("MatMul",),
        )
        quantizer.process()
    save_graph(quantizer.model.model, path)


def shrink_tables(graph: onnx.GraphProto, *, least: int) -> None:
    """Turn tables of at least so many elements, from which rows are looked up and nothing else, into integers."""
    readers = defaultdict(list)
    for node in graph.node:
        for place, name in enumerate(node.input):
            readers[name].append((node, place))
    for table in list(graph.initializer):
        looked_up = all(node.op_type == "Gather" and place == 0 for node, place in readers[table.name])
        by_row = all(attribute.i == 0 for node, _ in readers[table.name] for attribute in node.attribute)
        if len(table.dims) == 2 and np.prod(table.dims) >= least and looked_up and by_row:
            _shrink(graph, table, [node for node, _ in readers[table.name]])


def _shrink(graph: onnx.GraphProto, table: onnx.TensorProto, lookups: list[onnx.NodeProto]) -> None:
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
    """Without what the quantiser logs; its import would also set up the logging of the whole process."""
    root, before = logging.getLogger(), logging.root.manager.disable
    silent = logging.NullHandler()
    root.addHandler(silent)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(silent)
