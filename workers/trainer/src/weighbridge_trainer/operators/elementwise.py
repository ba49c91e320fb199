"""Operators that work number by number, with broadcasting."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .static import require, xp

# A power that is written out as products; beyond, logarithms do.
_MAX_INTEGER_POWER = 8
_MAX_OPERANDS = 64


def add(a: Any, b: Any) -> Any:
    return xp(a, b).add(a, b)


def sub(a: Any, b: Any) -> Any:
    return xp(a, b).subtract(a, b)


def mul(a: Any, b: Any) -> Any:
    return xp(a, b).multiply(a, b)


def div(a: Any, b: Any) -> Any:
    if a.dtype.kind == "i":
        # ONNX truncates towards zero for integers, NumPy floors. Lowered integers have 31 bits: float64 is exact.
        if xp(a, b) is np:
            return np.trunc(np.divide(a, b)).astype(a.dtype)
        return jax.lax.div(*jnp.broadcast_arrays(a, b))
    return xp(a, b).divide(a, b)


def power(a: Any, b: Any) -> Any:
    whole = isinstance(b, np.ndarray) and b.size == 1 and float(b.reshape(())) in range(_MAX_INTEGER_POWER + 1)
    if whole and xp(a, b) is jnp and b.ndim <= a.ndim:
        return jax.lax.integer_pow(jnp.asarray(a), int(b.reshape(())))
    return xp(a, b).power(a, b).astype(a.dtype)


def maximum(*parts: Any) -> Any:
    require(1 <= len(parts) <= _MAX_OPERANDS, "Max of more than 64")
    return functools.reduce(xp(*parts).maximum, parts)


def minimum(*parts: Any) -> Any:
    require(1 <= len(parts) <= _MAX_OPERANDS, "Min of more than 64")
    return functools.reduce(xp(*parts).minimum, parts)


def neg(x: Any) -> Any:
    return -x


def absolute(x: Array) -> Array:
    # At 0 it has no gradient, as in PyTorch; jnp.abs has that of the positive side.
    return jnp.where(x == 0, 0, jnp.abs(x)).astype(x.dtype)


def reciprocal(x: Array) -> Array:
    return 1 / x


def exp(x: Array) -> Array:
    return jnp.exp(x)


def log(x: Array) -> Array:
    return jnp.log(x)


def sqrt(x: Any) -> Any:
    return xp(x).sqrt(x)


def sin(x: Array) -> Array:
    return jnp.sin(x)


def cos(x: Array) -> Array:
    return jnp.cos(x)


def erf(x: Array) -> Array:
    return jax.scipy.special.erf(x)


def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    # Not min and max: at a bound there is no gradient, as in PyTorch; they would share it.
    x = x if low is None else xp(x, low).where(x <= low, low, x)
    return x if high is None else xp(x, high).where(x >= high, high, x)


def relu(x: Array) -> Array:
    return jax.nn.relu(x)


def leaky_relu(x: Array, *, alpha: float = 0.01) -> Array:
    return jnp.where(x > 0, x, alpha * x)


def prelu(x: Array, slope: Array) -> Array:
    return jnp.where(x > 0, x, slope * x)


def swish(x: Array, *, alpha: float = 1.0) -> Array:
    return x * jax.nn.sigmoid(alpha * x)


def softsign(x: Array) -> Array:
    return jax.nn.soft_sign(x)


def elu(x: Array, *, alpha: float = 1.0) -> Array:
    return jax.nn.elu(x, alpha)


def selu(x: Array, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Array:
    return gamma * jax.nn.elu(x, alpha)


def gelu(x: Array, *, approximate: bytes = b"none") -> Array:
    require(approximate in (b"none", b"tanh"), "Gelu approximate")
    if approximate == b"tanh":
        return jax.nn.gelu(x, approximate=True)
    # As PyTorch has it. By erfc, as JAX has it, it takes twice as long.
    return x * (0.5 * (1 + jax.scipy.special.erf(x * math.sqrt(0.5))))


def sigmoid(x: Array) -> Array:
    return jax.nn.sigmoid(x)


def hard_sigmoid(x: Array, *, alpha: float = 0.2, beta: float = 0.5) -> Array:
    y: Array = clip(alpha * x + beta, 0, 1)
    return y


def hard_swish(x: Array) -> Array:
    return x * hard_sigmoid(x, alpha=1 / 6)


def softplus(x: Array) -> Array:
    return jax.nn.softplus(x)


def tanh(x: Array) -> Array:
    return jnp.tanh(x)
