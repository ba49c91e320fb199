"""JAX to a model file: a function and its parameters, a Flax module, or a Keras model on the JAX backend.

`jax2onnx` writes the graph, and would fold the parameters into it without their names. So they are handed to it as inputs,
and become initializers under the names of their places in the tree afterwards. What it cannot say is refused, not dropped:
ONNX has no random numbers, so a model with Dropout would be exported without it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .canary import ROWS, assert_rows_apart, drawn_rows, first_line, refused_examples
from .errors import WeighbridgeError, bad_input, missing_package, model_rejected
from .export_einsum import without_einsum
from .model_file import ModelFile
from .onnx_profile import OPSET, declared_inputs, into_profile
from .quiet import quiet
from .tensors import Array

_INPUT_TYPES = ("float32", "int32", "bool")


@dataclass(frozen=True)
class Source:
    """A model as JAX sees it."""

    #: Takes the tensors in the order of `state`, then the inputs.
    call: Callable[..., Any]
    state: dict[str, Array]
    #: Names of what trains.
    trainable: list[str]
    #: Names of the inputs, as the graph has them.
    inputs: list[str]


def export_jax(source: Source, examples: Sequence[Any], frozen: list[str]) -> ModelFile:
    """See :func:`weighbridge.export`."""
    to_onnx = _load_exporter()
    rows = [_example(one) for one in examples]
    for name, value in source.state.items():
        if value.dtype != np.float32:
            raise model_rejected(f"{name} is {value.dtype}, only float32 is trained", "Keep the parameters in float32.")
    _canary(source, rows)
    model = without_einsum(_run_exporter(to_onnx, source, rows))
    names = [*source.inputs, *source.state]
    _rename(model, dict(zip((value.name for value in model.graph.input), names, strict=True)))
    del model.graph.input[len(source.inputs) :]
    trainable = _trainable(source, frozen)
    used = {name for node in model.graph.node for name in node.input}
    lost = [name for name in trainable if name not in used]
    if lost:
        raise model_rejected(f"the model does not use {', '.join(lost[:5])}", "Freeze it (frozen=[...]), or delete it.")
    _hold(model, source.state)
    graph, weights = into_profile(model, source.state)
    return ModelFile.build({"trainable": trainable, "tied": {}, "inputs": declared_inputs(model)}, graph, weights)


def _load_exporter() -> Any:
    try:
        from jax2onnx import to_onnx
    except ImportError as error:
        raise missing_package(f"The package {error.name}", "jax") from error
    return to_onnx


def _example(example: Any) -> Array:
    value = np.asarray(example)
    if value.dtype in (np.float64, np.int64):  # JAX's own types are half as wide
        value = value.astype(np.float32 if value.dtype == np.float64 else np.int32)
    if value.ndim == 0 or value.shape[0] == 0:
        raise model_rejected("an example input has no batch in front", "Give inputs of shape [batch, ...].")
    if value.dtype.name not in _INPUT_TYPES:
        raise bad_input(f"an example input is {value.dtype}", "Give float32, int32 or bool.")
    return value


def _canary(source: Source, examples: list[Array]) -> None:
    """With the given rows, and with drawn ones if the model takes them."""
    rng = np.random.default_rng(0)
    # With a little noise: what starts at zero hides what it does to other rows.
    stirred = [value + 0.05 * rng.standard_normal(value.shape).astype(np.float32) for value in source.state.values()]
    try:
        _compare(source, stirred, [_distinct_rows(example) for example in examples])
    except WeighbridgeError:
        raise
    except Exception as error:
        raise refused_examples(error) from error
    with contextlib.suppress(ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        _compare(source, stirred, [drawn_rows(example.shape[1:], example.dtype.name) for example in examples])


def _compare(source: Source, stirred: list[Array], rows: list[Array]) -> None:
    together = np.asarray(source.call(*stirred, *rows))
    if together.ndim == 0 or together.shape[0] != ROWS:
        raise model_rejected("the model's output has no batch in front", "Return one result a row.")
    alone = [np.asarray(source.call(*stirred, *(row[k : k + 1] for row in rows))) for k in range(ROWS)]
    assert_rows_apart(together, np.concatenate(alone))


def _distinct_rows(example: Array) -> Array:
    """Three rows that differ, made of the given ones, so that every number stays one that the model can take."""
    rows = example[[k % example.shape[0] for k in range(ROWS)]]
    if rows.dtype != np.float32:
        return rows
    factors = np.linspace(0.5, 1.0, ROWS, dtype=np.float32)
    return rows * factors.reshape(-1, *[1] * (rows.ndim - 1))


def _run_exporter(to_onnx: Any, source: Source, examples: list[Array]) -> Any:
    import jax

    (batch,) = jax.export.symbolic_shape("batch")
    abstract: Any = jax.ShapeDtypeStruct
    inputs = [abstract((batch, *one.shape[1:]), one.dtype) for one in examples]
    tensors = [abstract(value.shape, value.dtype) for value in source.state.values()]

    def inputs_first(*values: Any) -> Any:
        return source.call(*values[len(inputs) :], *values[: len(inputs)])

    try:
        with quiet():
            return to_onnx(inputs_first, [*inputs, *tensors], opset=OPSET)
    except WeighbridgeError:
        raise
    except Exception as error:
        raise model_rejected(
            f"jax2onnx cannot export this model: {first_line(error)}",
            "Give a function of one batch without randomness; call pooling functions of Flax with their arguments by name.",
        ) from error


def _rename(model: Any, names: dict[str, str]) -> None:
    graph = model.graph
    taken = {output for node in graph.node for output in node.output} | {tensor.name for tensor in graph.initializer}
    clash = sorted(taken & set(names.values()))
    if clash:
        raise model_rejected(f"a parameter is called {clash[0]}, as a value of the graph", "Rename it.")
    for value in graph.input:
        value.name = names[value.name]
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def _hold(model: Any, state: dict[str, Array]) -> None:
    import onnx

    for name, value in state.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))


def _trainable(source: Source, frozen: list[str]) -> list[str]:
    for name in frozen:
        if not any(_is_within(parameter, name) for parameter in source.state):
            raise model_rejected(f"frozen: the model has no parameter or part {name!r}", "Use names of its parameters.")
    kept = [name for name in source.trainable if not any(_is_within(name, other) for other in frozen)]
    if not kept:
        raise model_rejected("no parameter is left to train", "Freeze fewer.")
    return sorted(kept)


def _is_within(parameter: str, name: str) -> bool:
    return parameter == name or parameter.startswith((f"{name}.", f"{name}/"))
