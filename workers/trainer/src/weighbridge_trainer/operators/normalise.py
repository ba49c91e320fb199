"""Operators over an axis."""

import jax
import jax.numpy as jnp
from jax import Array

from .static import require


def softmax(x: Array, *, axis: int = -1) -> Array:
    return jax.nn.softmax(x, axis)


def log_softmax(x: Array, *, axis: int = -1) -> Array:
    return jax.nn.log_softmax(x, axis)


def layer_normalization(
    x: Array, scale: Array, bias: Array | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Array:
    require(stash_type == 1 and -x.ndim <= axis < x.ndim, "LayerNormalization form")
    axes = tuple(range(axis % x.ndim, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    normal = centred * jax.lax.rsqrt(jnp.square(centred).mean(axes, keepdims=True) + epsilon)
    return normal * scale if bias is None else normal * scale + bias
