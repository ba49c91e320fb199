"""Operators that lowering answers without running anything: they rename, take apart, or ask for shapes."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from .onnx.tensors import Array, Attribute, listed
from .refusal import reject_model


@dataclass(frozen=True)
class Value:
    """A value that is known only at run time."""

    name: str
    aval: jax.ShapeDtypeStruct


# A tuple is a sequence: torch.export writes a split as one.
Operand = Value | Array | tuple["Operand", ...] | None
Attributes = dict[str, Attribute]
# Runs an operator of the table: name, operands, attributes, output names.
Run = Callable[[str, list[Operand], Attributes, list[str]], tuple[Operand, ...]]
Structural = Callable[[Run, list[Operand], Attributes], Operand]

# As many parts as a split may have: each is a value to trace.
MAX_PARTS = 64


def _constant(_run: Run, operands: list[Operand], given: Attributes) -> Operand:
    if operands or len(given) != 1:
        raise reject_model("graph: Constant form")
    ((kind, value),) = given.items()
    if kind == "value" and isinstance(value, np.ndarray):
        return value
    if kind in ("value_int", "value_ints") and isinstance(value, list) == (kind == "value_ints"):
        return listed(value, int)
    if kind in ("value_float", "value_floats") and isinstance(value, list) == (kind == "value_floats"):
        return listed(value, float)
    raise reject_model("graph: Constant form")


def _shape(_run: Run, operands: list[Operand], given: Attributes) -> Operand:
    start, end = given.get("start", 0), given.get("end")
    shape = _shape_of(operands)
    if not set(given) <= {"start", "end"}:
        raise reject_model("graph: Shape form")
    if not isinstance(start, int) or not (end is None or isinstance(end, int)):
        raise reject_model("graph: Shape form")
    return np.array(shape[start:end], np.int64)


def _size(_run: Run, operands: list[Operand], given: Attributes) -> Operand:
    if given:
        raise reject_model("graph: Size form")
    return np.array(np.prod(_shape_of(operands), dtype=np.int64))


def _split_to_sequence(run: Run, operands: list[Operand], given: Attributes) -> Operand:
    """Like Split, with one size for all parts (a scalar, the last part may be shorter) or one a part."""
    if len(operands) != 2 or not set(given) <= {"axis", "keepdims"} or given.get("keepdims", 1) != 1:
        raise reject_model("graph: SplitToSequence form")
    axis, sizes = given.get("axis", 0), operands[1]
    shape = _shape_of(operands[:1])
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape) or not isinstance(sizes, np.ndarray):
        raise reject_model("graph: SplitToSequence form")
    length = shape[axis]
    each = [int(size) for size in sizes.reshape(-1)]
    if not each or min(each) < 1 or -(-length // max(each)) > MAX_PARTS:
        raise reject_model("graph: SplitToSequence of more than 64")
    if sizes.ndim == 0:
        size = min(each[0], length)
        each = [min(size, length - at) for at in range(0, length, size)]
    return run("Split", [operands[0], np.array(each, np.int64)], {"axis": axis}, [""] * len(each))


def _sequence_at(_run: Run, operands: list[Operand], given: Attributes) -> Operand:
    sequence, index = operands if len(operands) == 2 else (None, None)
    if given or not isinstance(sequence, tuple) or not isinstance(index, np.ndarray) or index.size != 1:
        raise reject_model("graph: SequenceAt form")
    at = int(index.reshape(()))
    if not -len(sequence) <= at < len(sequence):
        raise reject_model("graph: SequenceAt index")
    return sequence[at]


def _shape_of(operands: list[Operand]) -> tuple[int, ...]:
    operand = operands[0] if len(operands) == 1 else None
    if isinstance(operand, Value):
        return tuple(operand.aval.shape)
    if isinstance(operand, np.ndarray):
        return operand.shape
    raise reject_model("graph: a shape of nothing")


STRUCTURAL: dict[str, Structural] = {
    "Constant": _constant,
    "SequenceAt": _sequence_at,
    "Shape": _shape,
    "Size": _size,
    "SplitToSequence": _split_to_sequence,
}
