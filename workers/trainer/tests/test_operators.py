"""Every operator of the table against a plain numpy reference, called as a graph calls it: through lowering."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpy.typing as npt
import pytest

from models import config_of, declaration, external, float_input, graph, inline, model, node, scales, value
from weighbridge_trainer.lower import lower
from weighbridge_trainer.operators import TABLE
from weighbridge_trainer.safetensors import Floats, write_safetensors

Array = npt.NDArray[Any]


def run(op: str, x: Floats, *rest: Array | None, **attributes: Any) -> Floats:
    """`op(x, *rest)` for one row `x`: float operands as weights, integers as constants of the graph."""
    weights: dict[str, Floats] = {}
    initializers, names = [], []
    for index, operand in enumerate(rest):
        name = f"operand{index}" if operand is not None else ""
        names.append(name)
        if operand is None:
            continue
        if operand.dtype == np.float32:
            weights[name] = operand
            initializers.append(external(name, operand.shape))
        else:
            initializers.append(inline(name, operand))
    # The result is flattened and padded to a shape that is known: its size is what the reference says.
    weights["zero"] = np.zeros(1, np.float32)
    initializers += [external("zero", (1,)), inline("flat", np.array([0, -1], np.int64))]
    nodes = [
        node(op, ["input", *names], ["y"], **attributes),
        node("Reshape", ["y", "flat"], ["f"]),
        node("Add", ["f", "zero"], ["out"]),
    ]
    size = output_size(op, x, rest, attributes)
    body = graph(nodes, initializers, [value("input", ["batch", *x.shape])], [value("out", ["batch", size])])
    data, packed = model(body), write_safetensors(weights)
    config = config_of(
        declaration(
            data,
            packed,
            trainable=["zero"],
            inputs=[float_input(*x.shape)],
            features={"input": [{"kind": "one-hot", "column": "c", "vocabulary": list(range(x.size))}]},
            label={"kind": "numbers", "columns": [{"column": f"y{k}", "min": 0, "max": 1} for k in range(size)]},
            loss={"name": "mse"},
        )
    )
    program = lower(data, weights, config).row
    arrays = {k: jax.numpy.asarray(v) for k, v in weights.items()}
    result = jax.vmap(lambda row: program.run(arrays, {"input": row}))(x[None])
    return np.asarray(result[0])


def output_size(op: str, x: Floats, rest: tuple[Array | None, ...], attributes: dict[str, Any]) -> int:
    made = jax.eval_shape(lambda x: TABLE[op](x, *rest, **given(attributes)), x[None])
    return math.prod(made.shape)


def given(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: item.encode() if isinstance(item, str) else item for name, item in attributes.items()}


RNG = np.random.default_rng(5)


def random(*shape: int) -> Floats:
    return RNG.standard_normal(shape).astype(np.float32)


def erf(x: Floats) -> Array:
    return np.array([math.erf(float(item)) for item in x.reshape(-1)]).reshape(x.shape)


def softmax(x: Array, axis: int = -1) -> Array:
    e: Array = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(e / e.sum(axis, keepdims=True))


X = random(3, 5)
POSITIVE = np.abs(X) + np.float32(0.1)

ELEMENTWISE: list[tuple[str, Floats, dict[str, Any], Callable[[Array], Array]]] = [
    ("Abs", X, {}, np.abs),
    ("Neg", X, {}, np.negative),
    ("Exp", X, {}, np.exp),
    ("Log", POSITIVE, {}, np.log),
    ("Sqrt", POSITIVE, {}, np.sqrt),
    ("Reciprocal", POSITIVE, {}, lambda x: 1 / x),
    ("Identity", X, {}, lambda x: x),
    ("Relu", X, {}, lambda x: np.maximum(x, 0)),
    ("LeakyRelu", X, {}, lambda x: np.where(x < 0, 0.01 * x, x)),
    ("LeakyRelu", X, {"alpha": 0.3}, lambda x: np.where(x < 0, 0.3 * x, x)),
    ("Elu", X, {"alpha": 0.7}, lambda x: np.where(x < 0, 0.7 * (np.exp(x) - 1), x)),
    ("Selu", X, {}, lambda x: 1.0507010 * np.where(x < 0, 1.6732632 * (np.exp(x) - 1), x)),
    ("Gelu", X, {}, lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2)))),
    ("Gelu", X, {"approximate": "tanh"}, lambda x: 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))),
    ("Sigmoid", X, {}, lambda x: 1 / (1 + np.exp(-x))),
    ("HardSigmoid", 4 * X, {}, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    ("HardSwish", 4 * X, {}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("Softplus", X, {}, lambda x: np.log1p(np.exp(x))),
    ("Tanh", X, {}, np.tanh),
    ("Softmax", X, {}, softmax),
    ("LogSoftmax", X, {"axis": 1}, lambda x: np.log(softmax(x, 0))),
    ("Flatten", X, {}, lambda x: x),
    ("Transpose", X, {"perm": [0, 2, 1]}, lambda x: x.T),
    ("GlobalAveragePool", random(4, 3, 5), {}, lambda x: x.mean((1, 2))),
    ("GlobalMaxPool", random(4, 3, 5), {}, lambda x: x.max((1, 2))),
]


@pytest.mark.parametrize(("op", "x", "attributes", "reference"), ELEMENTWISE)
def test_one_operand(op: str, x: Floats, attributes: dict[str, Any], reference: Callable[[Array], Array]) -> None:
    np.testing.assert_allclose(run(op, x, **attributes), reference(x).reshape(-1), rtol=1e-5, atol=1e-6)


A, B = random(3, 5), random(5)
PAIRS: list[tuple[str, Callable[[Array, Array], Array]]] = [
    ("Add", np.add),
    ("Sub", np.subtract),
    ("Mul", np.multiply),
    ("Div", np.divide),
]


@pytest.mark.parametrize(("op", "reference"), PAIRS)
def test_pairs_broadcast(op: str, reference: Callable[[Array, Array], Array]) -> None:
    np.testing.assert_allclose(run(op, A, B), reference(A, B).reshape(-1), rtol=1e-6)


def test_clip() -> None:
    low, high = np.array(-0.5, np.float32), np.array(0.5, np.float32)
    np.testing.assert_array_equal(run("Clip", X, low, high), np.clip(X, low, high).reshape(-1))
    np.testing.assert_array_equal(run("Clip", X, None, high), np.minimum(X, high).reshape(-1))
    np.testing.assert_array_equal(run("Clip", X, low), np.maximum(X, low).reshape(-1))


def test_matmul_of_matrix_and_vector() -> None:
    w, v = random(5, 4), random(5)
    np.testing.assert_allclose(run("MatMul", X, w), (X @ w).reshape(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run("MatMul", X, v), X @ v, rtol=1e-5, atol=1e-6)


def test_gemm() -> None:
    x, w, c = random(6), random(4, 6), random(4)
    np.testing.assert_allclose(run("Gemm", x, w, c, transB=1), w @ x + c, rtol=1e-5)
    np.testing.assert_allclose(run("Gemm", x, w.T.copy(), None), w @ x, rtol=1e-5)
    scaled = run("Gemm", x, w, c, transB=1, alpha=0.5, beta=2.0)
    np.testing.assert_allclose(scaled, 0.5 * (w @ x) + 2 * c, rtol=1e-5)


def test_layer_normalization() -> None:
    scale, bias = random(5), random(5)
    normal = (X - X.mean(-1, keepdims=True)) / np.sqrt(X.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(
        run("LayerNormalization", X, scale, bias), (normal * scale + bias).reshape(-1), rtol=1e-4
    )
    np.testing.assert_allclose(run("LayerNormalization", X, scale), (normal * scale).reshape(-1), rtol=1e-4, atol=1e-6)


def test_reshape_concat_squeeze_unsqueeze() -> None:
    x = random(2, 6)
    for shape in ([0, 3, -1], [-1, 12], [0, 0, 2, 3]):
        np.testing.assert_array_equal(run("Reshape", x, np.array(shape, np.int64)), x.reshape(-1))
    np.testing.assert_array_equal(run("Squeeze", random(1, 4)[:, :] * 0 + 1, np.array([1], np.int64)), np.ones(4))
    np.testing.assert_array_equal(run("Unsqueeze", x, np.array([1, -1], np.int64)), x.reshape(-1))
    np.testing.assert_array_equal(TABLE["Concat"](x, 2 * x, axis=1), np.concatenate([x, 2 * x], 1))


def correlate(x: Array, w: Array, strides: list[int], pads: list[int], dilations: list[int], group: int) -> Array:
    """Convolution by loops, two spatial axes."""
    x = np.pad(x, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    per_group, outs = x.shape[0] // group, w.shape[0] // group
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    height = (x.shape[1] - spans[0]) // strides[0] + 1
    width = (x.shape[2] - spans[1]) // strides[1] + 1
    out = np.zeros((w.shape[0], height, width))
    for o in range(w.shape[0]):
        part = x[(o // outs) * per_group : (o // outs + 1) * per_group]
        for i in range(height):
            for j in range(width):
                top, left = i * strides[0], j * strides[1]
                window = part[:, top : top + spans[0] : dilations[0], left : left + spans[1] : dilations[1]]
                out[o, i, j] = (window * w[o]).sum()
    return out


@pytest.mark.parametrize(
    ("strides", "pads", "dilations", "group"),
    [
        ([1, 1], [0, 0, 0, 0], [1, 1], 1),
        ([1, 1], [1, 1, 1, 1], [1, 1], 1),
        ([2, 1], [1, 0, 2, 1], [1, 1], 1),
        ([1, 1], [2, 2, 2, 2], [2, 2], 1),
        ([1, 1], [1, 1, 1, 1], [1, 1], 2),
        ([2, 2], [1, 1, 1, 1], [1, 1], 4),
    ],
)
def test_conv(strides: list[int], pads: list[int], dilations: list[int], group: int) -> None:
    x, w, b = random(4, 7, 6), random(8, 4 // group, 3, 3), random(8)
    got = run("Conv", x, w, b, strides=strides, pads=pads, dilations=dilations, group=group)
    expected = correlate(x, w, strides, pads, dilations, group) + b[:, None, None]
    np.testing.assert_allclose(got, expected.reshape(-1), rtol=1e-4, atol=1e-5)


def test_conv_same_padding_and_one_axis() -> None:
    x, w = random(4, 7, 6), random(8, 4, 3, 3)
    expected = correlate(x, w, [2, 2], [1, 0, 1, 1], [1, 1], 1)
    np.testing.assert_allclose(
        run("Conv", x, w, auto_pad="SAME_UPPER", strides=[2, 2]), expected.reshape(-1), rtol=1e-4, atol=1e-5
    )
    line, kernel = random(2, 9), random(3, 2, 3)
    expected = correlate(line[:, None], kernel[:, :, None], [1, 1], [0, 0, 0, 0], [1, 1], 1)
    np.testing.assert_allclose(run("Conv", line, kernel), expected.reshape(-1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [([2, 2], [2, 2], [0, 0, 0, 0]), ([3, 3], [2, 2], [1, 1, 1, 1]), ([3, 2], [1, 2], [0, 0, 1, 1])],
)
def test_pools(kernel: list[int], strides: list[int], pads: list[int]) -> None:
    x = random(3, 7, 6)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}

    def pooled(fill: float, reduce: Callable[..., Any], of: Array) -> Array:
        padded = np.pad(of, ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=fill)
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
        return np.asarray(reduce(windows[:, :: strides[0], :: strides[1]], axis=(-2, -1)))

    np.testing.assert_allclose(run("MaxPool", x, **attributes), pooled(-np.inf, np.max, x).reshape(-1))
    total, count = pooled(0, np.sum, x), pooled(0, np.sum, np.ones_like(x))
    np.testing.assert_allclose(run("AveragePool", x, **attributes), (total / count).reshape(-1), rtol=1e-5)
    counted = run("AveragePool", x, count_include_pad=1, **attributes)
    np.testing.assert_allclose(counted, (total / math.prod(kernel)).reshape(-1), rtol=1e-5)


def test_max_pool_gives_its_gradient_to_the_first_of_equals() -> None:
    x = np.zeros((1, 1, 2, 2), np.float32)
    gradient = jax.grad(lambda x: TABLE["MaxPool"](x, kernel_shape=[2, 2], strides=[2, 2]).sum())(x)
    np.testing.assert_array_equal(gradient.reshape(-1), [1, 0, 0, 0])


def test_shape_and_constant_are_resolved_while_lowering() -> None:
    """Flatten as exporters spell it: Reshape(x, Concat(Shape(x)[0:1], -1))."""
    weights = {"w": random(2, 6)}
    nodes = [
        node("Shape", ["input"], ["shape"], start=0, end=1),
        node("Constant", [], ["minus"], value=np.array([-1], np.int64)),
        node("Concat", ["shape", "minus"], ["target"], axis=0),
        node("Reshape", ["input", "target"], ["flat"]),
        node("Gemm", ["flat", "w"], ["logits"], transB=1),
    ]
    data = model(graph(nodes, [external("w", (2, 6))], [value("input", ["n", 2, 3])], [value("logits", ["n", 2])]))
    config = config_of(
        declaration(
            data,
            write_safetensors(weights),
            trainable=["w"],
            inputs=[float_input(2, 3)],
            features={"input": scales(6)},
        )
    )
    program = lower(data, weights, config).row
    assert len(program.calls) == 2
    x = random(2, 3)
    got = program.run({"w": jax.numpy.asarray(weights["w"])}, {"input": jax.numpy.asarray(x)})
    np.testing.assert_allclose(got, weights["w"] @ x.reshape(-1), rtol=1e-5)
