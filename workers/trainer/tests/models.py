"""ONNX graphs for tests, written by a wire writer of the tests' own."""

import hashlib
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from weighbridge_trainer.config import Config, parse_config
from weighbridge_trainer.safetensors import Floats, write_safetensors


def varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def body(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name: str, value: Any) -> bytes:
    if isinstance(value, bool | int):
        return body(1, name) + number(3, int(value)) + number(20, 2)
    if isinstance(value, float):
        return body(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, str):
        return body(1, name) + body(4, value) + number(20, 3)
    if isinstance(value, np.ndarray):
        return body(1, name) + body(5, inline("", value)) + number(20, 4)
    return body(1, name) + body(8, b"".join(varint(item) for item in value)) + number(20, 7)


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any) -> bytes:
    parts = [body(1, name) for name in inputs] + [body(2, name) for name in outputs] + [body(4, op)]
    parts += [body(5, attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts) + (body(7, domain) if domain else b"")


def external(name: str, shape: Sequence[int], location: str = "weights.safetensors", data_type: int = 1) -> bytes:
    entry = body(13, body(1, "location") + body(2, location))
    dims = body(1, b"".join(varint(size) for size in shape))
    return dims + number(2, data_type) + body(8, name) + entry + number(14, 1)


def inline(name: str, values: np.ndarray[Any, Any]) -> bytes:
    data_type = {"float32": 1, "int32": 6, "int64": 7, "bool": 9}[str(values.dtype)]
    dims = body(1, b"".join(varint(size) for size in values.shape))
    return dims + number(2, data_type) + body(8, name) + body(9, values.tobytes())


def value(name: str, shape: Sequence[int | str], element_type: int = 1) -> bytes:
    dims = b"".join(body(1, body(2, size) if isinstance(size, str) else number(1, size)) for size in shape)
    return body(1, name) + body(2, body(1, number(1, element_type) + body(2, dims)))


def graph(
    nodes: Sequence[bytes], initializers: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]
) -> bytes:
    parts = [body(1, item) for item in nodes] + [body(5, item) for item in initializers]
    return b"".join([*parts, *(body(11, item) for item in inputs), *(body(12, item) for item in outputs)])


def model(graph_body: bytes, opset: int = 20, ir: int = 9) -> bytes:
    return number(1, ir) + body(7, graph_body) + body(8, body(1, "") + number(2, opset))


def declaration(graph_bytes: bytes, weight_bytes: bytes, /, **change: Any) -> dict[str, Any]:
    """Three columns in, two classes out."""
    base: dict[str, Any] = {
        "version": 1,
        "graph": hashlib.sha256(graph_bytes).hexdigest(),
        "weights": hashlib.sha256(weight_bytes).hexdigest(),
        "trainable": ["b", "w"],
        "tied": {},
        "inputs": [float_input(3)],
        "features": {"input": scales(3)},
        "label": {"kind": "class", "column": "label", "classes": [0, 1]},
        "loss": {"name": "cross-entropy"},
        "optimiser": sgd(0.1, 0.9),
        "schedule": {"name": "constant"},
        "epochs": 2,
        "batchRows": 4,
        "microBatchRows": None,
        "seed": 7,
        "precision": "float32",
        "return": "trainable",
        "privacy": "none",
    }
    return {**base, **change}


def float_input(*shape: int, name: str = "input") -> dict[str, Any]:
    return {"name": name, "shape": list(shape), "dtype": "float32"}


def scales(count: int) -> list[dict[str, Any]]:
    return [{"kind": "scale", "column": f"c{k}", "min": 0, "max": 1} for k in range(count)]


def sgd(rate: float, momentum: float = 0.0, *, nesterov: bool = False, decay: float = 0.0) -> dict[str, Any]:
    return {
        "name": "sgd",
        "learningRate": rate,
        "momentum": momentum,
        "nesterov": nesterov,
        "weightDecay": decay,
    }


def adam(rate: float, *, name: str = "adam", decay: float = 0.0) -> dict[str, Any]:
    betas = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    return {"name": name, "learningRate": rate, "weightDecay": decay, **betas}


def config_of(declared: dict[str, Any], rows: int = 10, pieces: int = 1) -> Config:
    import json

    return parse_config(json.dumps({"declaration": declared, "rows": rows, "pieces": pieces}).encode())


LINEAR_WEIGHTS: dict[str, Floats] = {
    "w": np.array([[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]], np.float32),
    "b": np.zeros(2, np.float32),
}


def linear_model(
    extra_nodes: Sequence[bytes] = (), extra_initializers: Sequence[bytes] = (), output: str = "logits"
) -> bytes:
    """One Linear, and whatever a test puts after it."""
    return model(
        graph(
            [node("Gemm", ["input", "w", "b"], ["logits"], transB=1), *extra_nodes],
            [external("w", (2, 3)), external("b", (2,)), *extra_initializers],
            [value("input", ["batch", 3])],
            [value(output, ["batch", 2])],
        )
    )


def linear_weights() -> bytes:
    return write_safetensors(LINEAR_WEIGHTS)
