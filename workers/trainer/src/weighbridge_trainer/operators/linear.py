"""Products."""

import jax.numpy as jnp
from jax import Array

from .static import require


def gemm(
    a: Array,
    b: Array,
    c: Array | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803 - the attribute's name
    transB: int = 0,  # noqa: N803
) -> Array:
    require(a.ndim == 2 and b.ndim == 2, "Gemm takes matrices")
    # Not `@`: of two constants that would be computed at once, budget or not.
    product = jnp.matmul(a.T if transA else a, b.T if transB else b)
    product = product if alpha == 1 else alpha * product
    if c is None:
        return product
    return product + (c if beta == 1 else beta * c)


def matmul(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b)
