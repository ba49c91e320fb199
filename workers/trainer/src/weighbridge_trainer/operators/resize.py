"""Resize to fixed sizes, by the nearest number or between two: an index and a weight a place, both constants."""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from .static import ints, require

Floats64 = npt.NDArray[np.float64]
_MAX_SIZE = 1 << 16

# Where place i of the output lies in the input: (i, scale, size before, size after).
_COORDINATES: dict[bytes, Callable[[Floats64, float, int, int], Floats64]] = {
    b"half_pixel": lambda i, scale, _a, _b: (i + 0.5) / scale - 0.5,
    b"pytorch_half_pixel": lambda i, scale, _a, b: (i + 0.5) / scale - 0.5 if b > 1 else i * 0,
    b"asymmetric": lambda i, scale, _a, _b: i / scale,
    b"align_corners": lambda i, _s, a, b: i * (a - 1) / (b - 1) if b > 1 else i * 0,
}
_NEAREST: dict[bytes, Callable[[Floats64], Floats64]] = {
    b"floor": np.floor,
    b"ceil": np.ceil,
    b"round_prefer_floor": lambda x: np.ceil(x - 0.5),
    b"round_prefer_ceil": lambda x: np.floor(x + 0.5),
}


def resize(
    x: Array,
    roi: Any = None,
    scales: Any = None,
    sizes: Any = None,
    *,
    antialias: int = 0,
    axes: list[int] | None = None,
    coordinate_transformation_mode: bytes = b"half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: bytes = b"stretch",
    mode: bytes = b"nearest",
    nearest_mode: bytes = b"round_prefer_floor",
) -> Array:
    require(mode in (b"nearest", b"linear") and not antialias and not exclude_outside, "Resize mode")
    require(keep_aspect_ratio_policy == b"stretch" and nearest_mode in _NEAREST, "Resize form")
    require(coordinate_transformation_mode in _COORDINATES, "Resize coordinates")
    along = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in axes]
    for axis, after, scale in _targets(x, along, scales, sizes):
        before = x.shape[axis]
        if after == before and scale == 1:
            continue
        require(1 <= after <= _MAX_SIZE, "Resize size")
        places = np.arange(after, dtype=np.float64)
        at = _COORDINATES[coordinate_transformation_mode](places, scale, before, after)
        x = _nearest(x, axis, _NEAREST[nearest_mode](at)) if mode == b"nearest" else _linear(x, axis, at)
    return x


def _targets(x: Array, along: list[int], scales: Any, sizes: Any) -> list[tuple[int, int, float]]:
    """Axis, size after, scale."""
    given = sizes if sizes is not None and sizes.size else scales
    require(isinstance(given, np.ndarray) and given.size == len(along), "Resize from data")
    if given is sizes:
        return [(axis, size, size / x.shape[axis]) for axis, size in zip(along, ints(sizes), strict=True)]
    factors = [float(scale) for scale in scales.reshape(-1)]
    require(all(math.isfinite(factor) and factor > 0 for factor in factors), "Resize scale")
    return [(axis, math.floor(x.shape[axis] * f), f) for axis, f in zip(along, factors, strict=True)]


def _nearest(x: Array, axis: int, at: Floats64) -> Array:
    return jnp.take(x, np.clip(at, 0, x.shape[axis] - 1).astype(np.int32), axis)


def _linear(x: Array, axis: int, at: Floats64) -> Array:
    at = np.clip(at, 0, x.shape[axis] - 1)
    low = np.floor(at).astype(np.int32)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    weight = jnp.asarray((at - low).astype(np.float32)).reshape(-1, *(1 for _ in x.shape[axis + 1 :]))
    return jnp.take(x, low, axis) * (1 - weight) + jnp.take(x, high, axis) * weight
