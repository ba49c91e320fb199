"""Every operator of the table over random shapes and numbers, without PyTorch: what to call it with. The answers are
PyTorch's: golden/make_operators.py wrote them for seed 0, and where it is installed other seeds are compared live."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
ROWS = 3


@dataclass(frozen=True)
class Rows:
    """An operand with the batch as an axis of it."""

    values: Array
    axis: int = 0


@dataclass(frozen=True)
class Shared:
    """The same for every row: a weight."""

    values: Array


@dataclass(frozen=True)
class Const:
    """Known while the graph is lowered."""

    values: Array


Operand = Rows | Shared | Const | None


@dataclass(frozen=True)
class Case:
    op: str
    operands: tuple[Operand, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    out_axes: tuple[int, ...] = (0,)
    """Where the batch stands in each output."""


class Draw:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def size(self, low: int = 1, high: int = 5) -> int:
        return int(self.rng.integers(low, high + 1))

    def shape(self, rank: int, low: int = 2, high: int = 5) -> list[int]:
        return [self.size(low, high) for _ in range(rank)]

    def floats(self, *shape: int) -> Array:
        values: Array = self.rng.standard_normal(shape).astype(np.float32)
        return values

    def rows(self, *shape: int) -> Rows:
        return Rows(self.floats(ROWS, *shape))

    def positive(self, *shape: int) -> Rows:
        return Rows(np.abs(self.floats(ROWS, *shape)) + np.float32(0.2))

    def whole(self, high: int, *shape: int) -> Array:
        return self.rng.integers(0, high, shape).astype(np.int32)

    def bools(self, *shape: int) -> Array:
        return self.rng.integers(0, 2, shape).astype(np.bool_)


def cotangent(like: Array) -> Array:
    """The gradient of an output that both sides put in: uneven, and the same for the same shape."""
    values: Array = (np.cos(np.arange(like.size) * 1.7) + 0.3).astype(np.float32)
    return values.reshape(like.shape)


def ints(*values: int) -> Const:
    return Const(np.array(values, np.int64))


def cases(seed: int) -> Iterator[Case]:
    draw = Draw(seed)
    for build in (_elementwise, _pairs, _logic, _layout, _make, _reduce, _normalise, _linear, _spatial, _resize):
        yield from build(draw)
    yield from _attention(draw)
    yield from _recurrent(draw)


_UNARY: dict[str, list[dict[str, Any]]] = {
    **{op: [{}] for op in ("Abs", "Cos", "Erf", "Exp", "HardSwish", "Identity", "Neg", "Relu", "Sigmoid", "Sin")},
    **{op: [{}] for op in ("Softplus", "Softsign", "Tanh")},
    "Elu": [{}, {"alpha": 0.7}],
    "Gelu": [{}, {"approximate": b"tanh"}],
    "HardSigmoid": [{}, {"alpha": 0.3, "beta": 0.4}],
    "LeakyRelu": [{}, {"alpha": 0.3}],
    "Selu": [{}],
    "Swish": [{}, {"alpha": 1.7}],
}


def _elementwise(d: Draw) -> Iterator[Case]:
    for op, variants in _UNARY.items():
        for attributes in variants:
            yield Case(op, (d.rows(*d.shape(2)),), attributes)
    for op in ("Log", "Reciprocal", "Sqrt"):
        yield Case(op, (d.positive(*d.shape(2)),))
    x = d.shape(2)
    low, high = Const(np.array(-0.5, np.float32)), Const(np.array(0.6, np.float32))
    yield Case("Clip", (d.rows(*x), low, high))
    yield Case("Clip", (d.rows(*x), None, high))
    yield Case("Clip", (d.rows(*x), low))
    # At a bound, where libraries disagree about the gradient.
    yield Case("Clip", (Rows(np.array([[-1.0], [0.0], [6.0]], np.float32)), Const(np.array(0, np.float32)), None))
    zero = np.array(0, np.float32)
    yield Case("Clip", (Rows(np.array([[-1.0], [0.0], [6.0]], np.float32)), Const(zero), Const(zero + 6)))
    yield Case("PRelu", (d.rows(*x), Shared(d.floats(1, 1))))
    # Where the two sides meet.
    corner = Rows(np.array([[-3.0, -1.0], [0.0, 0.0], [3.0, 1.0]], np.float32))
    for op in ("Abs", "Relu", "LeakyRelu", "Elu", "Selu", "HardSwish", "Softsign"):
        yield Case(op, (corner,))
    yield Case("PRelu", (corner, Shared(d.floats(1, 1))))
    yield Case("HardSigmoid", (corner,), {"alpha": 1 / 6})
    yield Case("Dropout", (d.rows(*x), Const(np.array(0.3, np.float32))))


def _pairs(d: Draw) -> Iterator[Case]:
    for op in ("Add", "Sub", "Mul", "Max", "Min"):
        a, b = d.shape(2)
        yield Case(op, (d.rows(a, b), Shared(d.floats(b))))
        yield Case(op, (d.rows(a, 1), d.rows(1, b)))
    yield Case("Max", (d.rows(2), d.rows(2), Shared(d.floats(2))))
    yield Case("Min", (d.rows(2), d.rows(2), Shared(d.floats(2))))
    a, b = d.shape(2)
    yield Case("Div", (d.rows(a, b), d.positive(a, 1)))
    yield Case("Div", (Rows(d.whole(90, ROWS, a) - 45), Const(np.array([7], np.int64))))
    yield Case("Div", (Const(np.array([-7, 7, 6], np.int32)), Const(np.array([2, -2, 3], np.int32))))
    for op in ("Max", "Min"):
        yield Case(op, (Rows(np.zeros((ROWS, a), np.float32)), Shared(np.zeros(a, np.float32))))
    for exponent in (2.0, 3.0, 0.5, -1.0):
        x = d.positive(a) if exponent in (0.5, -1.0) else d.rows(a)
        yield Case("Pow", (x, Const(np.array(exponent, np.float32))))
    yield Case("Pow", (d.positive(a), d.rows(a)))


def _logic(d: Draw) -> Iterator[Case]:
    a, b = d.shape(2)
    for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        yield Case(op, (Rows(d.whole(3, ROWS, a)), Rows(d.whole(3, ROWS, a))))
        yield Case(op, (d.rows(a, b), Shared(d.floats(b))))
    for op in ("And", "Or"):
        yield Case(op, (Rows(d.bools(ROWS, a, b)), Rows(d.bools(ROWS, 1, b))))
    yield Case("Not", (Rows(d.bools(ROWS, a)),))
    yield Case("Where", (Rows(d.bools(ROWS, a, b)), d.rows(a, b), Shared(d.floats(1))))
    yield Case("Where", (Rows(d.bools(ROWS, a, 1)), Shared(d.floats(b)), d.rows(a, b)))
    yield Case("Cast", (d.rows(a),), {"to": 7})
    yield Case("Cast", (Rows(d.whole(5, ROWS, a)),), {"to": 1})
    yield Case("Cast", (d.rows(a),), {"to": 1})
    yield Case("Cast", (Rows(d.whole(3, ROWS, a)),), {"to": 9})
    yield Case("CastLike", (Rows(d.bools(ROWS, a)), Shared(d.floats(1))))


def _layout(d: Draw) -> Iterator[Case]:
    a, b, c = d.shape(3)
    yield Case("Concat", (d.rows(a, b), d.rows(a, c)), {"axis": 2})
    yield Case("Concat", (d.rows(a), d.rows(b), d.rows(c)), {"axis": -1})
    yield Case("Flatten", (d.rows(a, b, c),), {"axis": 1})
    yield Case("Flatten", (d.rows(a, b, c),), {"axis": -3})
    yield Case("Reshape", (d.rows(a, b), ints(0, -1)))
    yield Case("Reshape", (d.rows(a + 1, b), ints(-1, 0, b)))
    yield Case("Reshape", (d.rows(4, b), ints(-1, b, 2, 2)))
    yield Case("Transpose", (d.rows(a, b, c),), {"perm": [0, 3, 1, 2]})
    yield Case("Squeeze", (d.rows(a, 1, b), ints(2)))
    yield Case("Unsqueeze", (d.rows(a, b), ints(1, -1)))
    yield Case("Expand", (d.rows(1, b), ints(1, a, b)))
    yield Case("Expand", (d.rows(a, 1), ints(c)))
    yield Case("Tile", (d.rows(a, b), ints(1, 2, 3)))
    yield Case("Slice", (d.rows(5, b), ints(1), ints(2**31 - 1), ints(1)))
    yield Case("Slice", (d.rows(5, 6), ints(-3, 0), ints(-1, 5), ints(1, 2), ints(1, 2)))
    yield Case("Slice", (d.rows(5), ints(-1), ints(-(2**31)), ints(1), ints(-1)))
    yield Case("Split", (d.rows(a + 3, b), ints(1, 2, a)), {"axis": 1}, (0, 0, 0))
    yield Case("Split", (d.rows(a, 5),), {"axis": -1, "num_outputs": 3}, (0, 0, 0))
    yield Case("Gather", (Shared(d.floats(7, a)), Rows(d.whole(7, ROWS, b))))
    yield Case("Gather", (d.rows(a, 6), ints(0, 5, 2, -1)), {"axis": 2})
    yield Case("Gather", (d.rows(a, b), Const(np.array(-1, np.int64))), {"axis": 1})
    yield Case("Trilu", (d.rows(a, b),), {"upper": 0})
    yield Case("Trilu", (d.rows(a, b), ints(1)), {"upper": 1})


def _make(d: Draw) -> Iterator[Case]:
    a, b = d.shape(2)
    yield Case("ConstantOfShape", (ints(a, b),), {"value": np.array([2.5], np.float32)})
    yield Case("Range", (Const(np.array(1)), Const(np.array(3 * a)), Const(np.array(2))))
    yield Case("Range", (Const(np.array(1)), Const(np.array(6)), Const(np.array(2))))
    yield Case("Range", (Const(np.array(5)), Const(np.array(0)), Const(np.array(-2))))
    yield Case("Pad", (d.rows(a, b), ints(0, 1, 2, 0, 0, 3)))
    yield Case("Pad", (d.rows(a, b), ints(1, 2), Const(np.array(0.5, np.float32)), ints(2)))
    yield Case("Pad", (d.rows(a, 5), ints(0, 0, 2, 0, 0, 1)), {"mode": b"reflect"})
    yield Case("Pad", (d.rows(a, b), ints(0, 0, 2, 0, 0, 1)), {"mode": b"edge"})
    yield Case("Pad", (d.rows(a, 5), ints(0, 0, -1, 0, 0, -2)))


def _reduce(d: Draw) -> Iterator[Case]:
    for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare", "ReduceL2"):
        yield Case(op, (d.rows(*d.shape(3)), ints(-1)), {"keepdims": 0})
        yield Case(op, (d.rows(*d.shape(3)), ints(2)))
        yield Case(op, (d.rows(*d.shape(2)),), {"noop_with_empty_axes": 1})
        # Equal numbers, and a norm of nothing: there the root alone has no gradient.
        yield Case(op, (Rows(np.zeros((ROWS, 2, 3), np.float32)), ints(-1)))
        if op != "ReduceProd":
            yield Case(op, (d.rows(*d.shape(3)), ints(1, 3)), {"keepdims": 1})


def _normalise(d: Draw) -> Iterator[Case]:
    # Of two numbers that are close, what is left of the gradient is rounding.
    a, b, c = d.shape(3, 3)
    yield Case("Softmax", (d.rows(a, b),))
    yield Case("Softmax", (d.rows(a, b),), {"axis": 1})
    yield Case("Softmax", (Rows(np.array([[0.5, 1.5], [0.5, -np.inf], [-np.inf, -np.inf]], np.float32)),))
    yield Case("LogSoftmax", (d.rows(a, b),), {"axis": 1})
    yield Case("LayerNormalization", (d.rows(a, b), Shared(d.floats(b)), Shared(d.floats(b))))
    yield Case("LayerNormalization", (d.rows(a, b), Shared(d.floats(a, b))), {"axis": 1, "epsilon": 1e-3})
    yield Case("RMSNormalization", (d.rows(a, b), Shared(d.floats(b))), {"epsilon": 1e-6})
    yield Case("RMSNormalization", (d.rows(a, b), Shared(d.floats(a, b))), {"axis": 1, "epsilon": 1e-5})
    yield Case("InstanceNormalization", (d.rows(a, b, c), Shared(d.floats(a)), Shared(d.floats(a))))
    group = d.rows(2 * a, b, c), Shared(d.floats(2 * a)), Shared(d.floats(2 * a))
    yield Case("GroupNormalization", group, {"num_groups": 2})


def _linear(d: Draw) -> Iterator[Case]:
    a, b, c = d.shape(3)
    yield Case("Gemm", (d.rows(a), Shared(d.floats(b, a)), Shared(d.floats(b))), {"transB": 1})
    scaled = {"alpha": 0.5, "beta": 2.0}
    yield Case("Gemm", (d.rows(a), Shared(d.floats(a, b)), Shared(d.floats(1, b))), scaled)
    yield Case("Gemm", (Rows(d.floats(a, ROWS), axis=1), Shared(d.floats(a, b))), {"transA": 1})
    yield Case("MatMul", (d.rows(a, b), Shared(d.floats(b, c))))
    yield Case("MatMul", (d.rows(2, a, b), d.rows(2, b, c)))
    yield Case("MatMul", (d.rows(a, b), Shared(d.floats(b))))


def _spatial(d: Draw) -> Iterator[Case]:
    yield Case("Conv", (d.rows(2, 7, 6), Shared(d.floats(3, 2, 3, 3)), Shared(d.floats(3))), {"pads": [1, 1, 1, 1]})
    odd = {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 2, 1]}
    yield Case("Conv", (d.rows(2, 7, 6), Shared(d.floats(3, 2, 3, 2))), odd)
    yield Case("Conv", (d.rows(4, 5, 5), Shared(d.floats(4, 2, 2, 2))), {"group": 2})
    yield Case("Conv", (d.rows(4, 5, 5), Shared(d.floats(4, 1, 3, 3))), {"group": 4, "auto_pad": b"SAME_UPPER"})
    uneven = d.rows(2, 5, 6), Shared(d.floats(3, 2, 2, 4))
    yield Case("Conv", uneven, {"auto_pad": b"SAME_UPPER"})
    yield Case("Conv", uneven, {"auto_pad": b"SAME_LOWER"})
    grouped = {"group": 2, "dilations": [2, 1], "strides": [1, 2], "pads": [0, 1, 2, 0]}
    yield Case("Conv", (d.rows(4, 6, 5), Shared(d.floats(4, 2, 2, 3))), grouped)
    yield Case("Conv", (d.rows(2, 9), Shared(d.floats(3, 2, 3)), Shared(d.floats(3))), {"strides": [2]})
    yield Case("Conv", (d.rows(2, 4, 4, 3), Shared(d.floats(2, 2, 2, 2, 2))))
    transposed = d.rows(4, 3, 4), Shared(d.floats(4, 3, 2, 2)), Shared(d.floats(3))
    yield Case("ConvTranspose", transposed, {"strides": [2, 2]})
    odd = {"strides": [2, 3], "pads": [1, 0, 1, 0], "output_padding": [1, 0]}
    yield Case("ConvTranspose", (d.rows(2, 4, 3), Shared(d.floats(2, 3, 3, 3))), odd)
    lopsided = {"strides": [2, 1], "pads": [0, 2, 1, 1]}
    yield Case("ConvTranspose", (d.rows(2, 4, 3), Shared(d.floats(2, 3, 3, 4))), lopsided)
    yield Case("ConvTranspose", (d.rows(4, 5), Shared(d.floats(4, 1, 3))), {"group": 2, "dilations": [2]})
    for op in ("MaxPool", "AveragePool"):
        yield Case(op, (d.rows(2, 6, 7),), {"kernel_shape": [2, 2], "strides": [2, 2]})
        yield Case(op, (d.rows(2, 7, 6),), {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 1, 1, 1]})
    yield Case("AveragePool", (d.rows(2, 6),), {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1})
    yield Case("MaxPool", (d.rows(2, 9),), {"kernel_shape": [3], "dilations": [2]})
    # Equal numbers: the first of them is the largest, as in PyTorch.
    yield Case("MaxPool", (Rows(np.zeros((ROWS, 1, 2, 2), np.float32)),), {"kernel_shape": [2, 2]})
    yield Case("GlobalMaxPool", (Rows(np.zeros((ROWS, 1, 2, 2), np.float32)),))
    yield Case("GlobalAveragePool", (d.rows(3, *d.shape(2)),))
    yield Case("GlobalMaxPool", (d.rows(3, *d.shape(2)),))


def _resize(d: Draw) -> Iterator[Case]:
    floor = {"mode": b"nearest", "nearest_mode": b"floor", "coordinate_transformation_mode": b"asymmetric"}
    twice, odd = (Const(np.array([1, 1, *by], np.float32)) for by in ((2, 2), (1.5, 3)))
    yield Case("Resize", (d.rows(2, 3, 4), None, twice), floor)
    yield Case("Resize", (d.rows(2, 4, 3), None, odd), floor)
    yield Case("Resize", (d.rows(2, 4, 3), None, None, ints(1, 2, 6, 7)), floor)
    half = Const(np.array([1, 1, 0.5, 2], np.float32))
    for rounding in (b"round_prefer_floor", b"round_prefer_ceil"):
        yield Case("Resize", (d.rows(2, 4, 3), None, half), {"mode": b"nearest", "nearest_mode": rounding})
    yield Case("Resize", (d.rows(2, 4, 3), None, odd), {**floor, "nearest_mode": b"ceil"})
    swapped = Const(np.array([3, 2], np.float32))
    yield Case("Resize", (d.rows(2, 4, 3), None, swapped), {**floor, "axes": [3, -2]})
    for mode in (b"pytorch_half_pixel", b"align_corners"):
        linear = {"mode": b"linear", "coordinate_transformation_mode": mode}
        yield Case("Resize", (d.rows(2, 3, 4), None, None, ints(1, 2, 5, 7)), linear)
    yield Case("Resize", (d.rows(2, 5, 4), None, twice), {"mode": b"linear"})


def _attention(d: Draw) -> Iterator[Case]:
    t, s = d.shape(2, 3, 5)
    q, k, v = d.rows(2, t, 4), d.rows(2, s, 4), d.rows(2, s, 4)
    yield Case("Attention", (q, k, v))
    yield Case("Attention", (d.rows(2, t, 4), d.rows(2, t, 4), d.rows(2, t, 4)), {"is_causal": 1})
    yield Case("Attention", (q, k, v, Shared(d.floats(t, s))), {"scale": 0.3})
    mask = d.bools(t, s) | np.eye(t, s, dtype=np.bool_) | (np.arange(s) == 0)
    yield Case("Attention", (q, k, v, Shared(mask)))
    yield Case("Attention", (d.rows(4, t, 4), d.rows(2, s, 4), d.rows(2, s, 4)))
    # A query without a key: of nothing, nothing.
    nothing = mask & (np.arange(t) > 0)[:, None]
    yield Case("Attention", (q, k, v, Shared(nothing)))
    barred = np.where(nothing, 0, -np.inf).astype(np.float32)
    yield Case("Attention", (q, k, v, Shared(barred)), {"softcap": 0.7})
    yield Case("Attention", (q, k, v, Shared(mask)), {"is_causal": 1})
    flat = d.rows(t, 8), d.rows(s, 8), d.rows(s, 8)
    yield Case("Attention", flat, {"q_num_heads": 2, "kv_num_heads": 2})


def _recurrent(d: Draw) -> Iterator[Case]:
    for op, gates, states in (("LSTM", 4, 2), ("GRU", 3, 1), ("RNN", 1, 1)):
        for direction, count in ((b"forward", 1), (b"bidirectional", 2), (b"reverse", 1)):
            t, i, h = d.shape(3)
            x = Rows(d.floats(t, ROWS, i), axis=1)
            w, r = Shared(d.floats(count, gates * h, i)), Shared(d.floats(count, gates * h, h))
            b = Shared(d.floats(count, 2 * gates * h))
            start = [Rows(d.floats(count, ROWS, h), axis=1) for _ in range(states)]
            attributes = {"hidden_size": h, "direction": direction}
            if op == "GRU":
                attributes["linear_before_reset"] = 1
            operands = (x, w, r, b, None, *start)
            yield Case(op, operands, attributes, (2, *([1] * states)))
            if direction == b"forward":
                yield Case(op, (x, w, r), attributes, (2, *([1] * states)))
