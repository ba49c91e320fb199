"""Operators that draw at random, from the key of the job, the step, the row and the node."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .static import require

_DEFAULT_RATIO = 0.5


def dropout(
    x: Array, ratio: Any = None, training_mode: Any = None, *, seed: int | None = None, key: Array | None = None
) -> Array:
    """The trainer decides whether it is on (a key is given) and what it draws; the graph's own seed does not count. A
    node that says no in so many words stays off; exporters leave `training_mode` out where they mean yes."""
    share = _DEFAULT_RATIO if ratio is None else _constant(ratio)
    require(0 <= share < 1, "Dropout ratio")
    if key is None or share == 0 or (training_mode is not None and not _constant(training_mode)):
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0).astype(x.dtype)


def _constant(operand: Any) -> float:
    require(isinstance(operand, np.ndarray) and operand.size == 1, "Dropout from data")
    return float(operand.reshape(()))
