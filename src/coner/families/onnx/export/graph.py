"""The network of an encoder tagger as an ONNX graph, from piece ids to emissions, with weights of 32 or 8 bits."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from coner.families.encoder.backbone.batch import as_batch
from coner.families.encoder.backbone.layout import lay_out
from coner.families.encoder.backbone.pieces import PieceMaker, Pieces
from coner.families.encoder.network import Network
from coner.families.onnx.export.calibration import fixed_scales
from coner.families.onnx.export.int8 import Level, quantise

OPSET = 17  # the first with a LayerNormalization operator
OUTPUT = "emissions"
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


def write_graph(
    network: Network, maker: PieceMaker, path: Path, *, int8: Level | None, text: Sequence[Pieces] = ()
) -> None:
    """Write a network, which is on the CPU, to ``path``, and its weights to a file beside it.

    The graph has only the inputs that the network's pooling and context use. ``int8``: see ``quantise``; its ``fixed``
    takes the scales from ``text``.
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
        alone = (lay_out([pieces], maker, round_to=1) for pieces in text)
        fixed = fixed_scales(model, alone, Path(scratch)) if int8 == "fixed" else {}
    if int8:
        model = quantise(model, int8, fixed)
    network.train(training)
    weights = path.with_name(path.name + ".data")  # a graph file is limited to 2 GB
    onnx.save_model(model, path, save_as_external_data=True, location=weights.name)
    weights.chmod(path.stat().st_mode)  # onnx makes it readable for its owner only
