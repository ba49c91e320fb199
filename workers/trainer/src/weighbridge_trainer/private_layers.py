"""Which weights of a program can be clipped without a gradient a row: those of a product, a convolution or an embedding
that use them exactly once. Of such a layer the gradient of one row follows from the layer's input and the gradient of
its output (Goodfellow 2015; Bu et al. 2023, "book-keeping"), and so do its norm and the weighted sum over all rows."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from .program import Call, Program

# Numbers of a row from which on its squares are added up in so many parts first.
_LONG_ROW = 1_024
_PARTS = 4

# Clips: (rows,) factors -> the weight's gradient, summed over the rows with them.
Sum = Callable[[Array], Array]


@dataclass(frozen=True)
class Layer:
    call: int
    weight: str
    bias: str | None
    source: int
    """Which operand of the call is the layer's input."""
    kind: str
    """`product` (a row vector or a list of them), `convolution` or `embedding`."""
    turned: bool = False
    """The weight is stored [out, in]."""


def layers_of(program: Program, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Layer, ...]:
    """:param shapes: of the weights that train"""
    finder = _Finder(program, shapes)
    found = (finder.layer(number, call) for number, call in enumerate(program.calls))
    return tuple(layer for layer in found if layer is not None)


class _Finder:
    def __init__(self, program: Program, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._uses = Counter(name for call in program.calls for name in call.inputs)
        self._uses[program.output] += 1
        self._shapes = shapes
        self._turned = dict(self._transposed(program))

    def _transposed(self, program: Program) -> list[tuple[str, str]]:
        """PyTorch's exporter turns the weight of a linear layer over before the product."""
        return [
            (call.outputs[0], call.inputs[0])
            for call in program.calls
            if call.op == "Transpose" and self._once(call.inputs[0], 2) and self._uses[call.outputs[0]] == 1
            and call.given.get("perm") in (None, [1, 0])
        ]  # fmt: skip

    def _once(self, name: str, rank: int) -> bool:
        return self._uses[name] == 1 and len(self._shapes.get(name, ())) == rank

    def _plain(self, name: str) -> bool:
        """Not made of a weight that trains, as far as one can see; if it is, its own use counts it out."""
        return name not in self._shapes and name not in self._turned

    def layer(self, number: int, call: Call) -> Layer | None:
        names = call.inputs
        if len(names) < 2 or len(set(names)) != len(names):
            return None
        bias = names[2] if len(names) == 3 and self._once(names[2], 1) else None
        if call.op == "Gemm" and self._plain(names[0]) and self._once(names[1], 2):
            if call.given.get("transA") or call.given.get("alpha", 1.0) != 1 or call.given.get("beta", 1.0) != 1:
                return None
            return Layer(number, names[1], bias, 0, "product", bool(call.given.get("transB")))
        if call.op == "MatMul" and self._plain(names[0]):
            if names[1] in self._turned:
                return Layer(number, self._turned[names[1]], None, 0, "product", True)
            return Layer(number, names[1], None, 0, "product") if self._once(names[1], 2) else None
        if call.op == "Conv" and self._plain(names[0]) and self._once(names[1], 4) and _is_plain_conv(call):
            return Layer(number, names[1], bias, 0, "convolution")
        if call.op == "Gather" and self._once(names[0], 2) and self._plain(names[1]) and not call.given.get("axis"):
            return Layer(number, names[0], None, 1, "embedding")
        return None


def _is_plain_conv(call: Call) -> bool:
    dilations = call.given.get("dilations") or [1, 1]
    return (
        call.given.get("group", 1) == 1 and dilations == [1, 1] and call.given.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def squares(values: Array) -> Array:
    """The sum of squares of each row."""
    flat = values.reshape(values.shape[0], -1)
    if flat.shape[1] < _LONG_ROW or flat.shape[1] % _PARTS != 0:
        return jnp.square(flat).sum(1)
    # XLA writes the summands of a long sum down before it adds them up: like this, a quarter of them.
    parts = flat.reshape(flat.shape[0], _PARTS, -1)
    squared = jnp.square(parts[:, 0])
    for k in range(1, _PARTS):
        squared = squared + jnp.square(parts[:, k])
    return squared.sum(1)


def finite(values: Array) -> Array:
    return jnp.where(jnp.isfinite(values), values, 0)


def product(layer: Layer, source: Array, slope: Array) -> tuple[Array, dict[str, Sum]]:
    """:param source: (rows, places, in) :param slope: (rows, places, out)"""
    _, places, inputs = source.shape
    outputs = slope.shape[2]
    bias_rows = slope.sum(1)
    norm = jnp.zeros(source.shape[0]) if layer.bias is None else squares(bias_rows)
    sums: dict[str, Sum] = {}
    if layer.bias is not None:
        sums[layer.bias] = lambda c: c @ finite(bias_rows)
    if places == 1:
        norm = norm + squares(source) * squares(slope)
    else:
        # A norm from inner products alone ("ghost") loses its digits where places cancel, and a stranger chooses where
        # they do: what is added up must be the very numbers that were measured.
        # With the longer side last a processor's kernels are up to a third faster.
        widens = outputs > inputs
        rows = jnp.einsum("bti,bto->bio" if widens else "bti,bto->boi", source, slope)

        def added(c: Array) -> Array:
            gradient = jnp.tensordot(c, finite(rows), 1)
            return _stored(layer, gradient.T if widens else gradient)

        sums[layer.weight] = added
        return norm + squares(rows), sums

    def weighted(c: Array) -> Array:
        scaled = (finite(slope) * c[:, None, None]).reshape(-1, outputs)
        return _stored(layer, scaled.T @ finite(source).reshape(-1, inputs))

    sums[layer.weight] = weighted
    return norm, sums


def _stored(layer: Layer, gradient: Array) -> Array:
    return gradient if layer.turned else gradient.T


def convolution(layer: Layer, patches: Array, slope: Array, shape: tuple[int, ...]) -> tuple[Array, dict[str, Sum]]:
    """:param patches: (rows, in x cells, places) :param slope: (rows, out, places)"""
    rows = jnp.einsum("bop,bkp->bok", slope, patches)
    norm = squares(rows)
    sums: dict[str, Sum] = {layer.weight: lambda c: jnp.tensordot(c, finite(rows), 1).reshape(shape)}
    if layer.bias is not None:
        bias_rows = slope.sum(2)
        norm = norm + squares(bias_rows)
        sums[layer.bias] = lambda c: c @ finite(bias_rows)
    return norm, sums


def embedding(layer: Layer, words: Array, slope: Array, shape: tuple[int, ...]) -> tuple[Array, dict[str, Sum]]:
    """:param words: (rows, places) :param slope: (rows, places, width)"""
    same = (words[:, :, None] == words[:, None, :]).astype(jnp.float32)
    # At each place the gradient of its word, divided among the places where the word stands: measured and added alike.
    times = same.sum(2)
    of_word = jnp.einsum("bts,bsd->btd", same, slope)
    norm = (jnp.square(of_word).sum(2) / times).sum(1)

    def weighted(c: Array) -> Array:
        scaled = (finite(of_word) * (c[:, None] / times)[:, :, None]).reshape(-1, shape[1])
        return jnp.zeros(shape, jnp.float32).at[words.reshape(-1)].add(scaled, mode="drop")

    return norm, {layer.weight: weighted}
