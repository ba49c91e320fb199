"""`weights.safetensors` in the one layout that Weighbridge takes: float32, names ascending, no gaps, no metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from .errors import model_rejected

Array = NDArray[Any]

#: Printable ASCII without quote and backslash: a name has one spelling for every reader.
_NAME = re.compile(r"[!#-\[\]-~]{1,200}")
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Place:
    """Where a tensor's values stand, from the start of the file."""

    offset: int
    length: int


def write_tensors(tensors: Mapping[str, Array]) -> bytes:
    """The file of these tensors. :raises WeighbridgeError: MODEL_REJECTED for a name, type or value that no file may hold"""
    for name, tensor in tensors.items():
        if not _NAME.fullmatch(name) or name == "__metadata__":
            raise model_rejected(
                f"{name!r} cannot be the name of a tensor: use 1 to 200 ASCII characters, no spaces",
                "Rename the module or parameter.",
            )
        if tensor.dtype != np.float32:
            raise model_rejected(f"{name} is {tensor.dtype}, only float32 is trained", "Convert the model with .float().")
        if tensor.size == 0 or not np.isfinite(tensor).all():
            raise model_rejected(f"{name} is empty or holds a value that is not finite", "Start from finite numbers.")
    return save({name: np.asarray(tensors[name], order="C") for name in sorted(tensors)})


def read_tensors(data: bytes) -> dict[str, Array]:
    """The tensors of a file."""
    try:
        return dict(sorted(load(data).items()))
    except Exception as error:  # safetensors raises its own type, and others for a cut file
        raise model_rejected(f"weights.safetensors cannot be read: {error}") from error


def places(data: bytes) -> dict[str, Place]:
    """Where each tensor of a file stands in it."""
    header_bytes = int.from_bytes(data[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + header_bytes
    header = json.loads(data[_LENGTH_BYTES:start])
    return {
        name: Place(start + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
    }
