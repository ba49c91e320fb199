"""Reads one thing of a graph: the tensors that stand in it, which are the integer buffers of the buyer's model.

The protobuf wire format by hand, as in the worker: taking a training's result home must not need the `onnx` package.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .errors import model_rejected
from .tensors import Array

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: Field numbers of onnx.proto3.
_MODEL_GRAPH, _GRAPH_INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA, _LOCATION = 1, 2, 8, 9, 14
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}

Field = tuple[int, int | bytes]


def graph_tensors(graph: bytes) -> dict[str, Array]:
    """Initializers whose values stand in the graph itself, by name."""
    tensors: dict[str, Array] = {}
    for number, model_field in _fields(graph):
        if number != _MODEL_GRAPH or not isinstance(model_field, bytes):
            continue
        for kind, tensor in _fields(model_field):
            if kind == _GRAPH_INITIALIZER and isinstance(tensor, bytes):
                tensors.update(_tensor(tensor))
    return tensors


def _tensor(data: bytes) -> dict[str, Array]:
    shape: list[int] = []
    values: dict[int, int | bytes] = {}
    for number, value in _fields(data):
        if number == _DIMS:
            shape += [value] if isinstance(value, int) else list(_varints(value))
        else:
            values[number] = value
    name, raw, kind = values.get(_NAME), values.get(_RAW_DATA), values.get(_DATA_TYPE)
    if values.get(_LOCATION) == 1 or not isinstance(name, bytes) or not isinstance(raw, bytes):
        return {}
    dtype = _TYPES.get(kind) if isinstance(kind, int) else None
    if dtype is None or math.prod(shape) * np.dtype(dtype).itemsize != len(raw):
        raise model_rejected("graph.onnx: a tensor in it has a type or a size that cannot be")
    return {name.decode(): np.frombuffer(raw, dtype).reshape(shape)}


def _fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise model_rejected("graph.onnx: not a protobuf message")
        if length > len(data) - at:
            raise model_rejected("graph.onnx: cut")
        yield number, data[at : at + length]
        at += length


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise model_rejected("graph.onnx: a number is cut or too long")
