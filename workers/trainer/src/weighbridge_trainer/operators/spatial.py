"""Convolution and pooling over one to three spatial axes, layout NC..., as ONNX has it."""

import itertools
import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .static import require

# One slice a kernel cell: bounds the program that XLA must compile.
_MAX_KERNEL_CELLS = 121
# Dense convolutions that one with groups is cut into.
_MAX_BLOCKS = 8
_AXES = {3: "H", 4: "HW", 5: "DHW"}


@dataclass(frozen=True)
class _Window:
    kernel: list[int]
    strides: list[int]
    pads: list[tuple[int, int]]
    dilations: list[int]


def conv(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    auto_pad: bytes = b"NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Array:
    require(x.ndim in _AXES and w.ndim == x.ndim and group >= 1, "Conv rank")
    kernel = list(w.shape[2:])
    require(kernel_shape in (None, kernel), "Conv kernel_shape")
    window = _window(x, kernel, strides, pads, dilations, auto_pad)
    slide = _Slide(tuple(window.strides), tuple(window.pads), (1,) * len(kernel), tuple(window.dilations))
    y = _slid(x, w, slide, group)
    return y if b is None else y + b.reshape(1, -1, *(1 for _ in kernel))


@dataclass(frozen=True)
class _Slide:
    """How a kernel goes over its input."""

    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    spread: tuple[int, ...]
    """Of the input: a transposed convolution's strides."""
    dilations: tuple[int, ...]


def _slid(x: Array, w: Array, slide: _Slide, group: int) -> Array:
    """:param x: [N, C, ...] :param w: [O, C / group, ...]"""
    require(x.shape[1] == group * w.shape[1] and w.shape[0] % group == 0, "convolution channels")
    # Many small convolutions are slow on a CPU, and so is one with its groups in it: a few dense ones, with zeros where
    # the groups of one do not meet, are up to twelve times faster.
    blocks = max(count for count in range(1, _MAX_BLOCKS + 1) if group % count == 0)
    parts = zip(jnp.split(jnp.moveaxis(x, 1, -1), blocks, -1), jnp.split(w, blocks), strict=True)
    y = [_convolved(part, _dense(kernels, group // blocks), slide) for part, kernels in parts]
    return jnp.moveaxis(jnp.concatenate(y, -1), -1, 1)


def _dense(w: Array, group: int) -> Array:
    """[O, C / group, ...] to [..., C, O], zero between groups."""
    outputs, inputs, *kernel = w.shape
    if group > 1:
        w = jnp.einsum("gh,goi...->gohi...", jnp.eye(group, dtype=w.dtype), w.reshape(group, -1, inputs, *kernel))
    return jnp.moveaxis(w.reshape(outputs, group * inputs, *kernel), (0, 1), (-1, -2))


# Inside of a loop, where training is, XLA has a fast convolution for a CPU in one layout (batch, places, channels;
# places, channels in, channels out), and is some twenty times slower in any other; outside of loops it brings all into
# that one. The layout that a convolution is written in decides that of its transposes, the two of backward. So it is
# written thrice: in one layout for itself, and in one for its transpose by either operand.
_ITSELF = ("N{}C", "{}IO", "N{}C")
_BY_LEFT = ("N{}C", "{}OI", "N{}C")
_BY_RIGHT = ("C{}N", "I{}O", "{}NC")
_Layout = tuple[str, str, str]


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _convolved(x: Array, w: Array, slide: _Slide) -> Array:
    """:param x: [N, ..., C] :param w: [..., C, O]"""
    swaps = math.prod(w.shape[:-2]) > math.prod(x.shape[1:-1])
    return _swapped(x, w, slide, _ITSELF) if swaps else _in_layout(x, w, slide, _ITSELF)


@_convolved.defjvp
def _tangent(slide: _Slide, primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, w), (dx, dw) = primals, tangents
    y = _convolved(x, w, slide)
    cells, places, results = (math.prod(sizes) for sizes in (w.shape[:-2], x.shape[1:-1], y.shape[1:-1]))
    by_x = _swapped(dx, w, slide, _BY_RIGHT) if cells > results else _in_layout(dx, w, slide, _BY_LEFT)
    by_w = _swapped(x, dw, slide, _BY_LEFT) if results > places else _in_layout(x, dw, slide, _BY_RIGHT)
    return y, by_x + by_w


def _in_layout(left: Array, right: Array, slide: _Slide, layout: _Layout) -> Array:
    """:param left: [N, ..., C] :param right: [..., C, O] :returns: [N, ..., O]"""
    turned = layout == _BY_RIGHT
    if turned:
        left, right = jnp.moveaxis(left, (-1, 0), (0, -1)), jnp.moveaxis(right, -2, 0)
    elif layout == _BY_LEFT:
        right = jnp.swapaxes(right, -1, -2)
    of_left, of_right, of_result = (part.format(_AXES[left.ndim]) for part in layout)
    y = lax.conv_general_dilated(
        left,
        right,
        slide.strides,
        slide.pads,
        lhs_dilation=slide.spread,
        rhs_dilation=slide.dilations,
        dimension_numbers=(of_left, of_right, of_result),
    )
    return jnp.moveaxis(y, -2, 0) if turned else y


def _swapped(x: Array, w: Array, slide: _Slide, layout: _Layout) -> Array:
    """The same with the kernel in the input's place: XLA swaps the two where the kernel has more places, and leaves the
    layout that is fast by it."""
    around = range(x.ndim - 2)
    kernel, image = jnp.flip(jnp.moveaxis(w, -1, 0), [k + 1 for k in around]), jnp.flip(jnp.moveaxis(x, 0, -1), around)
    pads = []
    for k in around:
        (before, after), stride = slide.pads[k], slide.strides[k]
        span = (w.shape[k] - 1) * slide.dilations[k] + 1
        size = (x.shape[k + 1] - 1) * slide.spread[k] + 1
        last = (size + before + after - span) // stride
        pads.append((size + before - span, last * stride - before))
    swapped = _Slide(slide.strides, tuple(pads), slide.dilations, slide.spread)
    return jnp.moveaxis(_in_layout(kernel, image, swapped, layout), (0, -1), (-1, 0))


def conv_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    auto_pad: bytes = b"NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Array:
    """The gradient of a convolution: a convolution of the input, spread out by the strides, with the kernel turned."""
    require(x.ndim in _AXES and w.ndim == x.ndim and group >= 1 and auto_pad == b"NOTSET", "ConvTranspose form")
    rank, kernel = x.ndim - 2, list(w.shape[2:])
    require(kernel_shape in (None, kernel) and x.shape[1] == w.shape[0] and w.shape[0] % group == 0, "ConvTranspose")
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    pads, extra = pads or [0] * (2 * rank), output_padding or [0] * rank
    require(len(strides) == len(dilations) == len(extra) == rank and len(pads) == 2 * rank, "ConvTranspose rank")
    require(min(*strides, *dilations) >= 1 and min(*pads, *extra) >= 0, "ConvTranspose size")
    require(math.prod(kernel) <= _MAX_KERNEL_CELLS, "ConvTranspose kernel")
    reach = [(cells - 1) * dilation for cells, dilation in zip(kernel, dilations, strict=True)]
    around = tuple((r - pads[k], r - pads[k + rank] + extra[k]) for k, r in enumerate(reach))
    y = _slid(x, _turned(w, group), _Slide((1,) * rank, around, tuple(strides), tuple(dilations)), group)
    return y if b is None else y + b.reshape(1, -1, *(1 for _ in kernel))


def _turned(w: Array, group: int) -> Array:
    """[in, out / group, ...] to [out, in / group, ...], each kernel back to front."""
    inputs, outputs, *kernel = w.shape
    w = w.reshape(group, inputs // group, outputs, *kernel).swapaxes(1, 2)
    return jnp.flip(w.reshape(group * outputs, inputs // group, *kernel), range(2, w.ndim - 1))


def max_pool(
    x: Array,
    *,
    kernel_shape: list[int],
    auto_pad: bytes = b"NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    storage_order: int = 0,
    strides: list[int] | None = None,
) -> Array:
    require(not ceil_mode and not storage_order, "MaxPool ceil_mode")
    window = _window(x, kernel_shape, strides, pads, dilations, auto_pad)
    _require_small_pads(window)
    cells = _cells(x, window, -jnp.inf)
    # The gradient goes to the first of equal maxima, as in PyTorch; jnp.max would share it.
    first = lax.stop_gradient(cells).argmax(0)
    return jnp.where(jnp.arange(len(cells)).reshape(-1, *(1 for _ in first.shape)) == first, cells, 0).sum(0)


def average_pool(
    x: Array,
    *,
    kernel_shape: list[int],
    auto_pad: bytes = b"NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Array:
    require(not ceil_mode, "AveragePool ceil_mode")
    window = _window(x, kernel_shape, strides, pads, dilations, auto_pad)
    _require_small_pads(window)
    total = _cells(x, window, 0.0).sum(0)
    if count_include_pad:
        return total / math.prod(kernel_shape)
    return total / _cells(jnp.ones_like(x), window, 0.0).sum(0)


def global_average_pool(x: Array) -> Array:
    return x.mean(tuple(range(2, x.ndim)), keepdims=True)


def global_max_pool(x: Array) -> Array:
    places = x.reshape(*x.shape[:2], -1)
    # As in max_pool: the first of equal maxima has the gradient.
    first = lax.stop_gradient(places).argmax(2, keepdims=True)
    return jnp.take_along_axis(places, first, 2).reshape(*x.shape[:2], *(1 for _ in x.shape[2:]))


def _window(
    x: Array,
    kernel: list[int],
    strides: list[int] | None,
    pads: list[int] | None,
    dilations: list[int] | None,
    auto_pad: bytes,
) -> _Window:
    rank = x.ndim - 2
    strides, dilations, pads = strides or [1] * rank, dilations or [1] * rank, pads or [0] * (2 * rank)
    require(1 <= rank <= 3 and len(kernel) == len(strides) == len(dilations) == rank, "window rank")
    require(min(*kernel, *strides, *dilations) >= 1 and math.prod(kernel) <= _MAX_KERNEL_CELLS, "window size")
    require(len(pads) == 2 * rank and min(pads) >= 0, "window pads")
    if auto_pad == b"VALID":
        pads = [0] * (2 * rank)
    elif auto_pad in (b"SAME_UPPER", b"SAME_LOWER"):
        pads = _same_pads(x.shape[2:], kernel, strides, dilations, upper=auto_pad == b"SAME_UPPER")
    else:
        require(auto_pad == b"NOTSET", "auto_pad")
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    padded = [size + before + after for size, (before, after) in zip(x.shape[2:], pairs, strict=True)]
    spans = [(cells - 1) * dilation + 1 for cells, dilation in zip(kernel, dilations, strict=True)]
    require(all(size >= span for size, span in zip(padded, spans, strict=True)), "window larger than its input")
    return _Window(kernel, strides, pairs, dilations)


def _same_pads(
    sizes: tuple[int, ...], kernel: list[int], strides: list[int], dilations: list[int], upper: bool
) -> list[int]:
    totals = [
        max((-(-size // stride) - 1) * stride + (cells - 1) * dilation + 1 - size, 0)
        for size, cells, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return less + more if upper else more + less


def _require_small_pads(window: _Window) -> None:
    """A window that lies in the padding alone has no maximum and no mean."""
    for cells, dilation, pads in zip(window.kernel, window.dilations, window.pads, strict=True):
        require(max(pads) <= (cells - 1) * dilation, "pads larger than the window")


def _cells(x: Array, window: _Window, fill: float) -> Array:
    """Cells first, then N, C and the places of the window: static slices, whose gradient is pads and adds."""
    x = jnp.pad(x, [(0, 0), (0, 0), *window.pads], constant_values=fill)
    slices = []
    for cell in itertools.product(*(range(size) for size in window.kernel)):
        starts = [index * dilation for index, dilation in zip(cell, window.dilations, strict=True)]
        places = [
            (size - (cells - 1) * dilation - 1) // stride + 1
            for size, cells, dilation, stride in zip(
                x.shape[2:], window.kernel, window.dilations, window.strides, strict=True
            )
        ]
        stops = [
            start + (count - 1) * stride + 1
            for start, count, stride in zip(starts, places, window.strides, strict=True)
        ]
        slices.append(lax.slice(x, [0, 0, *starts], [*x.shape[:2], *stops], [1, 1, *window.strides]))
    return jnp.stack(slices)
