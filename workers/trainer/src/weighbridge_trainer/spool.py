"""Rows that memory has no room for, on the worker's disk: a file without a name, which the host opened for this box
alone. Each row is sealed by itself, under a key that is made here, lies in the memory of the box and dies with it. The
host sees ciphertext, how long a row is, and which rows are read when."""

import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .refusal import Reason, Refused

# Where the host puts the file (workers/sandbox/bwrap.ts).
SPOOL_DESCRIPTOR = 6
TAG_BYTES = 16
_NONCE_BYTES = 12

Records = npt.NDArray[np.uint8]


class Spool:
    """A row's nonce is its number: no number is written twice, so no nonce is used twice, and a row that is moved to
    the place of another does not open there."""

    def __init__(self, descriptor: int, row_bytes: int, begin: int = 0) -> None:
        """:param begin: where in the file it starts"""
        self._descriptor, self._begin = descriptor, begin
        self._row_bytes, self._sealed_bytes = row_bytes, row_bytes + TAG_BYTES
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._rows = 0

    @property
    def end(self) -> int:
        """Where in the file it ends, so far."""
        return self._begin + self._rows * self._sealed_bytes

    def append(self, records: Records) -> None:
        """:raises Refused: TRAINER_FAILED where the disk takes no more: the host counted that it would"""
        rows, sealed = records.reshape(-1).data, bytearray(len(records) * self._sealed_bytes)
        room = memoryview(sealed)
        for k in range(len(records)):
            into = room[k * self._sealed_bytes : (k + 1) * self._sealed_bytes]
            row = rows[k * self._row_bytes : (k + 1) * self._row_bytes]
            self._cipher.encrypt_into(_nonce(self._rows + k), row, None, into)
        at, written = self.end, 0
        try:
            while written < len(sealed):
                written += os.pwrite(self._descriptor, room[written:], at + written)
        except OSError:
            raise _failed("the disk is full") from None
        self._rows += len(records)

    def read(self, numbers: npt.NDArray[np.integer], out: Records) -> None:
        """Opens rows into the first lines of `out`.

        :param numbers: rising
        :raises Refused: TRAINER_FAILED for bytes that are not what was written there: that is the host's disk, and not
            the seller's file
        """
        rows, line = out.reshape(-1).data, 0
        for first, count in _runs(numbers):
            sealed = self._bytes(first, count)
            for k in range(count):
                row = sealed[k * self._sealed_bytes : (k + 1) * self._sealed_bytes]
                into = rows[line * self._row_bytes : (line + 1) * self._row_bytes]
                try:
                    self._cipher.decrypt_into(_nonce(first + k), row, None, into)
                except InvalidTag:
                    raise _failed(f"row {first + k}") from None
                line += 1

    def _bytes(self, first: int, count: int) -> bytes:
        size = count * self._sealed_bytes
        try:
            sealed = os.pread(self._descriptor, size, self._begin + first * self._sealed_bytes)
        except OSError:
            raise _failed("it cannot be read") from None
        if first + count > self._rows or len(sealed) != size:
            raise _failed("it ends too soon")
        return sealed


def _runs(numbers: npt.NDArray[np.integer]) -> Iterator[tuple[int, int]]:
    """First number and length of each run of neighbours, which are read at once."""
    begins = np.flatnonzero(np.diff(numbers, prepend=-2) != 1)
    lengths = np.diff(begins, append=len(numbers))
    yield from zip(numbers[begins].tolist(), lengths.tolist(), strict=True)


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


def _failed(detail: str) -> Refused:
    return Refused(Reason.TRAINER_FAILED, f"spool: {detail}")
