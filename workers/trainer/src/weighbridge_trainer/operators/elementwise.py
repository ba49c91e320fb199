"""Operators that work number by number, with broadcasting."""

import jax
import jax.numpy as jnp
from jax import Array

from .static import require


def add(a: Array, b: Array) -> Array:
    return jnp.add(a, b)


def sub(a: Array, b: Array) -> Array:
    return jnp.subtract(a, b)


def mul(a: Array, b: Array) -> Array:
    return jnp.multiply(a, b)


def div(a: Array, b: Array) -> Array:
    # ONNX truncates towards zero for integers, JAX floors or promotes.
    return jax.lax.div(*jnp.broadcast_arrays(a, b))


def neg(x: Array) -> Array:
    return -x


def absolute(x: Array) -> Array:
    return jnp.abs(x)


def reciprocal(x: Array) -> Array:
    return 1 / x


def exp(x: Array) -> Array:
    return jnp.exp(x)


def log(x: Array) -> Array:
    return jnp.log(x)


def sqrt(x: Array) -> Array:
    return jnp.sqrt(x)


def clip(x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    x = x if low is None else jnp.maximum(x, low)
    return x if high is None else jnp.minimum(x, high)


def relu(x: Array) -> Array:
    return jax.nn.relu(x)


def leaky_relu(x: Array, *, alpha: float = 0.01) -> Array:
    return jnp.where(x >= 0, x, alpha * x)


def elu(x: Array, *, alpha: float = 1.0) -> Array:
    return jax.nn.elu(x, alpha)


def selu(x: Array, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Array:
    return gamma * jax.nn.elu(x, alpha)


def gelu(x: Array, *, approximate: bytes = b"none") -> Array:
    require(approximate in (b"none", b"tanh"), "Gelu approximate")
    return jax.nn.gelu(x, approximate=approximate == b"tanh")


def sigmoid(x: Array) -> Array:
    return jax.nn.sigmoid(x)


def hard_sigmoid(x: Array, *, alpha: float = 0.2, beta: float = 0.5) -> Array:
    return jnp.clip(alpha * x + beta, 0, 1)


def hard_swish(x: Array) -> Array:
    return x * hard_sigmoid(x, alpha=1 / 6)


def softplus(x: Array) -> Array:
    return jax.nn.softplus(x)


def tanh(x: Array) -> Array:
    return jnp.tanh(x)
