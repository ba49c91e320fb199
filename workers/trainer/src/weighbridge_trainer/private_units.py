"""What privacy is promised to: a row, or everybody who stands in a column (a patient). Then a whole unit is drawn,
clipped and counted at once, with at most so many of its rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class Units:
    count: int
    """How many there are: secret where a unit is no row, so no shape and no message may depend on it."""
    rows: npt.NDArray[np.int32] | None
    """Row numbers of each unit, -1 where it has fewer; None where a unit is a row."""

    def padded(self, length: int) -> npt.NDArray[np.int32] | None:
        """As many lines as rows, which is public and never too few."""
        if self.rows is None:
            return None
        full = np.full((length, self.rows.shape[1]), -1, np.int32)
        full[: self.count] = self.rows
        return full


class UnitNames:
    """Numbers the values of a column as they appear; a missing value is a value too."""

    def __init__(self, column: str, rows: int) -> None:
        self.numbers = np.zeros(rows, np.int64)
        self._column = column
        self._known: dict[Any, int] = {}

    def add(self, first: int, batch: pa.RecordBatch) -> None:
        # NaN is not equal to itself: each would be a unit of its own.
        names = [None if name != name else name for name in batch.column(self._column).to_pylist()]
        self.numbers[first : first + len(names)] = [self._known.setdefault(name, len(self._known)) for name in names]


def units_of(names: npt.NDArray[np.int64] | None, rows: int, most: int) -> Units:
    """:param names: the unit of each row, numbered from 0 in order of appearance :param most: rows taken of each"""
    if names is None:
        return Units(rows, None)
    count = int(names.max()) + 1
    order = np.argsort(names, kind="stable")
    sizes = np.bincount(names, minlength=count)
    place = np.arange(rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = place < most
    table = np.full((count, most), -1, np.int32)
    table[names[order][kept], place[kept]] = order[kept]
    return Units(count, table)
