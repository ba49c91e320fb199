"""The canonical safetensors layout, the same that src/training/safetensors.ts reads and writes: float32 only, names
ascending, data back to back in that order, compact header, no metadata. A file in it has no place for anything else."""

import json
import math
import re
import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .refusal import reject_model

Floats = npt.NDArray[np.float32]

_LENGTH = struct.Struct("<Q")
_FLOAT_BYTES = 4
_MAX_HEADER_BYTES = 4 << 20
_MAX_TENSORS = 10_000
_MAX_RANK = 8
_MAX_ELEMENTS = 1 << 28
# Printable ASCII without quote and backslash: one spelling a name, one order for every reader.
_NAME = re.compile(r"[!#-\[\]-~]{1,200}")


def write_safetensors(tensors: Mapping[str, Floats]) -> bytes:
    """:raises ValueError: if a tensor is not float32."""
    ordered = [(name, np.asarray(tensors[name], order="C")) for name in sorted(tensors)]
    if any(array.dtype != np.float32 for _, array in ordered):
        raise ValueError("only float32 is written")
    prefix = _prefix([(name, array.shape) for name, array in ordered])
    return prefix + b"".join(array.astype("<f4", copy=False).tobytes() for _, array in ordered)


def read_safetensors(data: bytes) -> dict[str, Floats]:
    """Tensors by name, ascending, each finite and in memory of its own.

    :raises Refused: MODEL_REJECTED
    """
    shapes = _read_shapes(data)
    prefix = _prefix(shapes)
    if data[: len(prefix)] != prefix:
        raise reject_model("weights: header is not canonical")
    offset = len(prefix)
    out: dict[str, Floats] = {}
    for name, shape in shapes:
        count = math.prod(shape)
        if offset + count * _FLOAT_BYTES > len(data):
            raise reject_model("weights: data ends early")
        values = np.frombuffer(data, "<f4", count, offset).astype(np.float32).reshape(shape)
        if not np.isfinite(values).all():
            raise reject_model("weights: not finite")
        out[name] = values
        offset += count * _FLOAT_BYTES
    if offset != len(data):
        raise reject_model("weights: trailing bytes")
    return out


def _prefix(shapes: list[tuple[str, tuple[int, ...]]]) -> bytes:
    entries, end = [], 0
    for name, shape in shapes:
        begin, end = end, end + math.prod(shape) * _FLOAT_BYTES
        sizes = ",".join(map(str, shape))
        entries.append(f'"{name}":{{"dtype":"F32","shape":[{sizes}],"data_offsets":[{begin},{end}]}}')
    header = ("{" + ",".join(entries) + "}").encode("ascii")
    header += b" " * (-len(header) % 8)
    return _LENGTH.pack(len(header)) + header


def _read_shapes(data: bytes) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes; everything else of the header is judged by comparing it with the one that they make."""
    if len(data) < _LENGTH.size:
        raise reject_model("weights: no header")
    (length,) = _LENGTH.unpack_from(data)
    if length > min(_MAX_HEADER_BYTES, len(data) - _LENGTH.size):
        raise reject_model("weights: header length")
    try:
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
    except (ValueError, RecursionError):
        raise reject_model("weights: header is not JSON") from None
    if not isinstance(header, dict) or len(header) > _MAX_TENSORS:
        raise reject_model("weights: header is not an object of tensors")
    return [(name, _shape(name, header[name])) for name in sorted(header)]


def _shape(name: str, entry: object) -> tuple[int, ...]:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if name == "__metadata__" or not _NAME.fullmatch(name):
        raise reject_model("weights: name")
    if not isinstance(shape, list) or len(shape) > _MAX_RANK:
        raise reject_model("weights: entry")
    # `type` and not `isinstance`: True is an int in Python and 1.0 equals 1.
    if any(type(size) is not int or not 0 < size <= _MAX_ELEMENTS for size in shape):
        raise reject_model("weights: shape")
    if math.prod(shape) > _MAX_ELEMENTS:
        raise reject_model("weights: shape")
    return tuple(shape)
