"""Opens a piece of `weighbridge-stream-v1` (ARCHITECTURE.md, "Encryption of a piece") in memory."""

import struct
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from .frames import MAX_CHUNK_BYTES
from .refusal import Reason, Refused

_HEADER = struct.Struct(">7s40sI32s")
_TAG_BYTES = 16


def open_piece(data_key: bytes, header: bytes, chunks: Iterator[tuple[bytes, bool]]) -> bytearray:
    """The plaintext, once every chunk has authenticated and the last one carried the last flag.

    :raises Refused: DATA_CORRUPT
    """
    if len(header) != _HEADER.size:
        raise _corrupt("header")
    nonce_base, wrapped_key, chunk_bytes, associated = _HEADER.unpack(header)
    if not 1 <= chunk_bytes <= MAX_CHUNK_BYTES:
        raise _corrupt("chunk size")
    cipher = AESGCM(_unwrap(data_key, wrapped_key))
    plaintext = bytearray()
    for index, (sealed, last) in enumerate(chunks):
        plaintext += _open_chunk(cipher, sealed, _nonce(nonce_base, index, last), associated)
        size = len(sealed) - _TAG_BYTES
        # Every chunk but the last is full, and the last holds something unless it is alone: one file has one form.
        if (not last and size != chunk_bytes) or size > chunk_bytes or (size == 0 and index > 0):
            raise _corrupt(f"chunk {index} has {size} bytes")
    return plaintext


def _unwrap(data_key: bytes, wrapped_key: bytes) -> bytes:
    try:
        return aes_key_unwrap(data_key, wrapped_key)
    except InvalidUnwrap:
        raise _corrupt("content key") from None


def _open_chunk(cipher: AESGCM, sealed: bytes, nonce: bytes, associated: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError):
        raise _corrupt("chunk") from None


def _nonce(base: bytes, index: int, last: bool) -> bytes:
    """STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): index against reordering, last flag against truncation."""
    if index > 0xFFFFFFFF:
        raise _corrupt("too many chunks")
    return base + struct.pack(">IB", index, last)


def _corrupt(what: str) -> Refused:
    return Refused(Reason.DATA_CORRUPT, what)
