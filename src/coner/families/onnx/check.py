"""Check an ONNX file before onnxruntime opens it: inputs, outputs, operators, and the files that it names.

onnxruntime runs whatever a graph says, part of it already while it loads. The graph of an exported encoder has no
loops, no functions, no other files than its weights, and operators of a known list. The protobuf messages are read
here, as far as needed: the package ``onnx`` is only installed for the export.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from coner.core.untrusted import read_regular

MAX_SIZE = 1 << 28  # bytes of the graph without its weights; elements of a constant that the graph makes
# See ``layout.lay_out``.
INPUTS = {"ids", "mask", "first", "last", "every", "word", "lengths", "grid", "cells", "previous", "following"}
OPERATORS = frozenset({
    "Abs", "Add", "And", "ArgMax", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
    "Cos", "CumSum", "DequantizeLinear", "Div", "Dropout", "DynamicQuantizeLinear", "Einsum", "Elu", "Equal", "Erf",
    "Exp", "Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "Greater",
    "GreaterOrEqual", "HardSwish", "Identity", "IsInf", "IsNaN", "LSTM", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "MatMul", "MatMulInteger", "MatMulIntegerToFloat", "MatMulNBits", "Max", "Mean",
    "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pad", "Pow", "QuantizeLinear", "Range", "Reciprocal",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Round", "ScatterElements",
    "ScatterND", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze",
    "Sub", "Sum", "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
})  # fmt: skip
SHAPED = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}  # operators whose result has the size that an input says
Fields = Iterator[tuple[int, int | memoryview]]


def check_graph(path: Path, weights: str) -> None:
    """``ValueError`` if a graph is not that of an exported encoder; ``weights`` is the file of its weights."""
    data = memoryview(read_regular(path, MAX_SIZE))
    graphs = [value for field, value in _fields(data) if field == 7]
    if any(field in (20, 25) for field, _ in _fields(data)):  # training_info, functions
        raise ValueError("got functions or training steps; expected a plain graph")
    if len(graphs) != 1 or not isinstance(graphs[0], memoryview):
        raise ValueError("got no graph")
    inputs, stored, outputs, constants = set[str](), set[str](), 0, dict[str, list[int]]()
    nodes: list[memoryview] = []
    for field, value in _fields(graphs[0]):
        if field == 1:
            nodes.append(_message(value))
        elif field in (5, 15):  # initializer, sparse_initializer
            name, values = _tensor(_message(value), weights)
            stored.add(name)
            constants[name] = values
        elif field == 11:
            inputs.add(_text(_message(value), 1))
        elif field == 12:
            outputs += 1
    if unknown := sorted(inputs - INPUTS - stored):
        raise ValueError(f"got the input {unknown[0][:80]!r}; expected {', '.join(sorted(INPUTS))}")
    if outputs != 1:
        raise ValueError(f"got {outputs} outputs; expected the emissions")
    for node in nodes:
        _check_node(node, constants, weights)


def _check_node(node: memoryview, constants: dict[str, list[int]], weights: str) -> None:
    kind, names, outputs = "", list[str](), list[str]()
    for field, value in _fields(node):
        if field == 1:
            names.append(_string(value))
        elif field == 2:
            outputs.append(_string(value))
        elif field == 4:
            kind = _string(value)
        elif field == 5:
            for inner, item in _fields(_message(value)):
                if inner in (6, 11, 22, 23):  # graphs, sparse tensors
                    raise ValueError("got a graph in an operator, such as a loop; expected a plain graph")
                if inner in (5, 10):
                    _, values = _tensor(_message(item), weights)
                    constants.update(dict.fromkeys(outputs, values))
    if kind not in OPERATORS:
        raise ValueError(f"got the operator {kind[:80]!r}; expected those of an exported encoder")
    if (place := SHAPED.get(kind)) is not None and place < len(names):
        size = math.prod(abs(value) or 1 for value in constants.get(names[place], []))
        if size > MAX_SIZE:
            raise ValueError(f"{kind}: got a result of {size:.3g} values; expected at most {MAX_SIZE}")


def _tensor(tensor: memoryview, weights: str) -> tuple[str, list[int]]:
    """The name of a tensor, and the values of a small one of 64-bit integers."""
    name, kind, raw, values = "", 0, b"", list[int]()
    for field, value in _fields(tensor):
        if field == 8:
            name = _string(value)
        elif field == 2 and isinstance(value, int):
            kind = value
        elif field == 9:
            raw = bytes(_message(value)[:512])
        elif field == 7:
            values += [value] if isinstance(value, int) else _packed(value)
        elif field == 13:
            entry = {inner: _string(item) for inner, item in _fields(_message(value))}
            if entry.get(1) == "location" and entry.get(2) != weights:
                raise ValueError(f"got weights in the file {entry.get(2, '')[:80]!r}; expected {weights}")
    if kind == 7 and raw:
        values = [int.from_bytes(raw[i : i + 8], "little", signed=True) for i in range(0, len(raw), 8)]
    return name, values if kind == 7 and len(values) <= 16 else []


def _fields(data: memoryview) -> Fields:
    """The numbers and values of the fields of a message; those of fixed size are left out."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif kind == 2:
            size, at = _varint(data, at)
            if size > len(data) - at:
                raise ValueError("the file is damaged or truncated")
            yield key >> 3, data[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("the file is damaged: not an ONNX graph")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("the file is damaged or truncated")


def _packed(value: memoryview) -> list[int]:
    values, at = list[int](), 0
    while at < len(value) and len(values) <= 16:
        number, at = _varint(value, at)
        values.append(number)
    return values


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("the file is damaged: not an ONNX graph")
    return value


def _string(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8", "replace") if not isinstance(value, int) else str(value)


def _text(message: memoryview, number: int) -> str:
    return next((_string(value) for field, value in _fields(message) if field == number), "")
