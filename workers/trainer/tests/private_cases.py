"""Models and rows that the tests of private training share: an MLP, tied weights, a convolution, a sequence, words."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models import config_of, declaration, external, float_input, graph, inline, model, node, scales, sgd, value
from weighbridge_trainer.config import Config
from weighbridge_trainer.losses import row_loss
from weighbridge_trainer.lower import lower
from weighbridge_trainer.operators import TABLE
from weighbridge_trainer.private_clip import clipped_sum_of_rows
from weighbridge_trainer.program import Program
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.safetensors import Floats, write_safetensors

ROWS, INPUTS, CLASSES, BATCH, EPOCHS, NORM, NOISE = 40, 6, 3, 8, 2, 0.7, 1.3
SEED = bytes(range(32))
Case = tuple[Program, dict[str, Floats], Config]


def privacy_of(unit: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    base = {
        "epsilon": 5.0,
        "delta": 1e-5,
        "noiseMultiplier": NOISE,
        "clippingNorm": NORM,
        "samplingRate": BATCH / ROWS,
        "steps": EPOCHS * ROWS // BATCH,
        "unit": unit or {"kind": "row"},
    }
    return {**base, **change}


def case(
    nodes: Sequence[bytes],
    shapes: dict[str, tuple[int, ...]],
    more: Sequence[bytes] = (),
    element_type: int = 1,
    **change: Any,
) -> Case:
    rng = np.random.default_rng(5)
    weights: dict[str, Floats] = {
        name: (rng.standard_normal(shape) / 2).astype(np.float32) for name, shape in shapes.items()
    }
    initializers = [external(name, shape) for name, shape in shapes.items()]
    data = model(
        graph(
            nodes, [*initializers, *more], [value("input", ["n", INPUTS], element_type)], [value("z", ["n", CLASSES])]
        )
    )
    base: dict[str, Any] = {
        "trainable": sorted(weights),
        "inputs": [float_input(INPUTS)],
        "features": {"input": scales(INPUTS)},
        "label": {"kind": "class", "column": "label", "classes": list(range(CLASSES))},
        "optimiser": sgd(0.5),
        "batchRows": BATCH,
        "epochs": EPOCHS,
        "privacy": privacy_of(),
    }
    config = config_of(declaration(data, write_safetensors(weights), **{**base, **change}), rows=ROWS)
    return lower(data, weights, config).row, weights, config


def mlp(**change: Any) -> Case:
    nodes = [
        node("Gemm", ["input", "w1", "b1"], ["a"], transB=1),
        node("Tanh", ["a"], ["h"]),
        node("Gemm", ["h", "w2", "b2"], ["z"], transB=1),
    ]
    return case(nodes, {"w1": (5, INPUTS), "b1": (5,), "w2": (CLASSES, 5), "b2": (CLASSES,)}, **change)


def shape_of(name: str, *sizes: int) -> bytes:
    return inline(name, np.array(sizes, np.int64))


def tied() -> Case:
    """One weight in three places, one of them turned over; a bias that is shared too."""
    nodes = [
        node("MatMul", ["input", "w"], ["a"]),
        node("Tanh", ["a"], ["t"]),
        node("MatMul", ["t", "w"], ["b"]),
        node("Add", ["b", "c"], ["d"]),
        node("Transpose", ["w"], ["u"], perm=[1, 0]),
        node("MatMul", ["d", "u"], ["e"]),
        node("Add", ["e", "c"], ["f"]),
        node("MatMul", ["f", "o"], ["z"]),
    ]
    return case(nodes, {"w": (INPUTS, INPUTS), "c": (INPUTS,), "o": (INPUTS, CLASSES)})


def conv() -> Case:
    nodes = [
        node("Reshape", ["input", "image"], ["x"]),
        node("Conv", ["x", "k", "kb"], ["y"], kernel_shape=[2, 2], pads=[1, 0, 1, 1], strides=[1, 2]),
        node("Relu", ["y"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "w"], ["z"]),
    ]
    return case(nodes, {"k": (4, 1, 2, 2), "kb": (4,), "w": (4, CLASSES)}, [shape_of("image", -1, 1, 2, 3)])


def sequence() -> Case:
    """Three places a row through a linear layer as PyTorch exports it, a norm whose scale has no layer."""
    nodes = [
        node("Reshape", ["input", "places"], ["x"]),
        node("Transpose", ["w"], ["u"], perm=[1, 0]),
        node("MatMul", ["x", "u"], ["y"]),
        node("Add", ["y", "b"], ["a"]),
        node("LayerNormalization", ["a", "s", "t"], ["n"]),
        node("Flatten", ["n"], ["f"]),
        node("Gemm", ["f", "o", "ob"], ["z"], transB=1),
    ]
    shapes = {"w": (7, 2), "b": (7,), "s": (7,), "t": (7,), "o": (CLASSES, 21), "ob": (CLASSES,)}
    return case(nodes, shapes, [shape_of("places", -1, 3, 2)])


def embedded(**change: Any) -> Case:
    nodes = [
        node("Gather", ["table", "input"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "o"], ["z"]),
    ]
    words = [{"kind": "category", "column": f"c{k}", "vocabulary": [0, 1, 2], "unknown": 3} for k in range(INPUTS)]
    inputs = [{"name": "input", "shape": [INPUTS], "dtype": "int64"}]
    weights: dict[str, tuple[int, ...]] = {"table": (4, 5), "o": (5 * INPUTS, CLASSES)}
    return case(nodes, weights, element_type=7, inputs=inputs, features={"input": words}, **change)


CASES = {"mlp": mlp, "tied": tied, "conv": conv, "sequence": sequence}
if "Gather" in TABLE:
    CASES["embedded"] = embedded


def some_rows(scale: float = 2.0) -> Rows:
    rng = np.random.default_rng(6)
    x = (rng.standard_normal((ROWS, INPUTS)) * scale).astype(np.float32)
    return Rows({"input": x}, rng.integers(0, CLASSES, ROWS).astype(np.int32))


@functools.cache
def made_of(name: str) -> Case:
    return CASES[name]()


@functools.cache
def slope(name: str) -> Any:
    program, _, config = made_of(name)
    return jax.jit(jax.grad(row_loss(program, config)), static_argnums=4)


def gradient_of(name: str, weights: Any, rows: Rows, row: int) -> dict[str, Any]:
    now = {tensor: jnp.asarray(values, jnp.float32) for tensor, values in weights.items()}
    x, y = jnp.asarray(rows.inputs["input"][row]), jnp.asarray(rows.target[row])
    return dict(slope(name)(now, {}, {"input": x}, y, None))


def some_words() -> Rows:
    rng = np.random.default_rng(8)
    return Rows(
        {"input": rng.integers(0, 4, (ROWS, INPUTS), np.int32)}, rng.integers(0, CLASSES, ROWS).astype(np.int32)
    )


def gradients(name: str, rows: Rows) -> list[dict[str, Any]]:
    return [gradient_of(name, made_of(name)[1], rows, row) for row in range(ROWS)]


@functools.cache
def summed(name: str) -> Any:
    program, weights, config = made_of(name)
    shapes = {tensor: values.shape for tensor, values in weights.items()}
    now = {tensor: jnp.asarray(values) for tensor, values in weights.items()}
    every = jnp.ones(ROWS, jnp.bool_)
    return jax.jit(lambda x, y, norm: clipped_sum_of_rows(program, config, norm, shapes)(now, {}, x, y, None, every))


def sums_of(name: str, rows: Rows, norm: float = NORM) -> dict[str, Any]:
    return dict(summed(name)({"input": jnp.asarray(rows.inputs["input"])}, jnp.asarray(rows.target), norm))
