"""Ordinary models of JAX, Flax and Keras as buyers write them, small, each with its inputs, its label and the loss that
it is trained with. make_jax_zoo.py exports and trains them. Imported only where Flax and Keras are."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import numpy as np
from flax import linen, nnx

ROWS = 24
Draw = np.random.Generator


@dataclass(frozen=True)
class Subject:
    """A model, made: what the buyer hands to `weighbridge.export`, and what plain JAX trains."""

    model: Any
    params: Any
    """None where the model holds its own."""
    tree: Any
    """All parameters, as JAX differentiates them."""
    forward: Callable[[Any, Any], Any]
    names: list[str]
    """Of the leaves of `tree`, in their order."""


@dataclass(frozen=True)
class Entry:
    make: Callable[[Any], Subject]
    """Of an example input."""
    input: Callable[[Draw], Any]
    target: Callable[[Draw], Any]
    label: dict[str, Any]
    loss: dict[str, Any]
    optimiser: dict[str, Any]
    schedule: dict[str, Any]


class Convolutions(linen.Module):
    @linen.compact
    def __call__(self, x: Any) -> Any:
        x = linen.relu(linen.GroupNorm(2)(linen.Conv(6, (3, 3))(x)))
        x = linen.max_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = linen.relu(linen.Conv(8, (3, 3), padding="VALID")(x))
        x = linen.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        return linen.Dense(4)(x.reshape(x.shape[0], -1))


class Encoder(linen.Module):
    @linen.compact
    def __call__(self, ids: Any) -> Any:
        x = linen.Embed(20, 16)(ids) + self.param("place", linen.initializers.normal(0.1), (8, 16))
        x = x + linen.MultiHeadDotProductAttention(num_heads=4)(linen.LayerNorm()(x))
        x = x + linen.Dense(16)(linen.gelu(linen.Dense(32)(linen.LayerNorm()(x))))
        return linen.Dense(3)(linen.LayerNorm()(x).mean(axis=1))


class Residual(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(6, 16, rngs=rngs)
        self.norm = nnx.LayerNorm(16, rngs=rngs)
        self.middle = nnx.Linear(16, 16, rngs=rngs)
        self.last = nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        x = nnx.silu(self.first(x))
        return self.last(x + nnx.tanh(self.middle(self.norm(x))))


def perceptron(params: Any, x: Any) -> Any:
    for layer in params["hidden"]:
        x = jax.nn.gelu(x @ layer["kernel"] + layer["bias"])
    return x @ params["out"]["kernel"] + params["out"]["bias"]


def _function(_example: Any) -> Subject:
    draw = np.random.default_rng(3)

    def layer(inputs: int, outputs: int) -> dict[str, Any]:
        return {
            "kernel": draw.standard_normal((inputs, outputs), np.float32) / np.float32(inputs**0.5),
            "bias": np.zeros(outputs, np.float32),
        }

    params = {"hidden": [layer(6, 16), layer(16, 16)], "out": layer(16, 3)}
    return Subject(perceptron, params, params, perceptron, _paths(params))


def _linen(module: linen.Module) -> Callable[[Any], Subject]:
    def make(example: Any) -> Subject:
        variables = module.init(jax.random.key(7), example)
        return Subject(module, variables, variables, module.apply, _paths(variables))

    return make


def _nnx(_example: Any) -> Subject:
    module = Residual(nnx.Rngs(7))
    graph, state = nnx.split(module, nnx.Param)
    names = _paths(nnx.to_pure_dict(state))
    return Subject(module, None, state, lambda tree, x: nnx.merge(graph, tree)(x), names)


def _keras(layers: Callable[[], list[Any]]) -> Callable[[Any], Subject]:
    """:param layers: with names: those that Keras gives are numbered through the process, and another model's differ"""

    def make(example: Any) -> Subject:
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input(example.shape[1:]), *layers()], name="net")
        tree = [jnp.array(variable.value) for variable in model.trainable_variables]
        return Subject(
            model,
            None,
            tree,
            lambda tree, x: model.stateless_call(tree, [], x, training=True)[0],
            [variable.path for variable in model.trainable_variables],
        )

    return make


def _dense_layers() -> list[Any]:
    by = keras.layers
    return [
        by.Dense(16, "gelu", name="up"),
        by.LayerNormalization(name="norm"),
        by.Dense(16, "relu", name="on"),
        by.Dense(3, name="out"),
    ]


def _convolutions() -> list[Any]:
    by = keras.layers
    return [
        by.Conv2D(6, 3, activation="relu", name="first"),
        by.Conv2D(8, 3, strides=2, padding="same", activation="tanh", name="second"),
        by.Flatten(name="flat"),
        by.Dense(4, name="out"),
    ]


def _paths(tree: Any) -> list[str]:
    """By JAX's own spelling of a path, not by the exporter's."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in leaves]


def _floats(*shape: int) -> Callable[[Draw], Any]:
    return lambda draw: draw.standard_normal((ROWS, *shape), np.float32)


def _tokens(high: int, length: int) -> Callable[[Draw], Any]:
    return lambda draw: draw.integers(0, high, (ROWS, length), np.int32)


def _classes(count: int) -> tuple[Callable[[Draw], Any], dict[str, Any], dict[str, Any]]:
    label = {"kind": "class", "column": "y", "classes": list(range(count))}
    return lambda draw: draw.integers(0, count, ROWS, np.int32), label, {"name": "cross-entropy"}


def _numbers(count: int) -> tuple[Callable[[Draw], Any], dict[str, Any]]:
    columns = [{"column": f"y{k}", "min": 0, "max": 1} for k in range(count)]
    return _floats(count), {"kind": "numbers", "columns": columns}


def _binary(count: int) -> tuple[Callable[[Draw], Any], dict[str, Any], dict[str, Any]]:
    columns = [{"column": f"y{k}", "positive": 1} for k in range(count)]
    return (
        lambda draw: draw.integers(0, 2, (ROWS, count)).astype(np.float32),
        {"kind": "binary", "columns": columns},
        {"name": "bce"},
    )


_SGD = {"name": "sgd", "learningRate": 0.05, "momentum": 0.9, "nesterov": False, "weightDecay": 0}
_NESTEROV = {"name": "sgd", "learningRate": 0.02, "momentum": 0.8, "nesterov": True, "weightDecay": 0.01}
_BETAS = {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6}
_ADAM = {"name": "adam", "learningRate": 0.003, "weightDecay": 0, **_BETAS}
_ADAMW = {"name": "adamw", "learningRate": 0.003, "weightDecay": 0.1, **_BETAS}
_CONSTANT = {"name": "constant"}
_COSINE = {"name": "cosine", "warmupSteps": 0, "finalFraction": 0.1}
_LINEAR = {"name": "linear", "warmupSteps": 5, "finalFraction": 0.0}
_STEP = {"name": "step", "everySteps": 6, "factor": 0.5}

ZOO: dict[str, Entry] = {
    "jax-mlp": Entry(_function, _floats(6), *_classes(3), _ADAM, _COSINE),
    "flax-linen-cnn": Entry(_linen(Convolutions()), _floats(8, 8, 3), *_classes(4), _SGD, _CONSTANT),
    "flax-linen-transformer": Entry(_linen(Encoder()), _tokens(20, 8), *_classes(3), _ADAMW, _LINEAR),
    "flax-nnx-residual": Entry(_nnx, _floats(6), *_numbers(3), {"name": "huber", "delta": 0.5}, _NESTEROV, _STEP),
    "keras-mlp": Entry(_keras(_dense_layers), _floats(6), *_binary(3), _ADAMW, _COSINE),
    "keras-cnn": Entry(_keras(_convolutions), _floats(8, 8, 3), *_classes(4), _SGD, _CONSTANT),
}
