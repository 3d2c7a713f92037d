"""Products of quantised matrices are exact on every processor, and close to those in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from coner.families.onnx.export.calibration import FixedScale, fixed_scales
from coner.families.onnx.export.int8 import PAIR, quantise, quantised_columns

Floats = NDArray[np.float32]
SHAPES = {"tall": (8, 4), "wide": (4, 8), "shared": (4, 4)}


def product(matrix: Floats) -> onnx.ModelProto:
    """A graph of one product with a constant matrix."""
    high, wide = matrix.shape
    values, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", n]) for name, n in (("x", high), ("y", wide))
    )
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "product")]
    graph = helper.make_graph(nodes, "one", [values], [result], [numpy_helper.from_array(matrix, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def with_bias(matrix: Floats, bias: Floats) -> onnx.ModelProto:
    """The same, with a vector added to the result."""
    model = product(matrix)
    model.graph.node[0].output[0] = "product"
    model.graph.node.append(helper.make_node("Add", ["b", "product"], ["y"], "sum"))
    model.graph.initializer.append(numpy_helper.from_array(bias, "b"))
    return model


def run(model: onnx.ModelProto, values: Floats) -> Any:
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0]


def exact(values: Floats, matrix: Floats) -> NDArray[np.float64]:
    """The product with 64-bit integers."""
    integers, columns = quantised_columns(matrix)
    rows = (np.abs(values).max(axis=1, keepdims=True) * np.float32(1 / 127)).astype(np.float32)
    sums = np.rint(values / rows).astype(np.int64) @ integers.astype(np.int64)
    return sums * columns.astype(np.float64) * rows


def exact_fixed(values: Floats, matrix: Floats, known: FixedScale) -> NDArray[np.float64]:
    """The product with 64-bit integers and fixed scales."""
    integers, columns = quantised_columns(matrix * known.factors[:, None])
    bytes_ = np.rint(values * (1 / known.factors) / known.scale).astype(np.int64) + int(known.zero)
    sums = (bytes_.clip(0, 255) - int(known.zero)) @ integers.astype(np.int64)
    return sums * columns.astype(np.float64) * known.scale


# 16-bit sums of neighbours would saturate with all weights at 127, and the result be wrong by a quarter.
@pytest.mark.parametrize("rows", [1, 2, 7, 64])  # a vector has a kernel of its own
@pytest.mark.parametrize("high", [2, 31, 384])
def test_products_of_the_largest_values_do_not_saturate(rows: int, high: int) -> None:
    random = np.random.default_rng(high)
    signs = np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
    matrix = np.stack([np.resize(signs[i % 3], high) * (1 + i // 3) for i in range(24)], axis=1).astype(np.float32)
    values = random.choice(np.array([-1, 1], np.float32), (rows, high))
    values[0] = 1
    got = run(quantise(product(matrix), "all"), values)
    assert got == pytest.approx(exact(values, matrix), rel=1e-5, abs=1e-3)
    assert np.abs(got).max() > 0.9 * high


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_neighbouring_weights_fit_into_16_bits(high: int, wide: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).standard_t(2, (high, wide)).astype(np.float32)
    integers = quantised_columns(matrix)[0].astype(np.int64)
    even = np.vstack([integers, np.zeros((high % 2, wide), np.int64)]).reshape(-1, 2, wide)
    assert even.clip(min=0).sum(axis=1).max() <= PAIR
    assert even.clip(max=0).sum(axis=1).min() >= -PAIR


def test_a_row_depends_on_no_other_and_zeros_stay_zeros() -> None:
    random = np.random.default_rng(0)
    matrix, values = (random.normal(size=shape).astype(np.float32) for shape in ((64, 32), (5, 64)))
    values[2], values[3] = 0, values[3] * 1e6
    model = quantise(product(matrix), "all")
    together = run(model, values)
    assert (together == np.concatenate([run(model, values[i : i + 1]) for i in range(5)])).all()
    assert (together[2] == 0).all()
    errors = np.abs(together - values @ matrix).max(axis=1) / np.abs(values).max(axis=1).clip(min=1)
    assert errors.max() < 0.3


@pytest.mark.parametrize(("level", "quantised"), [("all", ["tall", "wide"]), ("most", ["wide"])])
def test_most_leaves_tall_matrices_in_float(level: Any, quantised: list[str]) -> None:
    shapes = {"tall": (8, 4), "wide": (4, 8)}
    nodes = [helper.make_node("MatMul", [f"{name}.x", name], [f"{name}.y"], name) for name in shapes]
    stored = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in shapes.items()]
    model = quantise(helper.make_model(helper.make_graph(nodes, "two", [], [], stored)), level)
    kinds = {node.name: node.op_type for node in model.graph.node}
    assert [name for name in shapes if kinds.get(f"{name}.int8") == "MatMulIntegerToFloat"] == quantised
    assert {name for name in shapes if kinds.get(name) == "MatMul"} == set(shapes) - set(quantised)
    left = {tensor.name for tensor in model.graph.initializer}
    assert not left & set(quantised)  # the float matrices are gone


@pytest.mark.parametrize("high", [2, 31, 384])
def test_products_with_fixed_scales_are_exact_and_larger_values_are_clipped(high: int, tmp_path: Path) -> None:
    random = np.random.default_rng(high)
    matrix = random.normal(size=(high, 2 * high)).astype(np.float32)
    matrix[: high // 2] = 3  # neighbours of one sign, whose sums would saturate
    bias = random.normal(size=2 * high).astype(np.float32)
    seen = random.normal(size=(9, high)).astype(np.float32) * random.lognormal(0, 2, high).astype(np.float32)
    fixed = fixed_scales(with_bias(matrix, bias), [{"x": seen[:5]}, {"x": seen[5:]}], tmp_path)
    model = quantise(with_bias(matrix, bias), "fixed", fixed)
    assert {node.op_type for node in model.graph.node} == {"Mul", "QuantizeLinear", "MatMulIntegerToFloat"}
    for values in (seen, 5 * seen, np.abs(seen)):
        expected = exact_fixed(values, matrix, fixed["x"]) + bias
        assert run(model, values) == pytest.approx(expected, rel=1e-5, abs=1e-3 * np.abs(expected).max())
    assert (run(model, seen) == np.concatenate([run(model, seen[i : i + 1]) for i in range(9)])).all()


def test_a_large_channel_does_not_make_the_others_coarse(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    matrix, values = (random.normal(size=shape).astype(np.float32) for shape in ((64, 64), (50, 64)))
    values[:, 3] *= 100
    matrix[3] /= 100
    fixed = fixed_scales(product(matrix), [{"x": values}], tmp_path)
    balanced, by_row = (
        run(quantise(product(matrix), "fixed", fixed), values),
        run(quantise(product(matrix), "all"), values),
    )
    errors = [np.abs(found - values @ matrix).mean() for found in (balanced, by_row)]
    assert errors[0] < errors[1] / 5


def test_tall_and_shared_matrices_have_no_fixed_scales(tmp_path: Path) -> None:
    stored = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in SHAPES.items()]
    names = {"tall": "tall", "wide": "wide", "first": "shared", "second": "shared"}
    inputs = [
        helper.make_tensor_value_info(f"{name}.x", TensorProto.FLOAT, ["N", SHAPES[matrix][0]])
        for name, matrix in names.items()
    ]
    nodes = [helper.make_node("MatMul", [f"{name}.x", matrix], [f"{name}.y"], name) for name, matrix in names.items()]
    graph = helper.make_graph(nodes, "four", inputs, [], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    arrays = {f"{name}.x": np.ones((2, SHAPES[matrix][0]), np.float32) for name, matrix in names.items()}
    assert fixed_scales(model, [arrays], tmp_path).keys() == {"wide.x"}
