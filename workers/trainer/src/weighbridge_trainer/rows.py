"""Rows as numbers, in memory. Those that take more of it than a box gives are sealed_rows.py's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]
# XLA on a CPU computes with what NumPy holds, if it begins at a multiple of this, and with a copy otherwise.
_ALIGNMENT_BYTES = 64


@dataclass(frozen=True)
class Rows:
    """`inputs` by name, each rows by width; `target` rows by what the label is (tokens have none, being an input)."""

    inputs: Mapping[str, Numbers]
    target: Numbers
    units: Numbers | None = None
    """The privacy unit of each row, numbered as they appear; None where a row is one."""

    def some(self, which: slice | Numbers) -> "Rows":
        """Rows by number, without their units: of a slice the rows themselves, else copies."""
        return Rows({name: values[which] for name, values in self.inputs.items()}, self.target[which])


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Numbers:
    """Zeros, so that pages are taken as they are filled. All rows of a dataset twice may be more than a box has."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + _ALIGNMENT_BYTES, np.uint8)
    begin = -room.ctypes.data % _ALIGNMENT_BYTES
    return room[begin : begin + size].view(dtype).reshape(shape)
