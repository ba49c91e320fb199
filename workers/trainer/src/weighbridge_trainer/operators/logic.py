"""Comparisons, conditions and types."""

from typing import Any

import numpy as np

from ..onnx.tensors import BOOL, FLOAT32, INT32, INT64
from .static import require, xp

_DOUBLE = 11
# int64 is int32 here, as everywhere in the program; double is float32.
_TYPES = {
    FLOAT32: np.dtype(np.float32),
    _DOUBLE: np.dtype(np.float32),
    INT32: np.dtype(np.int32),
    INT64: np.dtype(np.int32),
    BOOL: np.dtype(np.bool_),
}


def equal(a: Any, b: Any) -> Any:
    return xp(a, b).equal(a, b)


def greater(a: Any, b: Any) -> Any:
    return xp(a, b).greater(a, b)


def greater_or_equal(a: Any, b: Any) -> Any:
    return xp(a, b).greater_equal(a, b)


def less(a: Any, b: Any) -> Any:
    return xp(a, b).less(a, b)


def less_or_equal(a: Any, b: Any) -> Any:
    return xp(a, b).less_equal(a, b)


def logical_and(a: Any, b: Any) -> Any:
    return xp(a, b).logical_and(a, b)


def logical_or(a: Any, b: Any) -> Any:
    return xp(a, b).logical_or(a, b)


def logical_not(x: Any) -> Any:
    return xp(x).logical_not(x)


def where(condition: Any, a: Any, b: Any) -> Any:
    require(condition.dtype == np.bool_, "Where condition")
    return xp(condition, a, b).where(condition, a, b)


def cast(x: Any, *, to: int, saturate: int = 1, round_mode: bytes = b"up") -> Any:
    require(to in _TYPES, "Cast type")
    return x.astype(_TYPES[to])


def cast_like(x: Any, like: Any, *, saturate: int = 1, round_mode: bytes = b"up") -> Any:
    return x.astype(like.dtype)
