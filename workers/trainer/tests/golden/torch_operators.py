"""What PyTorch says that each operator is: its own functional form, given the operands of a case. Needs PyTorch (and
nothing of ours): see make_operators.py."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from operator_cases import Case, Const, Rows, Shared, cotangent


def answers(case: Case) -> list[np.ndarray[Any, Any]]:
    """Outputs, then the gradient of each float operand for `cotangent` as the gradient of the outputs."""
    operands = [_tensor(operand) for operand in case.operands]
    result = _REFERENCE[case.op](*operands, **case.attributes)
    outputs = list(result) if isinstance(result, tuple) else [result]
    floats = [x for x in operands if isinstance(x, Tensor) and x.requires_grad]
    weighed = [y for y in outputs if y.requires_grad]
    loss = sum(((y * torch.from_numpy(cotangent(y.detach().numpy()))).sum() for y in weighed), torch.zeros(()))
    gradients = torch.autograd.grad(loss, floats, allow_unused=True) if weighed and floats else [None] * len(floats)
    filled = [torch.zeros_like(x) if g is None else g for x, g in zip(floats, gradients, strict=True)]
    return [t.detach().numpy() for t in (*outputs, *filled)]


def _tensor(operand: Any) -> Any:
    if isinstance(operand, Rows | Shared):
        values = torch.from_numpy(operand.values.copy())
        return values.requires_grad_() if values.is_floating_point() else values
    return operand.values if isinstance(operand, Const) else None


def _list(values: np.ndarray[Any, Any]) -> list[int]:
    return [int(value) for value in values.reshape(-1)]


def _pairs(pads: list[int]) -> list[int]:
    """Begins then ends, first axis first, to PyTorch's: last axis first, begin and end together."""
    half = len(pads) // 2
    return [value for k in reversed(range(half)) for value in (pads[k], pads[k + half])]


def _convolution(x: Tensor, w: Tensor, b: Tensor | None = None, **a: Any) -> Tensor:
    rank = x.ndim - 2
    by = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    if a.get("auto_pad") == b"SAME_UPPER":
        return by(x, w, b, padding="same", groups=a.get("group", 1))
    if a.get("auto_pad") == b"SAME_LOWER":
        back = list(range(2, x.ndim))
        return _convolution(x.flip(back), w.flip(back), b, **{**a, "auto_pad": b"SAME_UPPER"}).flip(back)
    x = F.pad(x, _pairs(a.get("pads") or [0] * (2 * rank)))
    ones = [1] * rank
    return by(x, w, b, a.get("strides", ones), 0, a.get("dilations", ones), a.get("group", 1))


def _transposed(x: Tensor, w: Tensor, b: Tensor | None = None, **a: Any) -> Tensor:
    rank = x.ndim - 2
    ones, zeros = [1] * rank, [0] * rank
    by = (F.conv_transpose1d, F.conv_transpose2d)[rank - 1]
    pads = a.get("pads") or [0] * (2 * rank)
    extra = a.get("output_padding", zeros)
    y = by(x, w, b, a.get("strides", ones), zeros, extra, a.get("group", 1), a.get("dilations", ones))
    # PyTorch cuts the same from both sides, ONNX what each side says.
    return F.pad(y, _pairs([-pad for pad in pads]))


def _max_pool(x: Tensor, **a: Any) -> Tensor:
    by = (F.max_pool1d, F.max_pool2d)[x.ndim - 3]
    rank = x.ndim - 2
    ones, pads = [1] * rank, (a.get("pads") or [0] * (2 * rank))[:rank]
    return by(x, a["kernel_shape"], a.get("strides", ones), pads, a.get("dilations", ones))


def _average_pool(x: Tensor, **a: Any) -> Tensor:
    by = (F.avg_pool1d, F.avg_pool2d)[x.ndim - 3]
    rank = x.ndim - 2
    pads = (a.get("pads") or [0] * (2 * rank))[:rank]
    counted = bool(a.get("count_include_pad", 0))
    return by(x, a["kernel_shape"], a.get("strides", [1] * rank), pads, False, counted)


def _resize(x: Tensor, _roi: Any, given_scales: Any, sizes: Any = None, **a: Any) -> Tensor:
    mode, rounding = a.get("coordinate_transformation_mode", b"half_pixel"), a.get("nearest_mode")
    scales = given_scales
    if axes := a.get("axes"):
        scales = np.ones(x.ndim, np.float32)
        scales[axes] = given_scales
    if rounding == b"ceil":
        for axis, scale in enumerate(scales):
            size = x.shape[axis]
            places = [min(math.ceil(i / scale), size - 1) for i in range(int(size * scale))]
            x = x.index_select(axis, torch.tensor(places))
        return x
    given: dict[str, Any] = (
        {"scale_factor": tuple(float(s) for s in scales[2:])} if sizes is None else {"size": tuple(_list(sizes)[2:])}
    )
    if rounding == b"round_prefer_ceil":
        return F.interpolate(x, mode="nearest-exact", **given)
    if rounding == b"round_prefer_floor":
        # Seen from the other end, the other one of two that are as near.
        return F.interpolate(x.flip(2, 3), mode="nearest-exact", **given).flip(2, 3)
    if a["mode"] == b"nearest":
        return F.interpolate(x, mode="nearest", **given)
    return F.interpolate(x, mode="bilinear", align_corners=mode == b"align_corners", **given)


def _slice(x: Tensor, starts: Any, ends: Any, axes: Any, steps: Any = None) -> Tensor:
    for k, axis in enumerate(_list(axes)):
        start, end = _list(starts)[k], _list(ends)[k]
        step = 1 if steps is None else _list(steps)[k]
        length = x.shape[axis]
        places = range(length)[slice(start, None if step < 0 and end < -length else end, step)]
        x = x.index_select(axis, torch.tensor(list(places)))
    return x


def _pad(x: Tensor, pads: Any, value: Any = None, axes: Any = None, *, mode: bytes = b"constant") -> Tensor:
    along = list(range(x.ndim)) if axes is None else _list(axes)
    sizes = _list(pads)
    full = [0] * (2 * x.ndim)
    for k, axis in enumerate(along):
        full[axis], full[axis + x.ndim] = sizes[k], sizes[k + len(along)]
    if mode == b"constant":
        return F.pad(x, _pairs(full), value=0.0 if value is None else float(value))
    return F.pad(x, _pairs(full)[:2], mode={b"reflect": "reflect", b"edge": "replicate"}[mode])


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, **a: Any) -> Tensor:
    heads = a.get("q_num_heads")
    if heads:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    if a.get("softcap"):
        # flex_attention's score_mod, written out.
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        return torch._safe_softmax(a["softcap"] * torch.tanh(scores / a["softcap"]) + mask, -1) @ v
    if mask is not None and a.get("is_causal"):
        return _attention(q, k, v, mask & torch.ones_like(mask).tril())
    causal, shared = bool(a.get("is_causal", 0)), q.shape[1] != k.shape[1]
    y = F.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=a.get("scale"), enable_gqa=shared)
    return y.transpose(1, 2).flatten(2) if heads else y


# Which of ONNX's gates stand where PyTorch has its own.
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}


def _recurrent(op: str) -> Any:
    def run(
        x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, _lens: None = None, *start: Tensor, **a: Any
    ) -> tuple[Tensor, ...]:
        hidden, directions = a["hidden_size"], w.shape[0]
        if a["direction"] == b"reverse":
            y, *last = run(x.flip(0), w, r, b, None, *start, **{**a, "direction": b"forward"})
            return y.flip(0), *last
        b = torch.zeros(directions, 2 * w.shape[1]) if b is None else b
        both = directions == 2

        def ours(values: Tensor) -> Tensor:
            parts = values.split(hidden)
            return torch.cat([parts[k] for k in _GATES[op]])

        weights = []
        for k in range(directions):
            b_in, b_re = b[k].chunk(2)
            weights += [ours(w[k]), ours(r[k]), ours(b_in), ours(b_re)]
        zeros = torch.zeros(directions, x.shape[1], hidden)
        state = start or (zeros,) * (2 if op == "LSTM" else 1)
        if op == "LSTM":
            y, *last = torch.lstm(x, state, weights, True, 1, 0.0, False, both, False)
        else:
            by = torch.gru if op == "GRU" else torch.rnn_tanh
            y, *last = by(x, state[0], weights, True, 1, 0.0, False, both, False)
        return y.unflatten(-1, (directions, hidden)).transpose(1, 2), *last

    return run


def _group(x: Tensor, w: Tensor, b: Tensor, *, num_groups: int) -> Tensor:
    return F.group_norm(x, num_groups, w, b)


def _rms(x: Tensor, w: Tensor, *, epsilon: float, axis: int = -1) -> Tensor:
    return F.rms_norm(x, w.shape, w, epsilon)


def _layer_norm(x: Tensor, w: Tensor, b: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5) -> Tensor:
    return F.layer_norm(x, x.shape[axis:], w, b, epsilon)


def _power(x: Tensor, exponent: Any) -> Tensor:
    return x ** (exponent if isinstance(exponent, Tensor) else float(exponent))


def _split(x: Tensor, sizes: Any = None, *, axis: int, num_outputs: int | None = None) -> tuple[Tensor, ...]:
    if sizes is not None:
        return x.split(_list(sizes), axis)
    return x.split(-(-x.shape[axis] // (num_outputs or 1)), axis)


def _gather(x: Tensor, index: Any, *, axis: int = 0) -> Tensor:
    if isinstance(index, Tensor):
        return F.embedding(index.long(), x)
    places = torch.tensor(index % x.shape[axis])
    return x.select(axis, int(places)) if index.ndim == 0 else x.index_select(axis, places)


def _div(a: Any, b: Any) -> Tensor:
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    if a.is_floating_point():
        return a / b
    return torch.div(a, b, rounding_mode="trunc").to(torch.int32)


def _reduce(by: Any) -> Any:
    def run(x: Tensor, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
        return x * 1 if axes is None and noop_with_empty_axes else by(x, _list(axes), bool(keepdims))

    return run


def _cast(x: Tensor, *, to: int) -> Tensor:
    return x.to({1: torch.float32, 7: torch.int32, 9: torch.bool}[to])


def _clip(x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    return x.clamp(*(None if bound is None else float(bound) for bound in (low, high)))


_REFERENCE: dict[str, Any] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "And": torch.logical_and,
    "Attention": _attention,
    "AveragePool": _average_pool,
    "Cast": _cast,
    "CastLike": lambda x, like: x.to(like.dtype),
    "Clip": _clip,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "ConstantOfShape": lambda shape, value: torch.full(_list(shape), float(value[0])),
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Cos": torch.cos,
    "Div": _div,
    "Dropout": lambda x, _ratio: F.dropout(x, 0.3, training=False),
    "Elu": lambda x, alpha=1.0: F.elu(x, alpha),
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Expand": lambda x, shape: x.expand(torch.broadcast_shapes(x.shape, tuple(_list(shape)))),
    "Flatten": lambda x, axis: x.flatten(axis),
    "GRU": _recurrent("GRU"),
    "Gather": _gather,
    "Gelu": lambda x, approximate=b"none": F.gelu(x, approximate=approximate.decode()),
    "Gemm": lambda a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0: torch.addmm(  # noqa: N803
        torch.zeros(1) if c is None else c, a.T if transA else a, b.T if transB else b, alpha=alpha, beta=beta
    ),
    "GlobalAveragePool": lambda x: F.adaptive_avg_pool2d(x, 1),
    "GlobalMaxPool": lambda x: F.adaptive_max_pool2d(x, 1),
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "GroupNormalization": _group,
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: (
        F.hardsigmoid(x) if alpha == 1 / 6 else (alpha * x + beta).clamp(0, 1)
    ),
    "HardSwish": F.hardswish,
    "Identity": lambda x: x * 1,
    "InstanceNormalization": lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
    "LSTM": _recurrent("LSTM"),
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda x, alpha=0.01: F.leaky_relu(x, alpha),
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Log": torch.log,
    "LogSoftmax": lambda x, axis=-1: F.log_softmax(x, axis),
    "MatMul": torch.matmul,
    "Max": lambda *parts: torch.stack(torch.broadcast_tensors(*parts)).amax(0),
    "MaxPool": _max_pool,
    "Min": lambda *parts: torch.stack(torch.broadcast_tensors(*parts)).amin(0),
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Or": torch.logical_or,
    "PRelu": lambda x, slope: F.prelu(x, slope.reshape(1)),
    "Pad": _pad,
    "Pow": _power,
    "RMSNormalization": _rms,
    "RNN": _recurrent("RNN"),
    "Range": lambda a, b, c: torch.arange(int(a), int(b), int(c)).to(torch.int32),
    "Reciprocal": torch.reciprocal,
    "ReduceL2": _reduce(lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep)),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceMin": _reduce(torch.amin),
    "ReduceProd": _reduce(lambda x, axes, keep: x.prod(axes[0], keep)),
    "ReduceSum": _reduce(torch.sum),
    "ReduceSumSquare": _reduce(lambda x, axes, keep: (x * x).sum(axes, keep)),
    "Relu": F.relu,
    "Reshape": lambda x, shape: x.reshape([x.shape[k] if s == 0 else s for k, s in enumerate(_list(shape))]),
    "Resize": _resize,
    "Selu": F.selu,
    "Sigmoid": torch.sigmoid,
    "Sin": torch.sin,
    "Slice": _slice,
    "Softmax": lambda x, axis=-1: torch._safe_softmax(x, axis),
    "Softplus": F.softplus,
    "Softsign": F.softsign,
    "Split": _split,
    "Sqrt": torch.sqrt,
    "Squeeze": lambda x, axes: x.squeeze(_list(axes)),
    "Sub": torch.sub,
    "Swish": lambda x, alpha=1.0: x * torch.sigmoid(alpha * x) if alpha != 1 else F.silu(x),
    "Tanh": torch.tanh,
    "Tile": lambda x, times: x.repeat(_list(times)),
    "Transpose": lambda x, perm: x.permute(perm),
    "Trilu": lambda x, k=None, upper=1: (torch.triu if upper else torch.tril)(x, 0 if k is None else int(k[0])),
    "Unsqueeze": lambda x, axes: x.unsqueeze(_list(axes)[0]).unsqueeze(_list(axes)[1]),
    "Where": torch.where,
}
