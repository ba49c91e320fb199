"""What came back from training, into a model of JAX. PyTorch has `load_state_dict` for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import bad_input
from .export import kind_of
from .jax_models import is_nnx, named_leaves
from .tensors import Array


def load_weights(target: Any, weights: Mapping[str, Any]) -> Any:
    """Puts trained weights where :func:`weighbridge.export` took them from. Strict: each has its place, and the shape of it.

    :param target: a Keras model or an NNX module, which is changed; or the parameters that a function or a Linen module
        was exported with, of which new ones are made
    :param weights: what :func:`weighbridge.train` returned
    :returns: the model, or the new parameters
    :raises WeighbridgeError: BAD_INPUT
    """
    kind = kind_of(target)
    if kind == "keras":
        variables = {variable.path: variable for variable in target.variables}
        for name, value in _matched({name: np.asarray(one.value) for name, one in variables.items()}, weights).items():
            variables[name].assign(value)
        return target
    if kind == "flax" and is_nnx(target):
        from flax import nnx

        nnx.update(target, _filled(nnx.to_pure_dict(nnx.state(target, nnx.Param)), weights))
        return target
    return _filled(target, weights)


def _filled(tree: Any, weights: Mapping[str, Any]) -> Any:
    state, rebuild = named_leaves(tree)
    return rebuild(list(_matched(state, weights).values()))


def _matched(state: Mapping[str, Array], weights: Mapping[str, Any]) -> dict[str, Array]:
    """In the order of `state`."""
    found = {name: np.asarray(value) for name, value in weights.items()}
    wrong = sorted(state.keys() ^ found.keys()) or [k for k, v in state.items() if v.shape != found[k].shape]
    if wrong:
        raise bad_input(f"the weights are of another model: {', '.join(wrong[:5])}", "Load them into the one exported.")
    return {name: found[name] for name in state}
