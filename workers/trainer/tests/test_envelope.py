"""The piece envelope against the shared vector, and against every way to cut or move its chunks."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pieces import DATA_KEY, seal, seal_blocks
from weighbridge_trainer.envelope import open_piece
from weighbridge_trainer.refusal import Reason, Refused

VECTOR = Path(__file__).parents[3] / "test/vectors/piece-envelope.json"


def split(piece: bytes, vector: dict[str, Any], associated: bytes) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """What the host does: header fields, and chunks cut at their borders."""
    length = struct.unpack_from(">I", piece)[0]
    rest, size = piece[4 + length :], vector["chunkBytes"] + 16
    chunks = [rest[at : at + size] for at in range(0, max(1, len(rest)), size)]
    header = bytes.fromhex(vector["nonceBase"]) + bytes.fromhex(vector["wrappedContentKey"])
    return (
        header + struct.pack(">I", vector["chunkBytes"]) + associated,
        [(chunk, index == len(chunks) - 1) for index, chunk in enumerate(chunks)],
    )


def test_opens_the_shared_vector() -> None:
    vector = json.loads(VECTOR.read_text())
    assert vector["pieces"]
    for piece in vector["pieces"]:
        header, chunks = split(bytes.fromhex(piece["piece"]), vector, bytes.fromhex(piece["associatedData"]))
        plaintext = open_piece(bytes.fromhex(vector["dataKey"]), header, iter(chunks))
        assert plaintext.hex() == piece["plaintext"], piece["name"]


PLAINTEXT = bytes(range(256)) * 40


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 8192, 10_240])
def test_opens_what_was_sealed(size: int) -> None:
    header, chunks = seal(PLAINTEXT[:size])
    assert open_piece(DATA_KEY, header, iter(chunks)) == PLAINTEXT[:size]


def hostile() -> Iterator[Any]:
    header, chunks = seal(PLAINTEXT)
    first, second, third = chunks
    flipped = bytes([first[0][0] ^ 1]) + first[0][1:]
    yield pytest.param(header, [(flipped, False), second, third], id="one bit flipped")
    yield pytest.param(header, [second, first, third], id="chunks swapped")
    yield pytest.param(header, [first, first, second, third], id="chunk twice")
    yield pytest.param(header, [first, third], id="chunk dropped")
    yield pytest.param(header, [first, (second[0], True)], id="cut at a chunk border, last flag forged")
    yield pytest.param(header, [first, second, (third[0], False), (b"", True)], id="last flag taken away")
    yield pytest.param(header, [first, second, (third[0][:-1], True)], id="last byte cut")
    yield pytest.param(header, [(b"", True)], id="chunk without a tag")
    yield pytest.param(header[:-1], chunks, id="short header")
    yield pytest.param(bytes([header[0] ^ 1]) + header[1:], chunks, id="other nonce base")
    yield pytest.param(header[:10] + bytes([header[10] ^ 1]) + header[11:], chunks, id="other wrapped key")
    yield pytest.param(header[:-1] + bytes([header[-1] ^ 1]), chunks, id="other associated data")
    yield pytest.param(header[:47] + struct.pack(">I", 2048) + header[51:], chunks, id="other chunk size")
    yield pytest.param(header[:47] + struct.pack(">I", 0) + header[51:], chunks, id="chunk size zero")


@pytest.mark.parametrize(("header", "chunks"), list(hostile()))
def test_refuses(header: bytes, chunks: list[tuple[bytes, bool]]) -> None:
    with pytest.raises(Refused) as refused:
        open_piece(DATA_KEY, header, iter(chunks))
    assert refused.value.reason is Reason.DATA_CORRUPT


def test_refuses_another_data_key() -> None:
    header, chunks = seal(PLAINTEXT)
    with pytest.raises(Refused):
        open_piece(bytes(32), header, iter(chunks))


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([b"x" * 16, b""], id="empty chunk at the end"),
        pytest.param([b"x" * 15, b"x"], id="short chunk before the end"),
        pytest.param([b"x" * 17], id="long chunk"),
    ],
)
def test_refuses_a_second_form_of_the_same_plaintext(blocks: list[bytes]) -> None:
    header, chunks = seal_blocks(blocks, 16)
    with pytest.raises(Refused) as refused:
        open_piece(DATA_KEY, header, iter(chunks))
    assert refused.value.reason is Reason.DATA_CORRUPT
