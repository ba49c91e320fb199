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
    #: Where columns were standardised: features by input, with their fitted constants, to use the model with. Or None.
    features: dict[str, list[dict[str, Any]]] | None


def merged(model_file: ModelFile, returned: dict[str, Array]) -> dict[str, Array]:
    """The whole state of the model: returned tensors over the first ones, buffers from the graph, every tied name."""
    state: dict[str, Array] = {**graph_tensors(model_file.graph), **model_file.initial, **returned}
    state.update({name: state[kept] for name, kept in model_file.tied.items()})
    return state


def state_dict(tensors: dict[str, Array], job: str, receipt: Path, bought: Mapping[str, Any] | None = None) -> StateDict:
    """torch tensors where PyTorch is installed, else NumPy arrays.

    :param bought: `metric` and `features`, where they came with the weights
    """
    convert = _to_torch() if importlib.util.find_spec("torch") else np.asarray
    result = StateDict({name: convert(tensor) for name, tensor in tensors.items()})
    result.job, result.receipt = job, receipt
    result.metric, result.features = (bought or {}).get("metric"), (bought or {}).get("features")
    return result


def _to_torch() -> Any:
    import torch

    return lambda array: torch.from_numpy(np.array(array))
