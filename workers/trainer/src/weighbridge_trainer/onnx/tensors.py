"""TensorProto and attributes to numpy. Weights come from the safetensors file by NAME; nothing is read by path."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..refusal import reject_model
from ..safetensors import Floats
from .wire import Message

Array = npt.NDArray[np.float32] | npt.NDArray[np.int64] | npt.NDArray[np.bool_]
Attribute = int | float | bytes | list[int] | list[float] | Array

FLOAT32, INT32, INT64, BOOL = 1, 6, 7, 9
ELEMENT_TYPES = {"float32": FLOAT32, "int32": INT32, "int64": INT64, "bool": BOOL}
_DTYPES: dict[int, npt.DTypeLike] = {FLOAT32: np.float32, INT32: np.int32, INT64: np.int64, BOOL: np.bool_}
_EXTERNAL = 1
_LOCATION = "weights.safetensors"
MAX_INLINE_ELEMENTS = 4_096
# A shape or an index beyond this has no honest use, and int32 is what XLA counts with.
_MAX_INT = 2**31 - 1
# "To the end" and "from the start", as exporters spell them in a Slice.
_FAR = 2**62
# AttributeProto.AttributeType -> field that holds the value, and what protobuf omits when it is zero.
_ATTRIBUTE_FIELDS = {
    1: ("float", 0.0),
    2: ("int", 0),
    3: ("text", b""),
    4: ("tensor", None),
    6: ("floats", None),
    7: ("ints", None),
}


def initializer(tensor: Message, weights: Mapping[str, Floats]) -> Array:
    """:raises Refused: MODEL_REJECTED"""
    name = tensor.get("name", "")
    if tensor.get("location", 0) != _EXTERNAL:
        if name in weights:
            raise reject_model("graph: a weight stands in the graph too")
        return inline(tensor)
    entries = [(entry.get("key"), entry.get("value")) for entry in tensor["external_data"]]
    if dict(entries).get("location") != _LOCATION or len(dict(entries)) != len(entries):
        raise reject_model("graph: external data of another file")
    if name not in weights or tensor.get("data_type") != FLOAT32 or _has_values(tensor):
        raise reject_model("graph: external tensor that the weights do not hold")
    if tuple(tensor["dims"]) != weights[name].shape:
        raise reject_model("graph: weight of another shape")
    return weights[name]


def inline(tensor: Message) -> Array:
    """A small constant inside the graph."""
    dtype, dims = _DTYPES.get(tensor.get("data_type", 0)), tensor["dims"]
    if dtype is None or tensor.get("location", 0) != 0 or any(size < 0 for size in dims):
        raise reject_model("graph: constant of another type")
    _check_size(math.prod(dims))
    values = _values(tensor, np.dtype(dtype))
    if values.size != math.prod(dims):
        raise reject_model("graph: constant and its shape disagree")
    return (_within_31_bits(values) if values.dtype.kind == "i" else values).reshape(dims)


def listed(value: Attribute, number: type[int] | type[float]) -> Array:
    """A number, or several, that stand in an attribute: what the attribute's name says, whatever its type is."""
    numbers = value if isinstance(value, list) else [value]
    _check_size(len(numbers))
    if not all(isinstance(one, number) for one in numbers):
        raise reject_model("graph: Constant of another type than its name says")
    if number is float:
        return np.array(value, np.float32)
    # Of an array without axes NumPy's clip makes a number.
    return _within_31_bits(np.array(numbers, np.int64)).reshape(np.shape(value))


def _check_size(count: int) -> None:
    if count > MAX_INLINE_ELEMENTS:
        raise reject_model("graph: constant too large, it belongs into the weights")


def _within_31_bits(values: npt.NDArray[Any]) -> Array:
    sizes = np.abs(values.astype(np.float64))
    if ((sizes > _MAX_INT) & (sizes < _FAR)).any():
        raise reject_model("graph: integer beyond 31 bits")
    clipped: Array = np.clip(values, -_MAX_INT - 1, _MAX_INT)
    return clipped


def attributes(node: Message) -> dict[str, Attribute]:
    """Attributes by name. :raises Refused: MODEL_REJECTED"""
    out: dict[str, Attribute] = {}
    for attribute in node["attributes"]:
        name = attribute.get("name", "")
        if name in out or attribute.get("type") not in _ATTRIBUTE_FIELDS:
            raise reject_model("graph: attribute twice or of another type")
        field, absent = _ATTRIBUTE_FIELDS[attribute["type"]]
        value = attribute.get(field, absent)
        if value is None:
            raise reject_model("graph: attribute without its value")
        out[name] = inline(value) if field == "tensor" else value
    return out


def _values(tensor: Message, dtype: np.dtype[np.generic]) -> Array:
    if "raw_data" in tensor:
        if len(tensor["raw_data"]) % dtype.itemsize:
            raise reject_model("graph: raw constant")
        return np.frombuffer(tensor["raw_data"], dtype.newbyteorder("<")).astype(dtype)
    numbers = tensor["float_data"] or tensor["int64_data"] or tensor["int32_data"]
    return np.array(numbers).astype(dtype)


def _has_values(tensor: Message) -> bool:
    return any(tensor.get(field) for field in ("raw_data", "float_data", "int32_data", "int64_data"))
