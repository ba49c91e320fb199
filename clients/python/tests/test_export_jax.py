"""The doors of JAX, Flax and Keras. Real: all of them, jax2onnx, the onnx checker, ONNX Runtime. Skipped, aloud, where they are
not installed (clients/python/README.md says how to run these)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
jax = pytest.importorskip("jax", reason="JAX is not installed: the export of JAX models is NOT tested here")
pytest.importorskip("jax2onnx", reason="jax2onnx is not installed: the export of JAX models is NOT tested here")
onnx = pytest.importorskip("onnx", reason="onnx is not installed: the export of JAX models is NOT tested here")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: the export is NOT tested here")
pytest.importorskip("flax", reason="Flax is not installed: the export of its modules is NOT tested here")
keras = pytest.importorskip("keras", reason="Keras is not installed: the export of its models is NOT tested here")

from flax import linen, nnx  # noqa: E402

import weighbridge as wb  # noqa: E402
from weighbridge.results import merged  # noqa: E402
from weighbridge.tensors import Array  # noqa: E402

ROWS = 4
PIXELS = np.random.default_rng(0).random((ROWS, 8, 8, 3), np.float32)
NUMBERS = np.random.default_rng(1).random((ROWS, 6), np.float32)
WORDS = np.random.default_rng(2).integers(0, 32, (ROWS, 6), np.int32)


WEIGHT: dict[str, Array] = {"w": np.ones((6, 2), np.float32)}
DENSE: dict[str, Any] = {"params": {"Dense_0": {"kernel": np.ones((6, 3), np.float32), "bias": np.zeros(3, np.float32)}}}


def perceptron(params: Any, x: Any) -> Any:
    hidden = jax.nn.gelu(x @ params["layers"][0]["kernel"] + params["layers"][0]["bias"])
    return hidden @ params["layers"][1]["kernel"]


class Convolutions(linen.Module):
    @linen.compact
    def __call__(self, x: Any) -> Any:
        x = linen.relu(linen.GroupNorm(2)(linen.Conv(4, (3, 3))(x)))
        x = linen.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = linen.max_pool(x, window_shape=(2, 2), strides=(2, 2))
        return linen.Dense(3)(x.reshape(x.shape[0], -1))


class Transformer(linen.Module):
    @linen.compact
    def __call__(self, ids: Any) -> Any:
        x = linen.Embed(32, 16)(ids) + self.param("place", linen.initializers.normal(), (6, 16))
        x = x + linen.MultiHeadDotProductAttention(num_heads=2)(linen.LayerNorm()(x))
        x = x + linen.Dense(16)(linen.gelu(linen.Dense(32)(linen.LayerNorm()(x))))
        return linen.Dense(3)(x.mean(axis=1))


class Layers(nnx.Module):
    def __init__(self, middle: Any = None) -> None:
        self.first = nnx.Linear(6, 8, rngs=nnx.Rngs(0))
        self.middle = middle
        self.last = nnx.Linear(8, 3, rngs=nnx.Rngs(1))

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.first(x))
        return self.last(x if self.middle is None else self.middle(x))


class Noisy(linen.Module):
    part: Any

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return linen.Dense(3)(self.part(x))


def linen_case(module: Any, inputs: Array) -> tuple[Any, Any, Array, Callable[[Any], Any]]:
    variables = module.init(jax.random.key(0), inputs)
    return module, variables, inputs, lambda loaded: module.apply(loaded, inputs)


def function_case() -> tuple[Any, Any, Array, Callable[[Any], Any]]:
    rng = np.random.default_rng(3)
    sizes = [(6, 8), (8, 3)]
    layers = [{"kernel": rng.standard_normal(size, np.float32), "bias": np.zeros(size[1], np.float32)} for size in sizes]
    del layers[1]["bias"]
    return perceptron, {"layers": layers}, NUMBERS, lambda loaded: perceptron(loaded, NUMBERS)


def keras_case(*layers: Any, inputs: Array = NUMBERS) -> tuple[Any, Any, Array, Callable[[Any], Any]]:
    model = keras.Sequential([keras.Input(inputs.shape[1:]), *layers])
    return model, None, inputs, lambda loaded: loaded(inputs, training=False)


def keras_perceptron() -> tuple[Any, Any, Array, Callable[[Any], Any]]:
    return keras_case(keras.layers.Dense(8, "gelu"), keras.layers.LayerNormalization(), keras.layers.Dense(3))


def keras_convolutions() -> tuple[Any, Any, Array, Callable[[Any], Any]]:
    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras_case(*layers, inputs=PIXELS)


CASES: dict[str, Callable[[], tuple[Any, Any, Array, Callable[[Any], Any]]]] = {
    "function": function_case,
    "linen-cnn": lambda: linen_case(Convolutions(), PIXELS),
    "linen-transformer": lambda: linen_case(Transformer(), WORDS),
    "nnx": lambda: (Layers(), None, NUMBERS, lambda loaded: loaded(NUMBERS)),
    "keras-mlp": keras_perceptron,
    "keras-cnn": keras_convolutions,
}


@pytest.mark.parametrize("name", CASES)
def test_exports_what_the_model_computes_and_takes_home_what_was_trained(name: str, tmp_path: Path) -> None:
    """As exported, and with every weight moved: what came back is in its place, under its name."""
    model, params, inputs, forward = CASES[name]()
    model_file = wb.ModelFile.from_bytes(wb.export(model, inputs, params=params).to_bytes())
    assert [declared["shape"] for declared in model_file.template["inputs"]] == [list(inputs.shape[1:])]
    moved = {key: value + np.float32(0.1) for key, value in model_file.initial.items()}
    loaded = wb.load_weights(model if params is None else params, merged(model_file, moved))
    np.testing.assert_allclose(run(model_file.graph, moved, inputs, tmp_path), forward(loaded), rtol=1e-4, atol=2e-5)
    with pytest.raises(wb.WeighbridgeError, match="another model"):
        wb.load_weights(loaded, {**moved, "else": np.zeros(1, np.float32)})


def run(graph: bytes, weights: dict[str, Array], inputs: Array, folder: Path) -> Any:
    """The pair in stock tools."""
    from weighbridge.tensors import write_tensors

    (folder / "weights.safetensors").write_bytes(write_tensors(weights))
    (folder / "graph.onnx").write_bytes(graph)
    onnx.checker.check_model(str(folder / "graph.onnx"), full_check=True)
    session = ort.InferenceSession(str(folder / "graph.onnx"), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def test_a_frozen_part_keeps_out_of_training() -> None:
    module, variables, inputs, _ = CASES["linen-cnn"]()
    model_file = wb.export(module, inputs, params=variables, frozen=["params.Conv_0"])
    assert sorted(model_file.initial.keys() - set(model_file.trainable)) == ["params.Conv_0.bias", "params.Conv_0.kernel"]
    layers = [keras.layers.Dense(4, trainable=False, name="base"), keras.layers.Dense(3, name="head")]
    trained = wb.export(keras_case(*layers)[0], NUMBERS).trainable
    assert [name.split("/")[-2:] for name in trained] == [["head", "bias"], ["head", "kernel"]]


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "linen dropout": (
        lambda: wb.export(Noisy(linen.Dropout(0.5, deterministic=True)), NUMBERS, params=DENSE),
        "Dropout",
    ),
    "nnx dropout": (lambda: wb.export(Layers(nnx.Dropout(0.5, rngs=nnx.Rngs(0))), NUMBERS), "Dropout"),
    "nnx batch norm": (lambda: wb.export(Layers(nnx.BatchNorm(8, rngs=nnx.Rngs(0))), NUMBERS), "BatchNorm"),
    "keras dropout": (lambda: wb.export(keras_case(keras.layers.Dropout(0.5))[0], NUMBERS), "Dropout"),
    "rows that mix, seen in examples that are all equal": (
        lambda: wb.export(lambda p, x: (x - x.mean(axis=0)) @ p["w"], np.zeros_like(NUMBERS), params=WEIGHT),
        "rows-mix",
    ),
    "examples of another width": (
        lambda: wb.export(lambda p, x: x @ p["w"], NUMBERS[:, :1], params=WEIGHT),
        "does not take these example inputs",
    ),
    "rows that mix": (
        lambda: wb.export(lambda p, x: (x - x.mean(axis=0)) @ p["w"], NUMBERS, params=WEIGHT),
        "rows-mix",
    ),
    "half precision": (
        lambda: wb.export(lambda p, x: x @ p["w"], NUMBERS, params={"w": np.ones((6, 2), np.float16)}),
        "float16",
    ),
    "a parameter that is not used": (
        lambda: wb.export(lambda p, x: x @ p["w"], NUMBERS, params={**WEIGHT, "idle": np.ones(2, np.float32)}),
        "idle",
    ),
    "no such part": (lambda: wb.export(lambda p, x: x @ p["w"], NUMBERS, params=WEIGHT, frozen=["v"]), "frozen"),
    "no batch": (lambda: wb.export(lambda p, x: (x @ p["w"]).sum(), NUMBERS, params=WEIGHT), "batch"),
    "no parameters": (lambda: wb.export(perceptron, NUMBERS), "parameters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_would_be_trained_wrongly(name: str) -> None:
    export, word = REFUSED[name]
    with pytest.raises(wb.WeighbridgeError, match=word):
        export()
