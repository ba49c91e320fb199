"""What the host does, in Python: encrypts pieces and frames a job, as workers/sandbox does it."""

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

DATA_KEY = bytes(range(32))
_CONTENT_KEY = bytes(range(100, 132))
_NONCE_BASE = bytes.fromhex("c0ffee01020304")


def frame(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I1s", len(body), kind) + body


def parquet(columns: Mapping[str, Iterable[Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: pa.array(list(values)) for name, values in columns.items()}), sink)
    return bytes(sink.getvalue())


def seal(plaintext: bytes, chunk_bytes: int = 4096) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """Body of the `H` frame, and (ciphertext, last) of each chunk."""
    blocks = [plaintext[at : at + chunk_bytes] for at in range(0, max(1, len(plaintext)), chunk_bytes)]
    return seal_blocks(blocks, chunk_bytes)


def seal_blocks(blocks: list[bytes], chunk_bytes: int) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """The same for blocks of any size, those included that no honest writer makes."""
    associated = hashlib.sha256(b"a header").digest()
    header = _NONCE_BASE + aes_key_wrap(DATA_KEY, _CONTENT_KEY) + struct.pack(">I", chunk_bytes) + associated
    cipher = AESGCM(_CONTENT_KEY)
    chunks = []
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        nonce = _NONCE_BASE + struct.pack(">IB", index, last)
        chunks.append((cipher.encrypt(nonce, block, associated), last))
    return header, chunks


def job_frames(declaration: dict[str, Any], graph: bytes, weights: bytes, pieces: list[bytes], rows: int) -> bytes:
    config = {"declaration": declaration, "pieces": len(pieces), "rows": rows}
    out = frame(b"C", json.dumps(config).encode()) + frame(b"G", graph) + frame(b"W", weights) + frame(b"K", DATA_KEY)
    for piece in pieces:
        header, chunks = seal(piece)
        out += frame(b"H", header)
        out += b"".join(frame(b"D", bytes([last]) + sealed) for sealed, last in chunks)
    return out + frame(b"X", b"")
