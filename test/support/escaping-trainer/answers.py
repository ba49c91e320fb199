"""A trainer that reads its job and answers as it likes. It stands in the place of `__main__.py` in a copy of the real
trainer; the declaration's seed says which answer is wanted. For tests only."""

import json
import os
import struct
import sys
import time


def frame(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I1s", len(body), kind) + body


def read_frames() -> dict[bytes, bytes]:
    frames: dict[bytes, bytes] = {}
    while b"X" not in frames:
        length, kind = struct.unpack(">I1s", sys.stdin.buffer.read(5))
        frames[kind] = sys.stdin.buffer.read(length)
    return frames


def progress(step: int, of: int) -> bytes:
    return frame(b"P", struct.pack(">II", step, of))


def main() -> None:
    sys.stdout.buffer.write(frame(b"I", b""))
    sys.stdout.buffer.flush()
    frames = read_frames()
    declaration = json.loads(frames[b"C"])["declaration"]
    rows = json.loads(frames[b"C"])["rows"]
    steps = declaration["epochs"] * -(-rows // min(rows, declaration["batchRows"]))
    honest = frame(b"R", frames[b"W"]), frame(b"N", struct.pack(">IQ", declaration["epochs"], rows))
    answers = [
        [b"".join(honest)],
        [b"row 1: 0.25, 0.5\n"],
        [frame(b"L", b"loss 0.25")],
        [struct.pack(">I1s", 1 << 31, b"R")],
        [progress(2, steps), progress(1, steps)],
        [progress(1, steps + 1)],
        [progress(steps + 1, steps)],
        [frame(b"P", bytes(9))],
        [frame(b"N", bytes(12))],
        [honest[0], honest[0]],
        [frame(b"E", bytes([0]))],
        [frame(b"E", bytes([200]))],
        [*honest, b"0.25"],
        [*honest, *honest],
        [honest[0][:100]],
        [],
        [b"row 1: 0.25, 0.5\n" * 50_000],
    ]
    seed = declaration["seed"]
    if seed < len(answers):
        sys.stderr.write("row 1: 0.25, 0.5\n" * 1000)
        sys.stdout.buffer.write(b"".join(answers[seed]))
        sys.stdout.buffer.flush()
        os._exit(0)
    if seed == 500:
        os.abort()
    # 1000: an answer, and then it stays. 1001: an answer that comes late.
    if seed == 1001:
        time.sleep(60)
    sys.stdout.buffer.write(b"".join(honest))
    sys.stdout.buffer.flush()
    time.sleep(60)


main()
