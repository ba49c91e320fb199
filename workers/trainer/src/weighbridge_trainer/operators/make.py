"""Operators that make numbers of nothing but constants, or beside what is there."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from .static import ints, require, xp


def constant_of_shape(shape: Any, *, value: Any = None) -> Any:
    fill = np.zeros(1, np.float32) if value is None else value
    require(isinstance(fill, np.ndarray) and fill.size == 1 and min(ints(shape), default=0) >= 0, "ConstantOfShape")
    return xp(shape).full(tuple(ints(shape)), fill.reshape(()))


def range_(start: Any, limit: Any, delta: Any) -> Any:
    constant = all(isinstance(v, np.ndarray) and v.size == 1 and v.dtype.kind in "if" for v in (start, limit, delta))
    require(constant, "Range from data")
    first, end, step = (float(v.reshape(())) for v in (start, limit, delta))
    require(math.isfinite(first) and math.isfinite(end) and math.isfinite(step) and step != 0, "Range form")
    count = max(0, math.ceil((end - first) / step))
    module = xp(start)
    return (first + module.arange(count) * step).astype(start.dtype)


def pad(x: Any, pads: Any, value: Any = None, axes: Any = None, *, mode: bytes = b"constant") -> Array:
    along = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in ints(axes)]
    sizes = ints(pads)
    require(len(sizes) == 2 * len(along) and len(set(along)) == len(along), "Pad form")
    require(mode in (b"constant", b"reflect", b"edge"), "Pad mode")
    before, after = [0] * x.ndim, [0] * x.ndim
    for k, axis in enumerate(along):
        before[axis], after[axis] = sizes[k], sizes[k + len(along)]
    # A negative pad cuts.
    cut = tuple(slice(max(0, -b), size - max(0, -a)) for b, a, size in zip(before, after, x.shape, strict=True))
    width = [(max(0, b), max(0, a)) for b, a in zip(before, after, strict=True)]
    if mode == b"reflect":
        require(all(max(w) < size for w, size in zip(width, x[cut].shape, strict=True) if max(w)), "Pad reflect")
    if mode != b"constant":
        return jnp.pad(x[cut], width, mode.decode())
    fill: Any = 0 if value is None else value
    return jnp.pad(x[cut], width, constant_values=jnp.asarray(fill).reshape(()).astype(x.dtype))
