"""The rows that a model is tried with before it is exported: three at once must give what three alone give, for the worker runs
every row by itself and would train another model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import WeighbridgeError, bad_input, model_rejected
from .tensors import Array

ROWS = 3
#: Two ways to compute a row differ by rounding; rows that see one another differ by far more.
_TOLERANCE = 1e-4


def drawn_rows(shape: Sequence[int], dtype: str) -> Array:
    """Rows as the worker's own canary draws them: examples are often zeros, and equal rows hide that they see one another.

    :param shape: of one row
    """
    draw = np.random.default_rng(0)
    if dtype == "float32":
        return draw.standard_normal((ROWS, *shape), np.float32)
    # Small numbers: every embedding has them.
    return draw.integers(0, 2, (ROWS, *shape)).astype(dtype)


def assert_rows_apart(together: Array, alone: Array) -> None:
    """:raises WeighbridgeError: MODEL_REJECTED"""
    scale = max(1.0, float(np.nan_to_num(np.abs(alone)).max(initial=0)))
    if not np.allclose(together, alone, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True):
        raise model_rejected(
            "rows-mix: a row's result depends on the rows beside it in the batch",
            "Take out what reduces over the batch axis (a mean over axis 0, BatchNorm, contrastive parts). Attention and "
            "recurrent layers of PyTorch have the batch in front with batch_first=True.",
        )


def refused_examples(error: Exception) -> WeighbridgeError:
    """The model itself said that it cannot take the example inputs."""
    return bad_input(
        f"the model does not take these example inputs: {first_line(error)}",
        "Give one input, or a tuple of them in the order of forward, each of shape [batch, ...] and of the type that it takes.",
    )


def first_line(error: BaseException) -> str:
    """The first thing that an exception says, or its kind if it says nothing."""
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__
