"""The network of an encoder tagger as an ONNX graph, from piece ids to emissions, with weights of 32 or 8 bits."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from coner.families.encoder.backbone.batch import as_batch
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.network import Network

OPSET = 17  # the first with a LayerNormalization operator
OUTPUT = "emissions"
BLOCK = 32  # weights that share a scale
INT8 = 4  # accuracy level of onnxruntime: multiply in 8-bit integers
MIN_TABLE = 1 << 16  # elements; a smaller table is not worth the extra operations
# The inputs and the sizes of their axes, all of which are dynamic (see ``layout.lay_out``).
AXES = {"ids": "RP", "mask": "RP", "first": "N", "last": "N", "every": "M", "word": "M"}
AXES |= {"lengths": "B", "grid": "BW", "cells": "N", "previous": "N", "following": "N"}


class Emissions(nn.Module):
    """A network from piece ids to emissions, with plain tensors as inputs, in the order of ``AXES``."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> Tensor:
        """Emissions of every word, N x C."""
        batch = as_batch(dict(zip(AXES, tensors, strict=True)))
        emissions: Tensor = self.network.emissions(self.network.words(batch))
        return emissions


def write_graph(network: Network, maker: PieceMaker, path: Path, *, int8: bool) -> None:
    """Write a network, which is on the CPU, to ``path``, and its weights to a file beside it.

    The graph has only the inputs that the network's pooling and context use. ``int8`` quantises the weights.
    """
    example = lay_out([Pieces([maker.unknown] * 6, [2, 1, 3]), Pieces([maker.unknown] * 2, [1, 1])], maker)
    training = network.training
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter is deprecated, but the newer one unrolls an LSTM over the length of the example. Other
        # warnings are about shape checks in the encoders, which become constants.
        warnings.simplefilter("ignore")
        traced = Path(scratch) / "traced.onnx"
        torch.onnx.export(
            Emissions(network).eval(),
            tuple(torch.from_numpy(example[name]) for name in AXES),
            str(traced),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(AXES),
            output_names=[OUTPUT],
            dynamic_axes={**{name: dict(enumerate(axes)) for name, axes in AXES.items()}, OUTPUT: {0: "N"}},
        )
        model = onnx.load(traced)
    network.train(training)
    weights = path.with_name(path.name + ".data")  # a graph file is limited to 2 GB
    onnx.save_model(quantise(model) if int8 else model, path, save_as_external_data=True, location=weights.name)
    weights.chmod(path.stat().st_mode)  # onnx makes it readable for its owner only


def quantise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph with its matrices and embeddings quantised to 8-bit integers; ``model`` is modified.

    There is one scale for each row of an embedding and one for each block of 32 weights of a matrix; activations are
    quantised in blocks of 32 too. Coarser scales (``quantize_dynamic`` of onnxruntime: one for each column, one for all
    activations) are faster but lose too much, since a few large activations stretch the scale for every word of the
    batch. Here the scales of a word depend on no other word.
    """
    _quantise_tables(model.graph)
    # The quantiser logs each step, and its import would configure the logging of the whole process.
    before, handler = logging.root.manager.disable, logging.NullHandler()
    logging.root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        options = {"bits": 8, "block_size": BLOCK, "is_symmetric": True, "accuracy_level": INT8}
        quantizer = MatMulNBitsQuantizer(model, **options, op_types_to_quantize=("MatMul",))
        quantizer.process()
    finally:
        logging.disable(before)
        logging.root.removeHandler(handler)
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
