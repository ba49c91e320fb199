"""Rows in a spool. A run takes them by segments: what the next steps need lies in memory, in the same form as if all
rows did, and the same compiled step computes with it, so the weights are the same, bit by bit."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from .rows import Numbers, Rows
from .spool import Spool
from .stored import Record

_AT_ONCE_BYTES = 32 << 20


class SealedRows:
    def __init__(self, spool: Spool, record: Record, units: Numbers | None) -> None:
        self._spool, self._record = spool, record
        self.units = units
        self.change: Callable[[Mapping[str, Numbers]], None] | None = None
        """What is done to each row's inputs, in place, after it was read: what is sealed stays as it was written."""

    @property
    def rows_at_once(self) -> int:
        """So many may be in memory together."""
        return rows_at_once(self._record)

    def some(self, which: slice | npt.NDArray[np.integer]) -> Rows:
        """Copies of rows by number, which may repeat."""
        numbers = np.arange(which.start, which.stop) if isinstance(which, slice) else which
        distinct, places = np.unique(numbers, return_inverse=True)
        return self._read(distinct, len(distinct)).some(places.reshape(numbers.shape))

    def pool(self, wanted: npt.NDArray[np.integer], room: int) -> tuple[Rows, Numbers, Numbers]:
        """What a segment computes with: its rows, each once and in front of room for more; the number of each; and
        where among them each one that is wanted stands.
        """
        distinct, places = np.unique(wanted, return_inverse=True)
        numbers = np.zeros(room, np.int32)
        numbers[: len(distinct)] = distinct
        return self._read(distinct, room), numbers, places.reshape(wanted.shape).astype(np.int32)

    def _read(self, distinct: npt.NDArray[np.integer], room: int) -> Rows:
        records = np.zeros((room, self._record.bytes), np.uint8)
        self._spool.read(distinct, records)
        rows = self._record.unpack(records)
        if self.change is not None:
            self.change({name: values[: len(distinct)] for name, values in rows.inputs.items()})
        return rows


AnyRows = Rows | SealedRows


def rows_at_once(record: Record) -> int:
    return max(1, _AT_ONCE_BYTES // record.bytes)
