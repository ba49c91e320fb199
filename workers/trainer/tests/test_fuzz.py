"""A fuzzer over what a stranger sends: whole graphs, changed field by field and byte by byte, then weights and
declarations. Each is refused or taken; nothing else comes out, whatever it is. FUZZ_RUNS says how many (`npm run
fuzz`), FUZZ_PART=2/8 which of them; a case is named by its number."""

import json
import os
import pickle
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from models import body, config_of, declaration, linear_model, linear_weights, number, varint
from weighbridge_trainer.config import Config, parse_config
from weighbridge_trainer.lower import lower
from weighbridge_trainer.onnx.schema import SCHEMA, Kind
from weighbridge_trainer.onnx.wire import read_model
from weighbridge_trainer.refusal import Refused
from weighbridge_trainer.safetensors import Floats, read_safetensors

RUNS = int(os.environ.get("FUZZ_RUNS", "100"))
PART, PARTS = (int(number) for number in os.environ.get("FUZZ_PART", "1/1").split("/"))
ZOO = Path(__file__).parent / "golden" / "zoo"
# Small ones, of different operators: a change is tried thousands of times.
SEEDS = ("cnn", "embedding", "lora", "mlp", "tab-transformer", "u-net")
NUMBERS = (0, 1, 2, 3, 7, 17, 127, 128, 2**31 - 1, 2**31, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
Random = np.random.Generator
# A message as it lies on the wire: field number, wire type, and a number, bytes or the fields of a message inside.
Tree = list[list[Any]]


def tree_of(data: bytes, kind: str) -> Tree:
    fields: Tree = []
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = read_varint(data, at)
            fields.append([field, wire, value])
        elif wire == 5:
            fields.append([field, wire, data[at : at + 4]])
            at += 4
        else:
            length, at = read_varint(data, at)
            inner, at = data[at : at + length], at + length
            schema = SCHEMA[kind].get(field)
            is_message = schema is not None and schema.kind is Kind.MESSAGE
            fields.append([field, wire, tree_of(inner, schema.message) if is_message and schema else inner])
    return fields


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def bytes_of(tree: Tree) -> bytes:
    parts = []
    for field, wire, value in tree:
        if isinstance(value, int):
            parts.append(number(field, value))
        elif wire == 5:
            parts.append(varint(field << 3 | 5) + value)
        else:
            parts.append(body(field, bytes_of(value) if isinstance(value, list) else value))
    return b"".join(parts)


def messages_in(tree: Tree) -> list[Tree]:
    return [tree, *(found for _, _, value in tree if isinstance(value, list) for found in messages_in(value))]


def texts_in(tree: Tree) -> list[bytes]:
    return [
        value for message in messages_in(tree) for _, wire, value in message if wire == 2 and isinstance(value, bytes)
    ]


def changed_field(draw: Random, tree: Tree) -> None:
    """One change of one field, somewhere."""
    messages = [message for message in messages_in(tree) if message]
    message = messages[draw.integers(len(messages))]
    at = int(draw.integers(len(message)))
    field = message[at]
    match draw.integers(6):
        case 0:
            del message[at]
        case 1:
            message.insert(at, list(field))
        case 2:
            other = messages[draw.integers(len(messages))]
            message[at] = deepcopy(other[draw.integers(len(other))])
        case 3:
            field[0] = int(draw.integers(1, 30))
        case _ if isinstance(field[2], int):
            field[2] = int(NUMBERS[draw.integers(len(NUMBERS))])
        case _ if isinstance(field[2], bytes):
            texts = texts_in(tree)
            field[2] = [b"", b"\xff\xfe", field[2][:-1], texts[draw.integers(len(texts))]][draw.integers(4)]
        case _:
            field[2] = list(reversed(field[2]))


def changed_bytes(draw: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.integers(1, 4)):
        at = int(draw.integers(len(changed) + 1))
        match draw.integers(4):
            case 0:
                del changed[at : at + int(draw.integers(1, 16))]
            case 1:
                changed[at:at] = draw.bytes(int(draw.integers(1, 8)))
            case 2:
                changed[at:at] = changed[at : at + int(draw.integers(1, 64))]
            case _:
                changed[at : at + 1] = draw.bytes(1)
    return bytes(changed)


def seeds() -> list[tuple[Tree, dict[str, Floats], Config]]:
    found = [(tree_of(linear_model(), "Model"), read_safetensors(linear_weights()), config_of(declared()))]
    for name in SEEDS:
        with np.load(ZOO / f"{name}.npz") as file:
            arrays = dict(file)
        model = json.loads(arrays["about"].tobytes())["model"]
        features = {
            item["name"]: [{"kind": "tensor", "column": item["name"], "shape": item["shape"], "min": 0, "max": 2}]
            for item in model["inputs"]
        }
        decided = {field: model[field] for field in ("graph", "weights", "trainable", "tied", "inputs")}
        config = config_of(declared(**decided, features=features))
        weights = read_safetensors(arrays["weights"].tobytes())
        found.append((tree_of(arrays["graph"].tobytes(), "Model"), weights, config))
    return found


def declared(**change: Any) -> dict[str, Any]:
    return declaration(linear_model(), linear_weights(), **change)


GRAPHS = seeds()
# A copy to change costs a tenth of reading the graph again.
PICKLED = [pickle.dumps(tree) for tree, _, _ in GRAPHS]


def changed_graph(draw: Random) -> tuple[bytes, dict[str, Floats], Config]:
    seed = int(draw.integers(len(GRAPHS)))
    _, weights, config = GRAPHS[seed]
    copy: Tree = pickle.loads(PICKLED[seed])
    for _ in range(draw.integers(1, 4)):
        changed_field(draw, copy)
    data = bytes_of(copy)
    return (changed_bytes(draw, data) if draw.integers(4) == 0 else data), weights, config


def readable_graph(draw: Random) -> tuple[bytes, dict[str, Floats], Config]:
    """One that its reader takes, as one in four is: the others never reach the first node."""
    while True:
        changed = changed_graph(draw)
        try:
            read_model(changed[0])
        except Refused:
            continue
        return changed


def outcomes(read: Callable[[Random], object], runs: int = RUNS) -> set[str]:
    """Any other end than these two is the fault that is looked for."""
    return {_outcome(read, case) for case in range(PART - 1, runs, PARTS)}


def _outcome(read: Callable[[Random], object], case: int) -> str:
    try:
        read(np.random.default_rng(case))
    except Refused:
        return "refused"
    except BaseException as error:
        raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
    return "taken"


def test_a_seed_is_what_it_was_made_of() -> None:
    for tree, weights, config in GRAPHS:
        assert tree_of(bytes_of(tree), "Model") == tree
        lower(bytes_of(tree), weights, config)


def test_the_reader_of_graphs() -> None:
    assert outcomes(lambda draw: read_model(changed_graph(draw)[0])) == {"refused", "taken"}


def test_lowering() -> None:
    """Slower than reading: so it is done less often."""
    assert "refused" in outcomes(lambda draw: lower(*readable_graph(draw)), RUNS // 20)


def test_the_reader_of_weights() -> None:
    assert "refused" in outcomes(lambda draw: read_safetensors(changed_bytes(draw, linear_weights())))


def changed_json(draw: Random, value: Any) -> Any:
    """One change somewhere inside."""
    if isinstance(value, dict) and value and draw.integers(8):
        key = sorted(value)[draw.integers(len(value))]
        kept = {name: inner for name, inner in value.items() if name != key}
        return kept if draw.integers(12) == 0 else {**kept, key: changed_json(draw, value[key])}
    if isinstance(value, list) and value and draw.integers(8):
        at = int(draw.integers(len(value)))
        return [*value[:at], changed_json(draw, value[at]), *value[at + 1 :]]
    others: tuple[Any, ...] = (
        None,
        True,
        -1,
        0,
        1.5,
        1e308,
        2**53,
        2**70,
        "",
        "input",
        "w" * 300,
        [],
        {},
        [[]],
        {"kind": "text"},
    )
    return others[draw.integers(len(others))]


def test_the_reader_of_declarations() -> None:
    base = {"declaration": declared(), "pieces": 1, "rows": 10}

    def read(draw: Random) -> object:
        return parse_config(json.dumps(changed_json(draw, base)).encode())

    assert outcomes(read) == {"refused", "taken"}
