"""What operators ask of operands that must be known while the graph is lowered."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..refusal import reject_model

_FOLDING: ContextVar[bool] = ContextVar("folding", default=False)


@contextmanager
def folding() -> Iterator[None]:
    """Operators inside compute constants, with numpy where they can: which compiles nothing. Budgets have passed."""
    token = _FOLDING.set(True)
    try:
        yield
    finally:
        _FOLDING.reset(token)


def xp(*operands: Any) -> Any:
    """numpy for constants that are being folded, jax.numpy for everything that is traced."""
    constant = all(isinstance(operand, np.ndarray | np.generic) for operand in operands if operand is not None)
    return np if _FOLDING.get() and constant else jnp


def ints(operand: Any) -> list[int]:
    """Integers of a constant. A shape or an axis computed from data would let rows decide shapes: refused."""
    if not isinstance(operand, np.ndarray) or operand.dtype.kind != "i":
        raise reject_model("operator: shape or axes from data")
    return [int(value) for value in operand.reshape(-1)]


def require(condition: bool, what: str) -> None:
    if not condition:
        raise reject_model(f"operator: {what}")
