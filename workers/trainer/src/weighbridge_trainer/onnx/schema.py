"""The messages and fields of onnx.proto3 that the profile admits, as data for the reader.

A field number that is not listed is refused: model-local functions (25), training info (20), subgraphs, sparse,
quantised and string tensors, sequence and map types, attributes that refer to others. The messages form a tree of fixed
depth, so reading does not recurse over the input.
"""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    INT = "varint"
    FLOAT = "32-bit float"
    TEXT = "UTF-8"
    BYTES = "bytes"
    INTS = "varints, packed or not"
    FLOATS = "32-bit floats, packed or not"
    MESSAGE = "message"
    NOTE = "skipped unread: names, documentation, what exporters add"


@dataclass(frozen=True)
class Field:
    name: str
    kind: Kind
    repeated: bool = False
    message: str = ""


def _one(name: str, kind: Kind) -> Field:
    return Field(name, kind)


def _many(name: str, message: str) -> Field:
    return Field(name, Kind.MESSAGE, repeated=True, message=message)


def _single(name: str, message: str) -> Field:
    return Field(name, Kind.MESSAGE, message=message)


_NOTE = Field("", Kind.NOTE)

SCHEMA: dict[str, dict[int, Field]] = {
    "Model": {
        1: _one("ir_version", Kind.INT),
        **dict.fromkeys((2, 3, 4, 5, 6, 14), _NOTE),
        7: _single("graph", "Graph"),
        8: _many("opsets", "Opset"),
    },
    "Opset": {1: _one("domain", Kind.TEXT), 2: _one("version", Kind.INT)},
    "Graph": {
        1: _many("nodes", "Node"),
        5: _many("initializers", "Tensor"),
        11: _many("inputs", "Value"),
        12: _many("outputs", "Value"),
        **dict.fromkeys((2, 10, 13, 16), _NOTE),
    },
    "Node": {
        1: Field("inputs", Kind.TEXT, repeated=True),
        2: Field("outputs", Kind.TEXT, repeated=True),
        4: _one("op", Kind.TEXT),
        5: _many("attributes", "Attribute"),
        7: _one("domain", Kind.TEXT),
        **dict.fromkeys((3, 6, 9), _NOTE),
    },
    "Attribute": {
        1: _one("name", Kind.TEXT),
        2: _one("float", Kind.FLOAT),
        3: _one("int", Kind.INT),
        4: _one("text", Kind.BYTES),
        5: _single("tensor", "Tensor"),
        7: _one("floats", Kind.FLOATS),
        8: _one("ints", Kind.INTS),
        13: _NOTE,
        20: _one("type", Kind.INT),
    },
    "Tensor": {
        1: _one("dims", Kind.INTS),
        2: _one("data_type", Kind.INT),
        4: _one("float_data", Kind.FLOATS),
        5: _one("int32_data", Kind.INTS),
        7: _one("int64_data", Kind.INTS),
        8: _one("name", Kind.TEXT),
        9: _one("raw_data", Kind.BYTES),
        13: _many("external_data", "Entry"),
        14: _one("location", Kind.INT),
        **dict.fromkeys((12, 16), _NOTE),
    },
    "Entry": {1: _one("key", Kind.TEXT), 2: _one("value", Kind.TEXT)},
    "Value": {1: _one("name", Kind.TEXT), 2: _single("type", "Type"), 3: _NOTE, 4: _NOTE},
    "Type": {1: _single("tensor", "TensorType"), 6: _NOTE},
    "TensorType": {1: _one("element_type", Kind.INT), 2: _single("shape", "Shape")},
    "Shape": {1: _many("dims", "Dim")},
    "Dim": {1: _one("value", Kind.INT), 2: _one("param", Kind.TEXT), 3: _NOTE},
}

# How many of each message one file may hold. The trainer's compile time grows with nodes.
MAX_MESSAGES = {
    "Node": 2_000,
    "Tensor": 4_000,
    "Attribute": 16_000,
    "Entry": 12_000,
    "Value": 64,
    "Dim": 512,
    "Opset": 8,
}
MAX_NAME_LENGTH = 512
