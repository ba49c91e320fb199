"""What the host does, in Python: encrypts pieces and frames a job, as workers/sandbox does it."""

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from weighbridge_trainer.envelope import Header, Place
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.sealed_rows import AnyRows

DATA_KEY = bytes(range(32))
SHARD_KEY = bytes(range(100, 132))
NONCE_BASE = bytes.fromhex("c0ffee01020304")
KEY_ID, DATASET_ID, SHARD_ID = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32


def frame(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I1s", len(body), kind) + body


def _array(values: Iterable[Any]) -> Any:
    return values if isinstance(values, pa.Array) else pa.array(list(values))


def parquet(columns: Mapping[str, Iterable[Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: _array(values) for name, values in columns.items()}), sink)
    return bytes(sink.getvalue())


def place_of(header: Header, number: int = 0, count: int = 1) -> Place:
    """What a manifest says of a shard whose key `SHARD_KEY` the version's key wraps."""
    place = Place(KEY_ID, header.dataset_id, header.shard_id, number, count, b"")
    return replace(place, wrapped_key=aes_key_wrap(place.wrapping_key(DATA_KEY), SHARD_KEY))


def header_frame(place: Place, header: bytes) -> bytes:
    fields = (place.key_id, place.dataset_id, place.shard_id, place.number, place.count, place.wrapped_key)
    return struct.pack(">32s32s32sII40s", *fields) + header


def padded_bytes(data_bytes: int) -> int:
    """Padme, with the eight bytes of the length in front."""
    size = data_bytes + 8
    exponent = size.bit_length() - 1
    step = 1 << (exponent - (exponent.bit_length() - 1) - 1)
    return -(-size // step) * step


def seal_frames(header: Header, plaintext: bytes) -> list[bytes]:
    """Ciphertext and tag of each frame."""
    cipher, associated = AESGCM(SHARD_KEY), hashlib.sha256(header.encode()).digest()
    frames = []
    for index in range(header.frames):
        at = index * header.frame_bytes
        nonce = header.nonce_base + struct.pack(">IB", index, index == header.frames - 1)
        frames.append(cipher.encrypt(nonce, plaintext[at : at + header.frame_bytes], associated))
    return frames


def seal(data: bytes, frame_bytes: int = 4096) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """Body of the `H` frame, and (ciphertext, last) of each frame."""
    size = padded_bytes(len(data))
    header = Header(DATASET_ID, SHARD_ID, frame_bytes, size, NONCE_BASE)
    frames = seal_frames(header, (len(data).to_bytes(8, "big") + data).ljust(size, b"\0"))
    return header_frame(place_of(header), header.encode()), [
        (frame, index == len(frames) - 1) for index, frame in enumerate(frames)
    ]


def job_frames(
    declaration: dict[str, Any],
    graph: bytes,
    weights: bytes,
    pieces: list[bytes],
    rows: int,
    seed: bytes | None = None,
    begin: bytes | None = None,
    held_out: tuple[list[bytes], int] | None = None,
    chosen: list[int] | None = None,
) -> bytes:
    """
    :param held_out: pieces of rows that are held out, and how many rows those are
    :param chosen: the frames that are sent of each piece; all of them unless given
    """
    config = {"declaration": declaration, "pieces": len(pieces), "rows": rows}
    if held_out is not None:
        config["heldOut"] = {"pieces": len(held_out[0]), "rows": held_out[1]}
        pieces = [*pieces, *held_out[0]]
    out = frame(b"C", json.dumps(config).encode()) + frame(b"G", graph) + frame(b"W", weights) + frame(b"K", DATA_KEY)
    out += b"" if seed is None else frame(b"S", seed)
    out += b"" if begin is None else frame(b"Z", begin)
    for piece in pieces:
        header, chunks = seal(piece)
        out += frame(b"H", header)
        if chosen is not None:
            out += frame(b"A", struct.pack(f">{len(chosen)}I", *chosen))
            chunks = [(chunks[index][0], index == chosen[-1]) for index in chosen]
        out += b"".join(frame(b"D", bytes([last]) + sealed) for sealed, last in chunks)
    return out + frame(b"X", b"")


def in_memory(rows: AnyRows) -> Rows:
    assert isinstance(rows, Rows)
    return rows
