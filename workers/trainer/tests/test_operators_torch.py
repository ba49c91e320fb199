"""Every operator gives PyTorch's outputs and gradients, row by row under vmap: the committed answers, and with other
shapes and numbers where PyTorch is installed."""

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from operator_cases import ROWS, Case, Const, Rows, Shared, cases, cotangent
from weighbridge_trainer.operators import TABLE, folding

GOLDEN = Path(__file__).parent / "golden"
Array = np.ndarray[Any, Any]
Answers = list[list[Array]]
CASES = list(cases(0))
BY_OP: dict[str, list[tuple[int, Case]]] = defaultdict(list)
for _number, _case in enumerate(CASES):
    BY_OP[_case.op].append((_number, _case))


def outputs_of(case: Case, operands: list[Any]) -> list[Any]:
    """One row at a time, with a batch of one, as Program.run does it."""
    rows = [k for k, operand in enumerate(case.operands) if isinstance(operand, Rows)]

    def one(*values: Any) -> tuple[Any, ...]:
        given = list(operands)
        for k, value in zip(rows, values, strict=True):
            given[k] = jnp.expand_dims(value, _axis(case, k))
        result = TABLE[case.op](*given, **case.attributes)
        parts = result if isinstance(result, tuple) else (result,)
        return tuple(jnp.squeeze(part, axis) for part, axis in zip(parts, case.out_axes, strict=True))

    if not rows:
        with folding():
            return [TABLE[case.op](*operands, **case.attributes)]
    in_axes = tuple(_axis(case, k) for k in rows)
    return list(jax.vmap(one, in_axes=in_axes, out_axes=case.out_axes)(*(operands[k] for k in rows)))


def _axis(case: Case, k: int) -> int:
    operand = case.operands[k]
    return operand.axis if isinstance(operand, Rows) else 0


def answers_of(case: Case) -> list[Any]:
    """Outputs, then gradients of the float operands."""
    operands = [None if operand is None else operand.values for operand in case.operands]
    floats = [
        k
        for k, operand in enumerate(case.operands)
        if isinstance(operand, Rows | Shared) and operand.values.dtype == np.float32
    ]

    def loss(values: list[Any]) -> Any:
        given = list(operands)
        for k, value in zip(floats, values, strict=True):
            given[k] = value
        outputs = outputs_of(case, given)
        weighed = [(y * cotangent(y)).sum() for y in outputs if y.dtype == jnp.float32]
        return sum(weighed, jnp.zeros(())), outputs

    gradients, outputs = jax.grad(loss, has_aux=True)([operands[k] for k in floats])
    return [*outputs, *gradients]


def compare(numbered: list[tuple[int, Case]], expected: Callable[[int, Case], list[Array]]) -> None:
    got = jax.jit(lambda: [answers_of(case) for _, case in numbered])()
    for (number, case), ours in zip(numbered, got, strict=True):
        theirs = expected(number, case)
        assert len(ours) == len(theirs)
        for k, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert (a.shape, a.dtype.kind) == (b.shape, b.dtype.kind), f"case {number}, part {k}"
            scale = max(1.0, float(np.abs(b.astype(np.float64)).max(initial=0)))
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-5, atol=1e-5 * scale, err_msg=f"case {number}, {k}")


@pytest.fixture(scope="module")
def golden() -> Any:
    with np.load(GOLDEN / "operators.npz") as file:
        return dict(file)


@pytest.mark.parametrize("op", sorted(TABLE))
def test_equals_pytorch(op: str, golden: dict[str, Array]) -> None:
    def expected(number: int, case: Case) -> list[Array]:
        prefix = f"{number}.{case.op}."
        return [golden[f"{prefix}{k}"] for k in range(sum(name.startswith(prefix) for name in golden))]

    assert BY_OP[op], "an operator without a case"
    compare(BY_OP[op], expected)


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_pytorch_live(seed: int) -> None:
    pytest.importorskip("torch", reason="PyTorch is not part of the set-up; the committed answers were compared")
    sys.path.insert(0, str(GOLDEN))
    from torch_operators import answers

    compare(list(enumerate(cases(seed))), lambda _number, case: answers(case))


def test_the_batch_is_more_than_one() -> None:
    assert ROWS > 1
    assert all(not isinstance(o, Const) or o.values.size for case in CASES for o in case.operands)
