"""What operators ask of operands that must be known while the graph is lowered."""

from typing import Any

import numpy as np

from ..refusal import reject_model


def ints(operand: Any) -> list[int]:
    """Integers of a constant. A shape or an axis computed from data would let rows decide shapes: refused."""
    if not isinstance(operand, np.ndarray) or operand.dtype.kind != "i":
        raise reject_model("operator: shape or axes from data")
    return [int(value) for value in operand.reshape(-1)]


def require(condition: bool, what: str) -> None:
    if not condition:
        raise reject_model(f"operator: {what}")
