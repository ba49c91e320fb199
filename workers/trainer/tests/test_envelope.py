"""The envelope: vectors of both implementations, and every way to cut, move or change a piece."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pieces import DATA_KEY, SHARD_ID, header_frame, place_of, seal, seal_frames
from weighbridge_trainer.envelope import PLACE_BYTES, Header, Place, open_piece, parse_header
from weighbridge_trainer.refusal import Reason, Refused

VECTORS = json.loads((Path(__file__).parents[3] / "test/vectors/envelope.json").read_text())


def cut(piece: bytes) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """What the host does: the header, and frames cut at their borders."""
    length = int.from_bytes(piece[:4], "big")
    header, rest = piece[4 : 4 + length], piece[4 + length :]
    size = parse_header(header).frame_bytes + 16
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
