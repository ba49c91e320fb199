"""What a graph's constants may cost to compute, held before any of them is: a few nodes can ask for a product of years.

Lowering computes whatever does not depend on weights or rows, node after node; and what of a node does not depend on
them, the compiler computes. Both are counted on the node's abstract program, whose shapes are known and whose numbers
are not there yet."""

import math
from typing import Any

import jax
from jax.extend.core import Literal

from .refusal import Reason, Refused

# The masks of as many layers as a row's numbers allow (lower.py) take 2^26. One core takes a second or two for 2^30.
MAX_FOLDED_FLOPS = 1 << 30
# Numbers of one value on the way.
MAX_FOLDED_ELEMENTS = 1 << 24
# Each may be a small program to compile, which takes some 10 ms.
MAX_FOLDED_EQUATIONS = 5_000


class FoldingBudget:
    """Of one lowering."""

    def __init__(self) -> None:
        self.flops = 0
        self.equations = 0

    def charge(self, jaxpr: Any) -> None:
        """Takes what of a node's program depends on constants alone.

        :raises Refused: MODEL_TOO_LARGE
        """
        known = set(jaxpr.constvars)
        for equation in jaxpr.eqns:
            if all(isinstance(value, Literal) or value in known for value in equation.invars):
                known.update(equation.outvars)
                self._charge(equation, 1)
        if self.flops > MAX_FOLDED_FLOPS:
            raise _too_large("floating-point operations for constants")
        if self.equations > MAX_FOLDED_EQUATIONS:
            raise _too_large("operations for constants")

    def _charge(self, equation: Any, times: int) -> None:
        largest = max((_size(value) for value in (*equation.invars, *equation.outvars)), default=0)
        if largest > MAX_FOLDED_ELEMENTS:
            raise _too_large("numbers of a constant")
        inner = _inner(equation)
        for program in inner:
            for each in program.eqns:
                self._charge(each, times * equation.params.get("length", 1))
        self.equations += 1
        self.flops += 0 if inner else times * _flops(equation, largest)


def _flops(equation: Any, largest: int) -> int:
    """A product has one sum of products a number of its result; anything else works number by number."""
    if equation.primitive.name == "dot_general":
        (along, _), _ = equation.params["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return 2 * _size(equation.outvars[0]) * int(math.prod(shape[axis] for axis in along))
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return 2 * _size(equation.outvars[0]) * int(math.prod(kernel) // max(1, outputs))
    return largest


def _inner(equation: Any) -> list[Any]:
    """Programs of loops, branches and calls."""
    values = jax.tree.leaves(list(equation.params.values()), is_leaf=lambda value: hasattr(value, "eqns"))
    programs = [getattr(value, "jaxpr", value) for value in values]
    return [program for program in programs if hasattr(program, "eqns")]


def _size(value: Any) -> int:
    return math.prod(getattr(value.aval, "shape", ()))


def _too_large(what: str) -> Refused:
    return Refused(Reason.MODEL_TOO_LARGE, f"budget: {what}")
