"""An ONNX file that another exporter made, to a model file: if, and only if, it still is the model that it was made of."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import bad_input, model_rejected
from .model_file import ModelFile
from .onnx_profile import declared_inputs, into_profile, load_onnx
from .tensors import Array


def from_onnx(
    onnx_file: str | os.PathLike[str],
    *,
    state_dict: Mapping[str, Any],
    trainable: list[str] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> ModelFile:
    """Packs an ONNX file. :func:`weighbridge.export` is the better way: a stock export is made for inference.

    :param onnx_file: weights inside, or in files beside it
    :param state_dict: the model's own parameters and buffers by name. The file is compared with them: a default export
        of PyTorch has merged those that start equal, and would train them as one
    :param trainable: which of them train; by default every floating-point one
    :param path: where to write the `.wbm`; nowhere by default
    :raises WeighbridgeError: MODEL_REJECTED, naming what was merged, renamed, reshaped or fixed
    """
    onnx = load_onnx()
    try:
        model = onnx.load(os.fspath(onnx_file))
    except Exception as error:  # protobuf's own errors, and those of files beside it
        raise bad_input(f"{os.fspath(onnx_file)} cannot be read as ONNX: {error}", "Give a whole .onnx file.") from error
    state = {name: _array(value) for name, value in state_dict.items()}
    _refuse_batch_norm(model)
    _refuse_other_state(onnx, model, state)
    inputs = declared_inputs(model)
    if not any(node.op_type == "Dropout" for node in model.graph.node):
        warnings.warn("the graph has no Dropout: an export in eval mode drops it from a model that has some", stacklevel=2)
    graph, weights = into_profile(model, state)
    names = trainable if trainable is not None else [name for name, value in state.items() if value.dtype == np.float32]
    template = {"trainable": sorted(names), "tied": {}, "inputs": inputs}
    model_file = ModelFile.build(template, graph, weights)
    if path is not None:
        model_file.save(path)
    return model_file


def _array(value: Any) -> Array:
    return np.array(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _refuse_batch_norm(model: Any) -> None:
    if any(node.op_type == "BatchNormalization" for node in model.graph.node):
        raise model_rejected("the graph holds BatchNormalization: it mixes rows", "Use GroupNorm or LayerNorm instead.")


def _refuse_other_state(onnx: Any, model: Any, state: dict[str, Array]) -> None:
    advice = "Export with weighbridge.export, or with torch.onnx.export(..., dynamo=True, optimize=False)."
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    lost = sorted(state.keys() - held.keys())
    if lost:
        raise model_rejected(f"the export merged, renamed or dropped {', '.join(lost[:5])}", advice)
    for name, own in state.items():
        value = onnx.numpy_helper.to_array(held[name])
        if value.shape != own.shape or value.dtype != own.dtype or value.tobytes() != own.tobytes():
            raise model_rejected(f"the export changed {name}", advice)
