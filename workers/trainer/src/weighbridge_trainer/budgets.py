"""What a run may cost, held against it before a row is read: the graph is a stranger's, and so is what it asks of the
compiler and of the machine."""

import resource
from dataclasses import dataclass
from typing import Any

import jax

from .device import device_bytes
from .refusal import Reason, Refused

# Compile time grows with the program: 18,000 equations (a private MobileNetV2) took 66 s of a CPU.
MAX_EQUATIONS = 20_000
# Forward and backward of one row. A transformer with all the weights that a model file may have, over 1,024 tokens,
# takes 2^38.
MAX_ROW_FLOPS = 1 << 39


@dataclass(frozen=True)
class Lowered:
    """A run that may be compiled."""

    program: Any
    flops_per_row: float
    """Forward and backward, as the compiler counts them."""


def lower_within(traced: Any, rows: int) -> Lowered:
    """Lowers a run that takes `rows` rows at once in its innermost loop.

    :raises Refused: MODEL_TOO_LARGE
    """
    if count_equations(traced.jaxpr.jaxpr) > MAX_EQUATIONS:
        raise _too_large("operations")
    lowered = traced.lower()
    # A loop counts as one round of it: here, what is done with the rows of one micro-batch.
    flops_per_row = float((lowered.cost_analysis() or {}).get("flops", 0.0)) / rows
    if flops_per_row > MAX_ROW_FLOPS:
        raise _too_large("floating-point operations a row")
    return Lowered(lowered, flops_per_row)


def compile_within(lowered: Lowered, beside_bytes: int = 0) -> Any:
    """:param beside_bytes: what else is in the device's memory meanwhile
    :raises Refused: MODEL_TOO_LARGE
    """
    program = lowered.program.compile()
    if memory_of(program) + beside_bytes > min(_addresses(), device_bytes()):
        raise _too_large("memory")
    return program


def memory_of(program: Any) -> int:
    """Bytes of rows, weights, optimiser, a micro-batch on its way, and the program itself."""
    memory = program.memory_analysis()
    total = memory.argument_size_in_bytes + memory.temp_size_in_bytes + memory.generated_code_size_in_bytes
    return int(total)


def count_equations(jaxpr: Any) -> int:
    """Equations of a program, those inside loops and branches included."""
    total = 0
    for equation in jaxpr.eqns:
        total += 1
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda v: hasattr(v, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            total += count_equations(inner) if hasattr(inner, "eqns") else 0
    return total


def _addresses() -> float:
    """All that a box may have; unlimited outside of one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return float("inf") if soft == resource.RLIM_INFINITY else soft


def _too_large(what: str) -> Refused:
    return Refused(Reason.MODEL_TOO_LARGE, f"budget: {what}")
