"""Opens a piece of `weighbridge-envelope-v1` (docs/envelope.md) in memory."""

import hashlib
import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from .frames import MAX_CHUNK_BYTES
from .refusal import Reason, Refused

_TAG_BYTES = 16
_PREFIX_BYTES = 8
_MAX_PIECE_BYTES = 1_065_353_216
_MAX_INDEX_BYTES = 16 << 20
_MAX_TRIED = 8_192

# Body of an `H` frame up to the header: what the manifest says of the shard.
_PLACE = struct.Struct(">32s32s32sII40s")
PLACE_BYTES = _PLACE.size
MAX_HEADER_BYTES = 128

# COSE_Encrypt0 of RFC 9052, the one shape that is written; docs/envelope.md names every byte.
_HEAD = bytes.fromhex("d08358")
_MAP_5, _MAP_6 = b"\xa5", b"\xa6"
_KEY_ID = bytes.fromhex("0103045820")
_FRAME_BYTES = bytes.fromhex("3a00011170")
_PLAINTEXT_BYTES = bytes.fromhex("3a00011171")
_DATASET = bytes.fromhex("3a000111725820")
_INDEX_BYTES = bytes.fromhex("3a00011173")
_NONCE = bytes.fromhex("a10547")
_NIL = b"\xf6"


@dataclass(frozen=True)
class Header:
    dataset_id: bytes
    shard_id: bytes
    frame_bytes: int
    plaintext_bytes: int
    nonce_base: bytes
    index_bytes: int | None = None
    """Of the index behind the frames, which stays with the host: it says where columns are, and no row."""

    @property
    def frames(self) -> int:
        return -(-self.plaintext_bytes // self.frame_bytes)

    def size(self, index: int) -> int:
        """Plaintext bytes of a frame."""
        return min(self.frame_bytes, self.plaintext_bytes - index * self.frame_bytes)

    def encode(self) -> bytes:
        """The COSE bytes; their SHA-256 is the additional data of every frame."""
        protected = b"".join(
            (
                (_MAP_5 if self.index_bytes is None else _MAP_6) + _KEY_ID + self.shard_id,
                _FRAME_BYTES + _cbor_uint(self.frame_bytes),
                _PLAINTEXT_BYTES + _cbor_uint(self.plaintext_bytes),
                _DATASET + self.dataset_id,
                b"" if self.index_bytes is None else _INDEX_BYTES + _cbor_uint(self.index_bytes),
            )
        )
        return _HEAD + bytes([len(protected)]) + protected + _NONCE + self.nonce_base + _NIL


def parse_header(data: bytes) -> Header:
    """No other algorithm and no other form.

    :raises Refused: PIECE_CORRUPT unless the bytes are exactly what `encode` gives
    """
    map_at = len(_HEAD) + 1
    at = map_at + 1 + len(_KEY_ID)
    shard_id, at = data[at : at + 32], at + 32 + len(_FRAME_BYTES)
    frame_bytes, at = _read_uint(data, at)
    plaintext_bytes, at = _read_uint(data, at + len(_PLAINTEXT_BYTES))
    at += len(_DATASET)
    dataset_id, at = data[at : at + 32], at + 32
    index_bytes = None
    if data[map_at : map_at + 1] == _MAP_6:
        index_bytes, at = _read_uint(data, at + len(_INDEX_BYTES))
    at += len(_NONCE)
    header = Header(dataset_id, shard_id, frame_bytes, plaintext_bytes, data[at : at + 7], index_bytes)
    possible = (
        1 <= frame_bytes <= MAX_CHUNK_BYTES
        and 1 <= plaintext_bytes <= _MAX_PIECE_BYTES
        and (index_bytes is None or 1 <= index_bytes <= _MAX_INDEX_BYTES)
    )
    if not possible or header.encode() != data:
        raise _refused("PIECE_CORRUPT", "header")
    return header


@dataclass(frozen=True)
class Place:
    """What the signed manifest says of one shard."""

    key_id: bytes
    dataset_id: bytes
    shard_id: bytes
    number: int
    count: int
    wrapped_key: bytes

    def wrapping_key(self, version_key: bytes) -> bytes:
        """HKDF-SHA256: a key for this version, shard and place alone."""
        info = b"weighbridge/v1 shard wrap" + self.shard_id + struct.pack(">II", self.number, self.count)
        return HKDF(algorithm=SHA256(), length=32, salt=self.key_id, info=info).derive(version_key)


def open_piece(version_key: bytes, header_frame: bytes, frames: Iterator[tuple[bytes, bool]]) -> bytearray:
    """The bytes of the shard, once every frame has authenticated.

    :param header_frame: body of the `H` frame
    :param frames: ciphertext and tag of each, and whether the host says that it is the last
    :raises Refused: DATA_CORRUPT; its detail begins with the code of docs/envelope.md
    """
    opener, header = _opener(version_key, header_frame)
    plaintext = bytearray()
    for index, sealed in _in_order(range(header.frames), frames, header):
        plaintext += opener.open(sealed, index)
    return _unpad(plaintext)


def open_part(
    version_key: bytes, header_frame: bytes, chosen: Sequence[int], frames: Iterator[tuple[bytes, bool]]
) -> "PartOfShard":
    """The same of some frames.

    :param chosen: the numbers of the frames that come, rising
    :raises Refused: DATA_CORRUPT
    """
    opener, header = _opener(version_key, header_frame)
    opened = {index: opener.open(sealed, index) for index, sealed in _in_order(chosen, frames, header)}
    return PartOfShard(header, opened)


def _opener(version_key: bytes, header_frame: bytes) -> "tuple[_Opener, Header]":
    if len(header_frame) <= PLACE_BYTES:
        raise _refused("PIECE_CORRUPT", "header frame")
    key_id, dataset_id, shard_id, number, count, wrapped = _PLACE.unpack_from(header_frame)
    place = Place(key_id, dataset_id, shard_id, number, count, wrapped)
    header_bytes = header_frame[PLACE_BYTES:]
    header = parse_header(header_bytes)
    if (header.dataset_id, header.shard_id) != (place.dataset_id, place.shard_id):
        raise _refused("PIECE_FOREIGN", "header of another shard")
    return _Opener(AESGCM(_unwrap(version_key, place)), header, hashlib.sha256(header_bytes).digest()), header


def _in_order(
    wanted: Sequence[int], frames: Iterator[tuple[bytes, bool]], header: Header
) -> Iterator[tuple[int, bytes]]:
    """Each frame with its number: those that are wanted, whole, and no others."""
    seen = 0
    for sealed, last in frames:
        if seen >= len(wanted):
            raise _refused("PIECE_CORRUPT", "it goes on after its end")
        index = wanted[seen]
        if index >= header.frames or (seen > 0 and index <= wanted[seen - 1]):
            raise _refused("PIECE_CORRUPT", f"no place for a frame {index}")
        seen += 1
        if len(sealed) < header.size(index) + _TAG_BYTES or (last and seen < len(wanted)):
            raise _refused("PIECE_TRUNCATED", f"frame {index}")
        if len(sealed) > header.size(index) + _TAG_BYTES:
            raise _refused("PIECE_CORRUPT", f"frame {index} is too long")
        yield index, sealed
    if seen < len(wanted):
        raise _refused("PIECE_TRUNCATED", f"{seen} frames")


class PartOfShard(io.RawIOBase):
    """A shard of which some frames came, as a file. A read where none came is refused: it must not pass for zeros."""

    def __init__(self, header: Header, frames: dict[int, bytes]) -> None:
        super().__init__()
        self._frame_bytes = header.frame_bytes
        self._frames = frames
        first = frames.get(0, b"")
        if len(first) < _PREFIX_BYTES:
            raise _refused("PIECE_CORRUPT", "no length")
        self._size = int.from_bytes(first[:_PREFIX_BYTES], "big")
        if self._size > header.plaintext_bytes - _PREFIX_BYTES:
            raise _refused("PIECE_CORRUPT", "length")
        for index, plaintext in frames.items():
            padding = max(0, _PREFIX_BYTES + self._size - index * self._frame_bytes)
            if plaintext.count(0, padding) != max(0, len(plaintext) - padding):
                raise _refused("PIECE_CORRUPT", "padding")
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """:raises Refused: DATA_CORRUPT for bytes that did not come"""
        end = self._size if size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        start, stop = self._at + _PREFIX_BYTES, end + _PREFIX_BYTES
        first, last = start // self._frame_bytes, (stop - 1) // self._frame_bytes
        try:
            plaintext = b"".join(self._frames[index] for index in range(first, last + 1))
        except KeyError:
            raise _refused("PIECE_TRUNCATED", "a frame that is needed did not come") from None
        self._at = end
        return plaintext[start - first * self._frame_bytes : stop - first * self._frame_bytes]


class _Opener:
    def __init__(self, cipher: AESGCM, header: Header, associated: bytes) -> None:
        self._cipher = cipher
        self._header = header
        self._associated = associated

    def open(self, sealed: bytes, index: int) -> bytes:
        plaintext = self._try(sealed, index)
        if plaintext is not None:
            return plaintext
        for other in range(min(self._header.frames, _MAX_TRIED)):
            if other != index and self._try(sealed, other) is not None:
                code = "PIECE_REPEATED" if other < index else "PIECE_REORDERED"
                raise _refused(code, f"frame {other} in the place of {index}")
        raise _refused("PIECE_CORRUPT", f"frame {index}")

    def _try(self, sealed: bytes, index: int) -> bytes | None:
        """STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015): index against reordering, last flag against truncation."""
        last = index == self._header.frames - 1
        try:
            return self._cipher.decrypt(
                self._header.nonce_base + struct.pack(">IB", index, last), sealed, self._associated
            )
        except InvalidTag:
            return None


def _unpad(plaintext: bytearray) -> bytearray:
    if len(plaintext) < _PREFIX_BYTES:
        raise _refused("PIECE_CORRUPT", "no length")
    size = int.from_bytes(plaintext[:_PREFIX_BYTES], "big")
    end = _PREFIX_BYTES + size
    if end > len(plaintext) or plaintext.count(0, end) != len(plaintext) - end:
        raise _refused("PIECE_CORRUPT", "padding")
    del plaintext[end:]
    del plaintext[:_PREFIX_BYTES]
    return plaintext


def _unwrap(version_key: bytes, place: Place) -> bytes:
    try:
        return aes_key_unwrap(place.wrapping_key(version_key), place.wrapped_key)
    except InvalidUnwrap:
        raise _refused("SHARD_KEY_REFUSED", "shard key") from None


def _cbor_uint(value: int) -> bytes:
    """The one shortest form, RFC 8949 section 4.2.1."""
    if value < 24:
        return bytes([value])
    for head, width in ((0x18, 1), (0x19, 2)):
        if value < 1 << (8 * width):
            return bytes([head]) + value.to_bytes(width, "big")
    return b"\x1a" + value.to_bytes(4, "big")


def _read_uint(data: bytes, at: int) -> tuple[int, int]:
    head = data[at] if at < len(data) else 0
    width = {0x18: 1, 0x19: 2, 0x1A: 4}.get(head, 0)
    value = head if width == 0 else int.from_bytes(data[at + 1 : at + 1 + width], "big")
    return value, at + 1 + width


def _refused(code: str, what: str) -> Refused:
    return Refused(Reason.DATA_CORRUPT, f"{code}: {what}")
