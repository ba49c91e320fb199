"""Buyer's side only: puts an ONNX graph into the profile of docs/model-format.md, with the stock `onnx` package.

The graph keeps no weights, no names of files, no notes. Float weights go to `weights.safetensors`, and each initializer
says where it stands in it, so that the pair opens in stock tools. What the exporter made up itself becomes a `Constant`
node: an initializer that stands in the graph is an entry of the model's own state, an integer buffer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .contracts import operators
from .errors import missing_package, model_rejected
from .tensors import Array, places, write_tensors

#: What the readers of the profile take; the exporters write it.
OPSET = 20
_MAX_INLINE_NUMBERS = 4096
_MODEL_NOTES = ("producer_name", "producer_version", "domain", "model_version", "doc_string", "metadata_props")
_GRAPH_NOTES = ("value_info", "metadata_props", "doc_string")


def load_onnx() -> Any:
    """The stock package, if it is there. :raises WeighbridgeError: CONFIG_INVALID"""
    try:
        import onnx
    except ImportError as error:
        raise missing_package("The package onnx", "torch") from error
    return onnx


def into_profile(model: Any, state: Mapping[str, Array]) -> tuple[bytes, bytes]:
    """The two files of a graph.

    :param model: an `onnx.ModelProto` whose initializers hold their values
    :param state: the model's own state by name, ties left out; every float32 entry ends up in the weights, whether the
        graph uses it or not
    :returns: graph.onnx, weights.safetensors
    :raises WeighbridgeError: MODEL_REJECTED for an operator that is not in the table
    """
    onnx = load_onnx()
    refuse_unknown_operators(model.graph)
    packed = onnx.ModelProto()
    packed.CopyFrom(model)
    _strip_notes(packed)
    graph = packed.graph
    weights = write_tensors({name: value for name, value in state.items() if value.dtype == np.float32})
    where = places(weights)
    kept = []
    for tensor in graph.initializer:
        if tensor.name in where:
            continue
        if tensor.name in state:
            kept.append(_inline(onnx, tensor))
        else:
            graph.node.insert(0, _constant(onnx, tensor))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for name, place in where.items():
        entry = graph.initializer.add(name=name, data_type=onnx.TensorProto.FLOAT, dims=state[name].shape)
        entry.data_location = onnx.TensorProto.EXTERNAL
        location = {"location": "weights.safetensors", "offset": str(place.offset), "length": str(place.length)}
        for key, text in location.items():
            entry.external_data.add(key=key, value=text)
    return packed.SerializeToString(deterministic=True), weights


def refuse_unknown_operators(graph: Any) -> None:
    """Here, and not only where the file is checked: whoever exports can still change the model.

    :raises WeighbridgeError: MODEL_REJECTED
    """
    known = operators()
    named = {f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in graph.node}
    unknown = sorted(named - known)
    if unknown:
        raise model_rejected(
            f"the graph uses {', '.join(unknown[:5])}, which no run computes",
            "Build the model of the operators in docs/model-format.md.",
        )


def declared_inputs(model: Any) -> list[dict[str, Any]]:
    """`inputs` of job.json. :raises WeighbridgeError: MODEL_REJECTED for a fixed batch or another free size"""
    onnx = load_onnx()
    types = {
        onnx.TensorProto.FLOAT: "float32",
        onnx.TensorProto.INT32: "int32",
        onnx.TensorProto.INT64: "int64",
        onnx.TensorProto.BOOL: "bool",
    }
    declared = []
    for value in model.graph.input:
        batch, *rest = value.type.tensor_type.shape.dim
        if not batch.dim_param:
            raise model_rejected(
                f"the batch of input {value.name} is fixed at {batch.dim_value}",
                "Export with a batch that is free: weighbridge.export does.",
            )
        if any(dim.dim_param for dim in rest):
            raise model_rejected(
                f"input {value.name} has a size other than the batch that is free",
                "Fix every size but the batch.",
            )
        dtype = types.get(value.type.tensor_type.elem_type)
        if dtype is None:
            raise model_rejected(f"input {value.name} is of a type that no feature has", "Use float32, int64 or bool.")
        declared.append({"name": value.name, "shape": [dim.dim_value for dim in rest], "dtype": dtype})
    return declared


def _strip_notes(model: Any) -> None:
    """Exporters leave paths and source lines of the buyer's machine in the notes: none of the marketplace's business."""
    for field in _MODEL_NOTES:
        model.ClearField(field)
    graph = model.graph
    graph.name = "weighbridge"
    for field in _GRAPH_NOTES:
        graph.ClearField(field)
    for node in graph.node:
        for field in ("metadata_props", "doc_string", "name"):
            node.ClearField(field)
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
    for value in [*graph.input, *graph.output]:
        for field in ("metadata_props", "doc_string"):
            value.ClearField(field)


def _inline(onnx: Any, tensor: Any) -> Any:
    value = onnx.numpy_helper.to_array(tensor)
    if value.size > _MAX_INLINE_NUMBERS:
        raise model_rejected(
            f"buffer {tensor.name} holds {value.size} {value.dtype} numbers, at most {_MAX_INLINE_NUMBERS} are taken",
            "Register it with persistent=False and compute it in forward, or store it as float32.",
        )
    return onnx.numpy_helper.from_array(value, tensor.name)


def _constant(onnx: Any, tensor: Any) -> Any:
    value = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), "")
    return onnx.helper.make_node("Constant", [], [tensor.name], value=value)
