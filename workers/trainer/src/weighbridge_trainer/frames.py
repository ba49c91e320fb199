"""The frames of README.md: u32 big-endian body length, one letter, body."""

import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from .refusal import Reason, Refused

_HEAD = struct.Struct(">I1s")
_PROGRESS = struct.Struct(">II")

LIMITS, CONFIG, GRAPH, WEIGHTS, TOKENIZER, KEY, SEED = b"L", b"C", b"G", b"W", b"T", b"K", b"S"
# The same both ways.
CHECKPOINT = b"Z"
HEADER, CHUNK, END = b"H", b"D", b"X"
IDLE, PROGRESS, RESULT, MOMENTS, METRIC, NUMBERS, ERROR = b"I", b"P", b"R", b"F", b"M", b"N", b"E"

MAX_CHUNK_BYTES = 16 << 20
_TAG_AND_FLAG_BYTES = 17
_MAX_BODY_BYTES = {
    LIMITS: 13,
    CONFIG: 16 << 20,
    GRAPH: 16 << 20,
    WEIGHTS: 512 << 20,
    TOKENIZER: 16 << 20,
    KEY: 32,
    SEED: 32,
    CHECKPOINT: 1 << 31,
    HEADER: 272,
    CHUNK: MAX_CHUNK_BYTES + _TAG_AND_FLAG_BYTES,
    END: 0,
}


class FrameReader:
    """Reads frames and demands the kind that must come next: an unexpected one ends the job."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def expect(self, kind: bytes) -> bytes:
        got, body = self.next()
        if got != kind:
            raise Refused(Reason.TRAINER_FAILED, f"frame {got!r} where {kind!r} belongs")
        return body

    def next(self) -> tuple[bytes, bytes]:
        length, kind = _HEAD.unpack(self._exactly(_HEAD.size))
        if length > _MAX_BODY_BYTES.get(kind, -1):
            raise Refused(Reason.TRAINER_FAILED, f"frame {kind!r} of {length} bytes")
        return kind, self._exactly(length)

    def pieces(self, count: int) -> Iterator[tuple[bytes, Iterator[tuple[bytes, bool]]]]:
        """Header and chunks (ciphertext, last) of each piece; the chunks MUST be used up before the next piece."""
        for _ in range(count):
            yield self.expect(HEADER), self._chunks()

    def _chunks(self) -> Iterator[tuple[bytes, bool]]:
        last = False
        while not last:
            body = self.expect(CHUNK)
            if not body or body[0] > 1:
                raise Refused(Reason.TRAINER_FAILED, "chunk without its flag")
            last = body[0] == 1
            yield body[1:], last

    def _exactly(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) != length:
            raise Refused(Reason.TRAINER_FAILED, "the host closed the pipe")
        return data


class FrameWriter:
    """Writes the closed set of answers. Every number in them is public before the first row is read, but for moments
    and a metric, which have their noise."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def idle(self) -> None:
        self._write(IDLE, b"")

    def progress(self, step: int, of: int) -> None:
        self._write(PROGRESS, _PROGRESS.pack(step, of))

    def checkpoint(self, state: bytes) -> None:
        self._write(CHECKPOINT, state)

    def result(self, safetensors: bytes) -> None:
        self._write(RESULT, safetensors)

    def moments(self, noised: Sequence[int]) -> None:
        self._write(MOMENTS, struct.pack(f">{len(noised)}q", *noised))

    def metric(self, total: int, units: int) -> None:
        self._write(METRIC, struct.pack(">qq", total, units))

    def numbers(self, epochs: int, rows: int) -> None:
        self._write(NUMBERS, struct.pack(">IQ", epochs, rows))

    def error(self, reason: Reason) -> None:
        self._write(ERROR, bytes([reason]))

    def _write(self, kind: bytes, body: bytes) -> None:
        self._stream.write(_HEAD.pack(len(body), kind))
        self._stream.write(body)
        self._stream.flush()
