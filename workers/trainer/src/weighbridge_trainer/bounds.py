"""Between which numbers an integer lies, from public constants alone: what a feature can make, and what the graph does
with it. So that an index can be held against its table before a row is read: PyTorch stops at one that lies outside,
and a graph that would go on here with another row of the table is another program."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .config import Config, Input
from .operators import folding
from .refusal import reject_model
from .structural import Operand, Value
from .transforms import Category, Feature, Tensor, Text

Ints = npt.NDArray[np.int64]
# Each result lies between those of the lowest and the highest operands, if all rise with them, or, of a single
# operand, all of its numbers rise or all fall.
_RISING = frozenset(
    ("Add", "Clip", "Concat", "Expand", "Flatten", "Identity", "Max", "Min", "Reshape", "Slice", "Split")
)
_RISING |= {"Squeeze", "Tile", "Transpose", "Unsqueeze"}
_OF_ONE = frozenset(("Mul", "Neg", "Sub"))


class Bounds:
    def __init__(self, config: Config, batch: int) -> None:
        self._of: dict[str, tuple[Ints, Ints]] = {}
        for item in config.inputs:
            if item.dtype in ("int32", "int64"):
                self._of[item.name] = _of_input(item, batch)

    def follow(self, op: str, run: Callable[..., tuple[Any, ...]], operands: Sequence[Operand], names: Any) -> None:
        dynamic = [operand for operand in operands if isinstance(operand, Value)]
        if op == "Cast" and dynamic[0].aval.dtype == np.bool_:
            shape = dynamic[0].aval.shape
            self._of[names[0]] = np.zeros(shape, np.int64), np.ones(shape, np.int64)
            return
        known = [self._of.get(value.name) for value in dynamic]
        follows = op in _RISING or op == "Cast" or (op in _OF_ONE and len(dynamic) == 1)
        # Chosen by constants; looked up by what is not known, it neither rises nor falls.
        follows = follows or (op == "Gather" and not isinstance(operands[1], Value))
        if not follows or any(bounds is None for bounds in known):
            return
        with folding():
            ends = [run(*(bounds[end] for bounds in known if bounds is not None)) for end in (0, 1)]
        for name, one, other in zip(names, *ends, strict=False):
            one, other = np.asarray(one), np.asarray(other)
            # What does not fit the integers of a run wraps there, and is between its ends no more.
            if one.dtype.kind == "i" and _fits(one) and _fits(other):
                self._of[name] = np.minimum(one, other).astype(np.int64), np.maximum(one, other).astype(np.int64)

    def check_index(self, table: Operand, index: Operand, axis: Any) -> None:
        """:raises Refused: MODEL_REJECTED for an index that may lie outside of its table"""
        shape = table.aval.shape if isinstance(table, Value) else getattr(table, "shape", ())
        if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
            return  # the operator refuses it
        length = shape[axis]
        if isinstance(index, Value):
            bounds = self._of.get(index.name)
        else:
            bounds = (index, index) if isinstance(index, np.ndarray) and index.dtype.kind == "i" else None  # type: ignore[assignment]
        if bounds is None:
            raise reject_model("graph: Gather with an index of which nothing is known before a row is read")
        if bounds[0].size and (bounds[0].min() < -length or bounds[1].max() >= length):
            raise reject_model("graph: Gather with an index that may lie outside of its table")


def _fits(values: npt.NDArray[Any]) -> bool:
    held = np.iinfo(np.int32)
    return values.size == 0 or bool(held.min <= values.min() and values.max() <= held.max)


def _of_input(item: Input, batch: int) -> tuple[Ints, Ints]:
    ends = [_of_feature(feature) for feature in item.features]
    widths = [feature.width for feature in item.features]
    low, high = (np.repeat([end[k] for end in ends], widths).reshape(1, *item.shape) for k in (0, 1))
    return np.repeat(low, batch, 0).astype(np.int64), np.repeat(high, batch, 0).astype(np.int64)


def _of_feature(feature: Feature) -> tuple[int, int]:
    match feature:
        case Category():
            ends = [0, len(feature.vocabulary) - 1, feature.unknown]
        case Tensor():
            ends = [int(feature.low), int(feature.high)]
        case Text(mask=True):
            ends = [0, 1]
        case Text():
            # A tokenizer that is not there yet is looked at when it is.
            ends = [0, feature.pad, feature.largest_id or 0]
        case _:
            raise reject_model("declaration: integers from numbers")
    return min(ends), max(ends)
