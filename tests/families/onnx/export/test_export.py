"""The head in ONNX gives the same results as in torch, also for sizes other than those traced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from coner.families.encoder.backbone.batch import WordLayout
from coner.families.encoder.blend import blends
from coner.families.encoder.context import contexts
from helpers.layouts import word_layout

SIZE = 8
INPUTS = ["words", "lengths", "grid", "cells", "previous", "following"]


class Head(nn.Module):
    """Context, blend and emissions, with the layout as plain tensors."""

    def __init__(self, context: str, blend: str) -> None:
        super().__init__()
        self.context = contexts[context](SIZE, SIZE)
        self.blend = blends[blend](self.context.size)
        self.emissions = nn.Linear(self.blend.size, 5)

    def forward(  # noqa: PLR0917  (the exporter passes arguments by position)
        self, words: Tensor, lengths: Tensor, grid: Tensor, cells: Tensor, previous: Tensor, following: Tensor
    ) -> Tensor:
        around = self.context(words, WordLayout(lengths, grid, cells, previous, following))
        return self.emissions(self.blend(around, around[previous], around[following]))


def example(lengths: list[int]) -> tuple[Tensor, ...]:
    layout = word_layout(lengths)
    return (torch.randn(sum(lengths), SIZE), *(getattr(layout, name) for name in INPUTS[1:]))


# The tracing exporter is deprecated, but the newer one unrolls an LSTM over the length of the example.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("context", contexts.names())
@pytest.mark.parametrize("blend", ["concat", "convolution"])
def test_exported_head_takes_any_lengths_and_batches(context: str, blend: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    head = Head(context, blend).eval()
    n, b, w = "words", "sentences", "longest"
    shapes = {
        "words": {0: n},
        "lengths": {0: b},
        "grid": {0: b, 1: w},
        "cells": {0: n},
        "previous": {0: n},
        "following": {0: n},
    }
    torch.onnx.export(
        head, example([4, 2, 5]), tmp_path / "head.onnx", dynamo=False, dynamic_axes=shapes, input_names=INPUTS
    )
    session = onnxruntime.InferenceSession(tmp_path / "head.onnx")
    needed = {value.name for value in session.get_inputs()}
    for lengths in ([1], [7], [3, 3], [1, 1, 1, 1], [2, 40, 9, 1, 17], [300]):
        values = example(lengths)
        fed = {name: value.numpy() for name, value in zip(INPUTS, values, strict=True) if name in needed}
        (result,) = session.run(None, fed)
        assert np.allclose(result, head(*values).detach().numpy(), atol=1e-5), lengths
