"""Operators that move numbers without changing them."""

import math
from typing import Any

import numpy as np
from jax import Array

from .static import ints, require, xp

# One value a part to trace.
_MAX_PARTS = 64


def identity(x: Any) -> Any:
    return x


def flatten(x: Array, *, axis: int = 1) -> Array:
    require(-x.ndim <= axis <= x.ndim, "Flatten axis")
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def reshape(x: Any, shape: Any, *, allowzero: int = 0) -> Any:
    sizes = ints(shape)
    require(all(size >= -1 for size in sizes) and not (allowzero and 0 in sizes), "Reshape form")
    require(all(size != 0 or axis < x.ndim for axis, size in enumerate(sizes)), "Reshape zero")
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)])


def transpose(x: Any, *, perm: list[int] | None = None) -> Any:
    return xp(x).transpose(x, perm)


def concat(*parts: Any, axis: int) -> Any:
    require(1 <= len(parts) <= _MAX_PARTS, "Concat of more than 64")
    return xp(*parts).concatenate(parts, axis)


def squeeze(x: Any, axes: Any = None) -> Any:
    # Without axes it would drop the batch whenever that is one; a constant has none.
    require(axes is not None or isinstance(x, np.ndarray), "Squeeze without axes")
    return xp(x).squeeze(x, None if axes is None else tuple(ints(axes)))


def unsqueeze(x: Any, axes: Any) -> Any:
    return xp(x).expand_dims(x, tuple(ints(axes)))


def expand(x: Any, shape: Any) -> Any:
    sizes = ints(shape)
    rank = max(len(sizes), x.ndim)
    # Broadcasting both ways: a size of 1 asks for nothing.
    own, asked = [1] * (rank - x.ndim) + list(x.shape), [1] * (rank - len(sizes)) + sizes
    require(all(a == b or 1 in (a, b) for a, b in zip(own, asked, strict=True)), "Expand shape")
    return xp(x).broadcast_to(x, [max(a, b) for a, b in zip(own, asked, strict=True)])


def tile(x: Any, repeats: Any) -> Any:
    times = ints(repeats)
    require(len(times) == x.ndim and min(times, default=1) >= 1, "Tile repeats")
    return xp(x).tile(x, times)


def slice_(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    begin, end = ints(starts), ints(ends)
    along = list(range(len(begin))) if axes is None else ints(axes)
    by = [1] * len(begin) if steps is None else ints(steps)
    require(len(begin) == len(end) == len(along) == len(by) and 0 not in by, "Slice form")
    require(all(-x.ndim <= axis < x.ndim for axis in along), "Slice axis")
    index = [slice(None)] * x.ndim
    for axis, start, stop, step in zip(along, begin, end, by, strict=True):
        index[axis] = slice(start, stop, step)
    return x[tuple(index)]


def split(x: Any, sizes: Any = None, *, axis: int = 0, num_outputs: int | None = None) -> tuple[Any, ...]:
    require(-x.ndim <= axis < x.ndim and (sizes is None) != (num_outputs is None), "Split form")
    length = x.shape[axis]
    if num_outputs is not None:
        require(1 <= num_outputs <= _MAX_PARTS, "Split of more than 64")
        each = -(-length // num_outputs)
        parts = [max(0, min(each, length - at * each)) for at in range(num_outputs)]
    else:
        parts = ints(sizes)
    require(len(parts) <= _MAX_PARTS and min(parts, default=0) >= 1 and sum(parts) == length, "Split sizes")
    borders = [sum(parts[: k + 1]) for k in range(len(parts) - 1)]
    return tuple(xp(x).split(x, borders, axis))


def gather(x: Any, index: Any, *, axis: int = 0) -> Any:
    require(index.dtype.kind == "i" and -x.ndim <= axis < x.ndim, "Gather form")
    module, length = xp(x, index), x.shape[axis]
    require(length >= 1, "Gather from nothing")
    # bounds.py has refused what could lie outside. Still, an index must not be a way to stop a run.
    within = module.clip(module.where(index < 0, index + length, index), 0, length - 1)
    return module.take(x, within, axis) if module.__name__ == "numpy" else module.take(x, within, axis, mode="clip")


def trilu(x: Any, k: Any = None, *, upper: int = 1) -> Any:
    diagonal = 0 if k is None else ints(k)[0]
    require(x.ndim >= 2, "Trilu rank")
    return (xp(x).triu if upper else xp(x).tril)(x, diagonal)
