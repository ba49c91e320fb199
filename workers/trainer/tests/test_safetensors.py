"""The canonical layout: one form a file, both ways."""

import json
import struct

import numpy as np
import pytest

from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.safetensors import read_safetensors, write_safetensors


def file_of(header: str, data: bytes) -> bytes:
    padded = header.encode() + b" " * (-len(header.encode()) % 8)
    return struct.pack("<Q", len(padded)) + padded + data


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> str:
    return json.dumps({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}, separators=(",", ":"))


def test_round_trip_in_ascending_order() -> None:
    tensors = {"b": np.ones((2, 3), np.float32), "a": np.array(2.5, np.float32), "10": np.array([-0.0], np.float32)}
    data = write_safetensors(tensors)
    read = read_safetensors(data)
    assert list(read) == ["10", "a", "b"]
    assert all(np.array_equal(read[name], tensors[name]) for name in tensors)
    assert write_safetensors(read) == data
    assert data[8:].startswith(b'{"10":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":')


def test_writes_float32_only() -> None:
    with pytest.raises(ValueError, match="float32"):
        write_safetensors({"a": np.ones(1)})  # type: ignore[dict-item]


GOOD = f'{{"a":{entry([2], 0, 8)}}}'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 16, id="header length 2^64"),
        pytest.param(b"cos\nsystem\n(S'touch pickled'\ntR.", id="a pickle that runs a program"),
        pytest.param(file_of("[]", b""), id="a list"),
        pytest.param(file_of("[" * 100_000, b""), id="nesting"),
        pytest.param(file_of('{"a":1}', b""), id="no entry"),
        pytest.param(file_of('{"__metadata__":{"a":"b"}}', b""), id="metadata"),
        pytest.param(file_of(f'{{"__metadata__":{entry([2], 0, 8)}}}', bytes(8)), id="metadata as a tensor"),
        pytest.param(file_of(f'{{"a":{entry([1], 0, 8, "I64")}}}', bytes(8)), id="integers"),
        pytest.param(file_of(f'{{"a":{entry([2], 4, 12)}}}', bytes(12)), id="gap"),
        pytest.param(file_of(f'{{"a":{entry([2], 0, 8)},"b":{entry([2], 4, 12)}}}', bytes(12)), id="overlap"),
        pytest.param(file_of(f'{{"b":{entry([1], 0, 4)},"a":{entry([1], 4, 8)}}}', bytes(8)), id="order"),
        pytest.param(file_of(GOOD, bytes(7)), id="short"),
        pytest.param(file_of(GOOD, bytes(9)), id="trailing bytes"),
        pytest.param(file_of(GOOD.replace(",", ", "), bytes(8)), id="space"),
        pytest.param(file_of(GOOD.replace("[2]", "[2.0]"), bytes(8)), id="float size"),
        pytest.param(file_of(GOOD.replace("[2]", "[true,2]"), bytes(8)), id="boolean size"),
        pytest.param(file_of(GOOD.replace("[2]", "[-2]"), bytes(8)), id="negative size"),
        pytest.param(file_of(GOOD.replace("[2]", "[4294967296,4294967296]"), bytes(8)), id="overflow"),
        pytest.param(file_of(GOOD.replace('"a"', '"\\u0061"'), bytes(8)), id="escaped name"),
        pytest.param(file_of(GOOD.replace('"a"', '"\u00e4"'), bytes(8)), id="name outside ASCII"),
        pytest.param(file_of(GOOD, struct.pack("<ff", 1, float("nan"))), id="NaN"),
        pytest.param(file_of(GOOD, struct.pack("<ff", float("inf"), 1)), id="infinity"),
    ],
)
def test_refuses(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_safetensors(data)
    assert refused.value.reason is Reason.MODEL_REJECTED


TENSORS = ",".join(f'"{k:05}":{entry([1], 4 * k, 4 * k + 4)}' for k in range(10_001))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        pytest.param(b"\xff" * 16, "header length", id="header longer than the file"),
        pytest.param(file_of(" " * (5 << 20), b""), "header length", id="header of 5 MiB"),
        pytest.param(file_of(f"{{{TENSORS}}}", bytes(40_004)), "an object of tensors", id="10,001 tensors"),
        pytest.param(file_of(f'{{"a":{entry([1] * 9, 0, 4)}}}', bytes(4)), "entry", id="nine axes"),
        pytest.param(file_of(f'{{"a":{entry([1 << 29], 0, 4)}}}', bytes(4)), "shape", id="2^29 numbers"),
        pytest.param(file_of(f'{{"a":{entry([0], 0, 0)}}}', b""), "shape", id="no numbers"),
        pytest.param(file_of(f'{{"a":{entry([1 << 15, 1 << 15], 0, 4)}}}', bytes(4)), "shape", id="2^15 by 2^15"),
        pytest.param(file_of(GOOD.replace("[2]", "[true,2]"), bytes(8)), "shape", id="boolean size"),
    ],
)
def test_refuses_by_its_own_rule(data: bytes, rule: str) -> None:
    """Before anything of the size that the header asks for is looked at."""
    with pytest.raises(Refused, match=f"weights: .*{rule}"):
        read_safetensors(data)
