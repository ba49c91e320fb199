"""How rows lie in memory and in a spool: an input whose numbers are whole and bounded by public constants in the
smallest type that holds them, an image as its bytes. A run unpacks the rows of a micro-batch; what it computes with is
the same, bit by bit, as if they had lain there as numbers of four bytes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from .config import Config, Input
from .images import levels
from .rows import Numbers, Rows, aligned
from .transforms import (
    BinaryLabel,
    Category,
    ClassLabel,
    ClassMapLabel,
    Feature,
    Image,
    Label,
    NumbersLabel,
    OneHot,
    Shape,
    Tensor,
    Text,
)

_TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.int32)


def stored_type(item: Input) -> np.dtype[np.generic]:
    if item.dtype == "bool":
        return np.dtype(np.bool_)
    if item.dtype == "float32":
        kinds = {type(feature) for feature in item.features}
        packs = kinds == {OneHot} or (kinds == {Image} and len(item.features) == 1)
        return np.dtype(np.uint8 if packs else np.float32)
    # int64 of a graph is int32 here: XLA counts with that, and no bound of a feature is larger.
    ends = [_ends(feature) for feature in item.features]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    return np.dtype(
        next(kind for kind in _TYPES if kind is np.int32 or (np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))
    )


def unpacked(item: Input, values: Array) -> Array:
    """Rows of an input, or one of them, as the graph takes them."""
    if item.dtype == "bool":
        return values
    if item.dtype != "float32":
        return values.astype(jnp.int32)
    image = item.features[0]
    if values.dtype == jnp.uint8 and isinstance(image, Image):
        # Looked up: a division that the compiler turns into a product would round otherwise.
        table = levels(image)
        first = 256 * jnp.arange(image.channels, dtype=jnp.int32)[:, None]
        places = values.astype(jnp.int32).reshape(-1, image.channels, image.rows * image.columns) + first
        return jnp.asarray(table.reshape(-1))[places].reshape(values.shape)
    return values.astype(jnp.float32)


def packed(item: Input, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """As they lie in memory already, unless somebody else than features.py made them."""
    return values.astype(stored_type(item), copy=False).reshape(-1, *item.shape)


def target_form(label: Label) -> tuple[Shape, npt.DTypeLike]:
    """Shape of one row's target, and its type."""
    match label:
        case ClassLabel():
            return (), np.int32
        case ClassMapLabel():
            return label.shape, np.int32
        case BinaryLabel() | NumbersLabel():
            return (len(label.columns),), np.float32
        case _:
            return (0,), np.int32


@dataclass(frozen=True)
class Record:
    """A row in one piece: its inputs in their order, then its target."""

    inputs: tuple[tuple[str, int, np.dtype[np.generic]], ...]
    """Name, width and type of each."""
    target_shape: Shape
    target_type: np.dtype[np.generic]

    @property
    def bytes(self) -> int:
        target = math.prod(self.target_shape) * int(self.target_type.itemsize)
        return target + sum(width * int(kind.itemsize) for _, width, kind in self.inputs)

    def pack(self, inputs: Mapping[str, Numbers], target: Numbers) -> npt.NDArray[np.uint8]:
        parts = [*(inputs[name] for name, _, _ in self.inputs), target]
        return np.concatenate([_bytes_of(part) for part in parts], axis=1)

    def room(self, count: int) -> Rows:
        """Zeros for so many rows."""
        inputs = {name: aligned((count, width), kind) for name, width, kind in self.inputs}
        return Rows(inputs, aligned((count, *self.target_shape), self.target_type))

    def unpack(self, records: npt.NDArray[np.uint8]) -> Rows:
        rows, at = self.room(len(records)), 0
        for name, _, _ in self.inputs:
            at = _fill(rows.inputs[name], records, at)
        _fill(rows.target, records, at)
        return rows


def record_of(config: Config) -> Record:
    shape, kind = target_form(config.label)
    inputs = tuple((item.name, item.width, stored_type(item)) for item in config.inputs)
    return Record(inputs, shape, np.dtype(kind))


def bytes_of_rows(config: Config) -> int:
    """What all rows take that a job reads; from public facts alone."""
    held_out = 0 if config.held_out is None else config.held_out.rows
    return (config.rows + held_out) * record_of(config).bytes


def _bytes_of(values: Numbers) -> npt.NDArray[np.uint8]:
    """Rows by bytes. The same memory, so it must not be a strided view."""
    return values.reshape(-1).view(np.uint8).reshape(len(values), math.prod(values.shape[1:]) * values.itemsize)


def _fill(values: Numbers, records: npt.NDArray[np.uint8], at: int) -> int:
    out = _bytes_of(values)
    end = at + int(out.shape[1])
    out[:] = records[:, at:end]
    return end


def _ends(feature: Feature) -> tuple[int, int]:
    """Lowest and highest of what an integer feature makes."""
    match feature:
        case Category():
            return 0, max(len(feature.vocabulary) - 1, feature.unknown)
        case Tensor():
            return int(feature.low), int(feature.high)
        case Text(mask=True):
            return 0, 1
        case Text(largest_id=int(largest)):
            return 0, max(largest, feature.pad)
        case _:
            return np.iinfo(np.int32).min, np.iinfo(np.int32).max
