"""Operators that move numbers without changing them."""

import math
from typing import Any

import jax.numpy as jnp
from jax import Array

from .static import ints, require


def identity(x: Array) -> Array:
    return x


def flatten(x: Array, *, axis: int = 1) -> Array:
    require(-x.ndim <= axis <= x.ndim, "Flatten axis")
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def reshape(x: Array, shape: Any, *, allowzero: int = 0) -> Array:
    sizes = ints(shape)
    require(not allowzero and all(size >= -1 for size in sizes), "Reshape form")
    require(all(size != 0 or axis < x.ndim for axis, size in enumerate(sizes)), "Reshape zero")
    return x.reshape([x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)])


def transpose(x: Array, *, perm: list[int] | None = None) -> Array:
    return jnp.transpose(x, perm)


def concat(*parts: Array, axis: int) -> Array:
    require(1 <= len(parts) <= 64, "Concat of more than 64")
    return jnp.concatenate(parts, axis)


def squeeze(x: Array, axes: Any = None) -> Array:
    # Without axes it would drop the batch whenever that is one.
    require(axes is not None, "Squeeze without axes")
    return jnp.squeeze(x, tuple(ints(axes)))


def unsqueeze(x: Array, axes: Any) -> Array:
    return jnp.expand_dims(x, tuple(ints(axes)))
