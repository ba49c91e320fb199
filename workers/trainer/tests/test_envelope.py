"""The envelope: vectors of both implementations, and every way to cut, move or change a piece."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pieces import DATA_KEY, SHARD_ID, header_frame, place_of, seal, seal_frames
from weighbridge_trainer.envelope import PLACE_BYTES, Header, PartOfShard, Place, open_part, open_piece, parse_header
from weighbridge_trainer.refusal import Reason, Refused

VECTORS = json.loads((Path(__file__).parents[3] / "test/vectors/envelope.json").read_text())


def cut(piece: bytes) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """What the host does: the header, and frames cut at their borders."""
    length = int.from_bytes(piece[:4], "big")
    header, rest = piece[4 : 4 + length], piece[4 + length :]
    about = parse_header(header)
    if about.index_bytes is not None:
        rest = rest[: about.plaintext_bytes + 16 * about.frames]
    size = about.frame_bytes + 16
    frames = [rest[at : at + size] for at in range(0, len(rest), size)]
    return header, [(frame, index == len(frames) - 1) for index, frame in enumerate(frames)]


def place_in(vector: dict[str, Any]) -> Place:
    key_id, dataset_id, shard_id = (bytes.fromhex(vector[name][2:]) for name in ("keyId", "datasetId", "shardId"))
    wrapped_key = bytes.fromhex(vector["wrappedKey"])
    return Place(key_id, dataset_id, shard_id, vector["number"], vector["count"], wrapped_key)


@pytest.mark.parametrize("vector", VECTORS["pieces"], ids=lambda vector: f"{vector['madeBy']}: {vector['name']}")
def test_opens_the_vectors_of_both_implementations(vector: dict[str, Any]) -> None:
    header, frames = cut(bytes.fromhex(vector["piece"]))
    opened = open_piece(bytes.fromhex(VECTORS["versionKey"]), header_frame(place_in(vector), header), iter(frames))
    assert opened.hex() == vector["data"]


@pytest.mark.parametrize("vector", [vector for vector in VECTORS["pieces"] if "layout" in vector])
def test_opens_the_index_that_stays_with_the_host(vector: dict[str, Any]) -> None:
    """docs/envelope.md, "Index", in Python."""
    piece, shard_key = bytes.fromhex(vector["piece"]), bytes.fromhex(VECTORS["shardKey"])
    header_bytes, _frames = cut(piece)
    header = parse_header(header_bytes)
    assert header.index_bytes is not None
    info = b"weighbridge/v1 shard index"
    key = HKDF(algorithm=SHA256(), length=32, salt=header.shard_id, info=info).derive(shard_key)
    associated = hashlib.sha256(header_bytes).digest()
    index = AESGCM(key).decrypt(header.nonce_base + bytes(5), piece[-header.index_bytes :], associated)
    assert index.hex() == vector["layout"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_refuses_the_vectors_with_the_same_codes(vector: dict[str, Any]) -> None:
    assert code_of(lambda: open_vector(vector)) == vector["code"]


def open_vector(vector: dict[str, Any]) -> bytearray:
    piece = bytes.fromhex(vector["piece"])
    length = int.from_bytes(piece[:4], "big")
    if len(piece) < 4 + length:
        pytest.skip("cut within its header: the host does not come to frames")
    header, frames = cut(piece)
    return open_piece(bytes.fromhex(VECTORS["versionKey"]), header_frame(place_in(vector), header), iter(frames))


DATA = bytes(range(1, 256)) * 40


@pytest.mark.parametrize("size", [0, 1, 8, 4087, 4088, 4089, 8184, 10_200])
def test_opens_what_was_sealed(size: int) -> None:
    header, frames = seal(DATA[:size])
    assert open_piece(DATA_KEY, header, iter(frames)) == DATA[:size]


def hostile() -> Iterator[Any]:
    header, frames = seal(DATA, 1024)
    first, second, *rest = frames
    flipped = bytes([first[0][0] ^ 1]) + first[0][1:]
    yield pytest.param("PIECE_CORRUPT", header, [(flipped, False), second, *rest], id="one bit flipped")
    yield pytest.param("PIECE_REORDERED", header, [second, first, *rest], id="frames swapped")
    yield pytest.param("PIECE_REPEATED", header, [first, first, second, *rest], id="frame twice")
    yield pytest.param("PIECE_REORDERED", header, [first, *rest], id="frame dropped")
    yield pytest.param("PIECE_TRUNCATED", header, [first, (second[0], True)], id="cut at a border, last flag forged")
    yield pytest.param("PIECE_TRUNCATED", header, [first, second], id="cut at a border")
    yield pytest.param(
        "PIECE_TRUNCATED", header, [first, (second[0][:-1], False), *rest], id="last byte of a frame cut"
    )
    yield pytest.param("PIECE_TRUNCATED", header, [(b"", True)], id="nothing")
    yield pytest.param("PIECE_CORRUPT", header, [*frames, frames[-1]], id="last frame twice")
    yield pytest.param("PIECE_CORRUPT", header[:-1], frames, id="short header")


@pytest.mark.parametrize(("code", "header", "frames"), list(hostile()))
def test_refuses(code: str, header: bytes, frames: list[tuple[bytes, bool]]) -> None:
    assert code_of(lambda: open_piece(DATA_KEY, header, iter(frames))) == code


def test_refuses_every_bit_of_the_header_frame() -> None:
    header, frames = seal(DATA[:100])
    for at in range(len(header)):
        changed = header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :]
        code = code_of(lambda data=changed: open_piece(DATA_KEY, data, iter(frames)))  # type: ignore[misc]
        # Ids of dataset and shard in the frame must be the header's; key id, place and wrapped key must open.
        own = "PIECE_FOREIGN" if 32 <= at < 96 else "SHARD_KEY_REFUSED"
        assert code == own if at < PLACE_BYTES else code in {"PIECE_CORRUPT", "PIECE_FOREIGN", "PIECE_TRUNCATED"}, at


def test_refuses_padding_that_hides_something() -> None:
    plaintext = (3).to_bytes(8, "big") + b"abc" + b"\0" * 4 + b"!"
    header = Header(place_of(HEADER).dataset_id, SHARD_ID, 16, len(plaintext), bytes(7))
    frames = [(frame, True) for frame in seal_frames(header, plaintext)]
    frame = header_frame(place_of(header), header.encode())
    assert code_of(lambda: open_piece(DATA_KEY, frame, iter(frames))) == "PIECE_CORRUPT"


HEADER = parse_header(seal(b"")[0][PLACE_BYTES:])


def test_takes_a_header_in_one_form_only() -> None:
    header = HEADER.encode()
    for at in range(len(header)):
        for bit in range(8):
            changed = header[:at] + bytes([header[at] ^ 1 << bit]) + header[at + 1 :]
            with suppress(Refused):  # or it has other ids, sizes or another nonce
                assert parse_header(changed).encode() == changed, at


def test_refuses_another_version_key_and_another_place() -> None:
    header, frames = seal(DATA)
    assert code_of(lambda: open_piece(bytes(32), header, iter(frames))) == "SHARD_KEY_REFUSED"
    moved = header_frame(place_of(HEADER, number=1, count=2), header[PLACE_BYTES:])
    swapped = header_frame(place_of(HEADER), header[PLACE_BYTES:])
    assert open_piece(DATA_KEY, moved, iter(frames)) == open_piece(DATA_KEY, swapped, iter(frames)) == DATA
    stolen = moved[: PLACE_BYTES - 40] + swapped[PLACE_BYTES - 40 :]
    assert code_of(lambda: open_piece(DATA_KEY, stolen, iter(frames))) == "SHARD_KEY_REFUSED"


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        work()
    assert refused.value.reason is Reason.DATA_CORRUPT
    return refused.value.detail.split(":")[0]


def part(chosen: list[int], data: bytes = DATA, sent: list[int] | None = None) -> PartOfShard:
    """:param sent: the frames that come, where they are others than those that were promised"""
    header, frames = seal(data)
    coming = chosen if sent is None else sent
    chunks = [(frames[index % len(frames)][0], place == len(coming) - 1) for place, index in enumerate(coming)]
    return open_part(DATA_KEY, header, chosen, iter(chunks))


def test_reads_where_frames_came_and_refuses_where_none_did() -> None:
    shard = part([0, 2])
    assert shard.seek(0, 2) == len(DATA)
    for at, size in ((0, 100), (4_000, 88), (8_184, 2_016), (10_100, 500)):
        shard.seek(at)
        assert shard.read(size) == DATA[at : at + size]
        assert shard.tell() == min(len(DATA), at + size)
    for at, size in ((4_000, 89), (4_088, 1), (8_183, 1), (0, -1)):
        shard.seek(at)
        assert code_of(partial(shard.read, size)) == "PIECE_TRUNCATED"


@pytest.mark.parametrize(
    ("chosen", "sent", "code"),
    [
        ([0, 2], [0], "PIECE_TRUNCATED"),
        ([0], [0, 2], "PIECE_CORRUPT"),
        ([0, 2], [0, 1], "PIECE_REPEATED"),
        ([0, 1], [0, 2], "PIECE_REORDERED"),
        ([1, 2], None, "PIECE_CORRUPT"),
        ([0, 0], None, "PIECE_CORRUPT"),
        ([2, 0], None, "PIECE_CORRUPT"),
        ([0, 9], [0, 1], "PIECE_CORRUPT"),
    ],
)
def test_frames_come_as_they_were_named(chosen: list[int], sent: list[int] | None, code: str) -> None:
    data = (DATA + DATA)[:12_280]  # three frames of one size
    assert code_of(lambda: part(chosen, data, sent)) == code


def test_padding_is_zeros_where_it_came() -> None:
    shard = DATA[:8_500]
    size = 8_704
    header = Header(bytes([2]) * 32, SHARD_ID, 4_096, size, bytes(7))
    plaintext = bytearray((len(shard).to_bytes(8, "big") + shard).ljust(size, b"\0"))
    plaintext[-1] = 1
    frames = seal_frames(header, bytes(plaintext))
    frame = header_frame(place_of(header), header.encode())
    chunks = [(frames[0], False), (frames[2], True)]
    assert code_of(lambda: open_part(DATA_KEY, frame, [0, 2], iter(chunks))) == "PIECE_CORRUPT"
