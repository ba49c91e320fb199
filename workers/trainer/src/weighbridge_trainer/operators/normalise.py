"""Operators over an axis. Means and variances are computed in float32 whatever the precision of the run."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .static import require

_LOWEST = float(np.finfo(np.float32).min)
_TINY = float(np.finfo(np.float32).tiny)


def softmax(x: Array, *, axis: int = -1) -> Array:
    return _softmax(_float32(x), axis)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(x: Array, axis: int) -> Array:
    """Of nothing but -inf, zeros: a text that is padding alone has no key to attend to. PyTorch's attention does the
    same. The two bounds do nothing to any other numbers, and cost nothing."""
    powers = jnp.exp(x - x.max(axis, keepdims=True, initial=_LOWEST))
    return powers / jnp.maximum(powers.sum(axis, keepdims=True), _TINY)


@_softmax.defjvp
def _softmax_jvp(axis: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (moved,) = primals, tangents
    y = _softmax(x, axis)
    return y, y * (moved - (y * moved).sum(axis, keepdims=True))


def log_softmax(x: Array, *, axis: int = -1) -> Array:
    return jax.nn.log_softmax(_float32(x), axis)


def layer_normalization(
    x: Array, scale: Array, bias: Array | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Array:
    require(stash_type == 1 and -x.ndim <= axis < x.ndim, "LayerNormalization form")
    normal = _normal(_float32(x), tuple(range(axis % x.ndim, x.ndim)), epsilon)
    return normal * scale if bias is None else normal * scale + bias


def rms_normalization(x: Array, scale: Array, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Array:
    require(stash_type == 1 and -x.ndim <= axis < x.ndim, "RMSNormalization form")
    x = _float32(x)
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x * jax.lax.rsqrt(jnp.square(x).mean(axes, keepdims=True) + epsilon) * scale


def instance_normalization(x: Array, scale: Array, bias: Array, *, epsilon: float = 1e-5) -> Array:
    require(x.ndim >= 3, "InstanceNormalization rank")
    normal = _normal(_float32(x), tuple(range(2, x.ndim)), epsilon)
    return normal * _by_channel(scale, x) + _by_channel(bias, x)


def group_normalization(
    x: Array, scale: Array, bias: Array, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Array:
    require(stash_type == 1 and x.ndim >= 2 and num_groups >= 1 and x.shape[1] % num_groups == 0, "GroupNormalization")
    # Before opset 21 it had one scale a group, which nobody exports: another operator under the same name.
    require(scale.shape == bias.shape == x.shape[1:2], "GroupNormalization scale")
    groups = _float32(x).reshape(x.shape[0], num_groups, -1)
    normal = _normal(groups, (2,), epsilon).reshape(x.shape)
    return normal * _by_channel(scale, x) + _by_channel(bias, x)


def _normal(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - x.mean(axes, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axes, keepdims=True) + epsilon)


def _by_channel(values: Array, x: Array) -> Array:
    return values.reshape(1, -1, *(1 for _ in x.shape[2:]))


def _float32(x: Array) -> Array:
    return x.astype(jnp.float32)
