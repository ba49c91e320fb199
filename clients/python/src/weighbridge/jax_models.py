"""What a JAX function, a Flax module and a Keras model have in common: tensors by name, and a call that takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .errors import bad_input, model_rejected
from .export_jax import Source

#: ONNX has no random numbers, so that it would be exported without; and rows may not see one another.
_REFUSED = {
    "BatchNorm": "it mixes the rows of a batch: use GroupNorm or LayerNorm",
    "BatchNormalization": "it mixes the rows of a batch: use GroupNormalization or LayerNormalization",
    "Dropout": "the export of JAX models has no randomness: leave it out",
    "GaussianDropout": "the export of JAX models has no randomness: leave it out",
    "GaussianNoise": "the export of JAX models has no randomness: leave it out",
    "SpatialDropout1D": "the export of JAX models has no randomness: leave it out",
    "SpatialDropout2D": "the export of JAX models has no randomness: leave it out",
}


def source_of(kind: str, model: Any, params: Any, inputs: int) -> Source:
    """:param kind: `jax`, `flax` or `keras`"""
    if kind == "keras":
        return _of_keras(model, inputs)
    if kind == "flax" and is_nnx(model):
        return _of_nnx(model, inputs)
    if params is None:
        raise bad_input(f"a {type(model).__name__} has no parameters of its own", "Give them: export(..., params=params).")
    return _of_linen(model, params, inputs) if kind == "flax" else _of_function(model, params, inputs)


def _of_function(function: Callable[..., Any], params: Any, inputs: int) -> Source:
    state, rebuild = named_leaves(params)

    def call(*values: Any) -> Any:
        return function(rebuild(values[: len(state)]), *values[len(state) :])

    return Source(call, state, list(state), _input_names(inputs))


def _of_linen(module: Any, variables: Any, inputs: int) -> Source:
    from flax import linen

    def refuse(call: Callable[..., Any], arguments: Any, named: Any, context: Any) -> Any:
        _refuse_parts([context.module])
        return call(*arguments, **named)

    def apply(variables: Any, *values: Any) -> Any:
        with linen.intercept_methods(refuse):
            return module.apply(variables, *values)

    return _of_function(apply, variables, inputs)


def _of_nnx(module: Any, inputs: int) -> Source:
    import jax
    from flax import nnx

    _refuse_parts(part for _, part in nnx.iter_graph(module))
    structure, params, rest = nnx.split(module, nnx.Param, ...)

    def apply(pure: Any, *values: Any) -> Any:
        own = jax.tree.unflatten(jax.tree.structure(params), jax.tree.leaves(pure))
        return nnx.merge(structure, own, rest)(*values)

    return _of_function(apply, nnx.to_pure_dict(params), inputs)


def _of_keras(model: Any, inputs: int) -> Source:
    import keras

    if keras.backend.backend() != "jax":
        raise bad_input(
            f"Keras runs on {keras.backend.backend()} here",
            "Set KERAS_BACKEND=jax, and load the model's weights there: its graph cannot be had from another backend.",
        )
    _refuse_parts(model._flatten_layers())
    moved, fixed = list(model.trainable_variables), list(model.non_trainable_variables)
    state = {variable.path: np.asarray(variable.value) for variable in [*moved, *fixed]}
    if len(state) < len(moved) + len(fixed):
        raise model_rejected("two variables of the model have one path", "Give its layers names.")

    def call(*values: Any) -> Any:
        tensors, rows = list(values[: len(state)]), list(values[len(state) :])
        given = rows if inputs > 1 else rows[0]
        outputs, _ = model.stateless_call(tensors[: len(moved)], tensors[len(moved) :], given, training=False)
        return outputs

    return Source(call, state, [variable.path for variable in moved], _input_names(inputs))


def named_leaves(tree: Any) -> tuple[dict[str, Any], Callable[[Any], Any]]:
    """The tensors of a tree by the names of their places in it, `layer.0.kernel`, and what makes the tree of others again."""
    import jax

    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    names = [".".join(str(_key(step)) for step in path) for path, _ in paths]
    if len(set(names)) < len(names) or not all(names):
        raise model_rejected("two parameters have one name, or one has none", "Keep them in a dictionary by name.")
    state = {name: np.asarray(leaf) for name, (_, leaf) in zip(names, paths, strict=True)}
    return state, lambda leaves: jax.tree.unflatten(structure, leaves)


def _key(step: Any) -> Any:
    return next(getattr(step, field) for field in ("key", "idx", "name") if hasattr(step, field))


def is_nnx(model: Any) -> bool:
    return any(cls.__module__.startswith("flax.nnx") for cls in type(model).__mro__)


def _refuse_parts(parts: Iterable[Any]) -> None:
    for part in parts:
        name = type(part).__name__
        if name in _REFUSED and type(part).__module__.split(".")[0] in ("flax", "keras"):
            raise model_rejected(f"the model has a {name}", f"{_REFUSED[name]}.")


def _input_names(count: int) -> list[str]:
    return ["input"] if count == 1 else [f"input{k}" for k in range(count)]
