"""The returned tensors as a `state_dict` that the buyer's own model takes with `strict=True`."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .graph import graph_tensors
from .model_file import ModelFile
from .tensors import Array


class StateDict(dict[str, Any]):
    """A plain `state_dict`, and where it came from."""

    #: Id of the job.
    job: str
    #: `receipt.json` of the job, for :func:`weighbridge.verify`.
    receipt: Path
    #: What was bought beside the weights: `name`, `value`, `deviation` of its noise, and over how many `rows`. Or None.
    metric: dict[str, Any] | None
    #: How columns become the model's inputs, by input, with the fitted constants of columns that were standardised: for
    #: :func:`weighbridge.inputs`.
    features: dict[str, list[dict[str, Any]]]
    #: What comes out, as declared: `{"kind": "class", "classes": [...]}` has the order of the classes.
    label: dict[str, Any]


def merged(model_file: ModelFile, returned: dict[str, Array]) -> dict[str, Array]:
    """The whole state of the model: returned tensors over the first ones, buffers from the graph, every tied name."""
    state: dict[str, Array] = {**graph_tensors(model_file.graph), **model_file.initial, **returned}
    state.update({name: state[kept] for name, kept in model_file.tied.items()})
    return state


def state_dict(
    tensors: dict[str, Array], job: str, receipt: Path, declaration: Mapping[str, Any], bought: Mapping[str, Any]
) -> StateDict:
    """torch tensors where PyTorch is installed, else NumPy arrays.

    :param declaration: as ordered
    :param bought: `metric` and `features`, where they came with the weights
    """
    convert = _to_torch() if importlib.util.find_spec("torch") else np.asarray
    result = StateDict({name: convert(tensor) for name, tensor in tensors.items()})
    result.job, result.receipt = job, receipt
    result.metric = bought.get("metric")
    result.features, result.label = bought.get("features", declaration["features"]), declaration["label"]
    return result


def _to_torch() -> Any:
    import torch

    return lambda array: torch.from_numpy(np.array(array))
