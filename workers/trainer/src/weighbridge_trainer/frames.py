"""The frames of README.md: u32 big-endian body length, one letter, body."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from .refusal import Reason, Refused

_HEAD = struct.Struct(">I1s")
_PROGRESS = struct.Struct(">II")

LIMITS, CONFIG, GRAPH, WEIGHTS, TOKENIZER, KEY, SEED = b"L", b"C", b"G", b"W", b"T", b"K", b"S"
# The same both ways.
CHECKPOINT = b"Z"
HEADER, CHOSEN, CHUNK, END = b"H", b"A", b"D", b"X"
IDLE, PROGRESS, RESULT, MOMENTS, METRIC, NUMBERS, ERROR = b"I", b"P", b"R", b"F", b"M", b"N", b"E"

MAX_CHUNK_BYTES = 16 << 20
_TAG_AND_FLAG_BYTES = 17
_MAX_BODY_BYTES = {
    LIMITS: 21,
    CONFIG: 16 << 20,
    GRAPH: 16 << 20,
    WEIGHTS: 512 << 20,
    TOKENIZER: 16 << 20,
    KEY: 32,
    SEED: 32,
    CHECKPOINT: 1 << 31,
    HEADER: 272,
    CHOSEN: 4 * 65_536,
    CHUNK: MAX_CHUNK_BYTES + _TAG_AND_FLAG_BYTES,
    END: 0,
}


@dataclass(frozen=True)
class SentPiece:
    """A piece as the host sends it."""

    header: bytes
    chosen: tuple[int, ...] | None
    """Numbers of the frames that come; None for all of them."""
    chunks: Iterator[tuple[bytes, bool]]
    """Ciphertext of each frame, and whether it is the last that comes."""


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

    def pieces(self, count: int) -> Iterator["SentPiece"]:
        """The chunks of a piece MUST be used up before the next piece."""
        for _ in range(count):
            header = self.expect(HEADER)
            kind, body = self.next()
            chosen = None
            if kind == CHOSEN:
                if len(body) % 4:
                    raise Refused(Reason.TRAINER_FAILED, "half a frame's number")
                chosen = struct.unpack(f">{len(body) // 4}I", body)
                kind, body = self.next()
            yield SentPiece(header, chosen, self._chunks(kind, body))

    def _chunks(self, kind: bytes, body: bytes) -> Iterator[tuple[bytes, bool]]:
        while True:
            if kind != CHUNK or not body or body[0] > 1:
                raise Refused(Reason.TRAINER_FAILED, f"frame {kind!r} where a chunk with its flag belongs")
            yield body[1:], body[0] == 1
            if body[0] == 1:
                return
            kind, body = self.next()

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
