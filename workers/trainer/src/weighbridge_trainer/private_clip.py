"""The sum of the rows' clipped gradients, two ways: book-keeping for rows, and a gradient a unit where a unit is more
than a row. Whatever a row holds, it moves the sum by no more than the clipping norm; a row whose gradient is not finite
moves nothing."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array

from .config import Config
from .losses import row_loss
from .private_layers import Layer, Sum, convolution, embedding, finite, layers_of, product, squares
from .program import Call, Inputs, Program, Weights

# A float32 norm is off by its last bits: clipped a little shorter, no row is longer than the norm in truth either.
CLIP_MARGIN = 1 - 2.0**-12
_TAP = "\0tap."

# Weights that train, weights that stay, inputs, targets, a key a row or None, which rows count -> the sum.
ClippedSum = Callable[[Weights, Weights, Inputs, Array, Array | None, Array], dict[str, Array]]


def factors(squared_norms: Array, counts: Array, clipping_norm: float) -> Array:
    """What each row's gradient is multiplied with."""
    norms = jnp.sqrt(squared_norms)
    longest = clipping_norm * CLIP_MARGIN
    shorter = jnp.where(norms > longest, longest / norms, 1.0)
    return jnp.where(jnp.isfinite(norms) & counts, shorter, 0.0)


def clipped_sum_of_units(program: Program, config: Config, clipping_norm: float) -> ClippedSum:
    """A unit's gradient is the mean of its rows' (second axis); the reference path, and the only one for units."""
    loss = row_loss(program, config)

    def unit_loss(
        trainable: Weights, frozen: Weights, inputs: Inputs, target: Array, keys: Array | None, counts: Array
    ) -> Array:
        over = jax.vmap(loss, in_axes=(None, None, 0, 0, None if keys is None else 0))
        losses = over(trainable, frozen, inputs, target, keys)
        return jnp.where(counts, losses, 0).sum() / jnp.maximum(counts.sum(), 1)

    def clipped_sum(
        trainable: Weights, frozen: Weights, inputs: Inputs, target: Array, keys: Array | None, counts: Array
    ) -> dict[str, Array]:
        inputs, target = (
            {name: _of_its_own(values, counts) for name, values in inputs.items()},
            _of_its_own(target, counts),
        )
        over = jax.vmap(jax.grad(unit_loss), in_axes=(None, None, 0, 0, None if keys is None else 0, 0))
        gradients = over(trainable, frozen, inputs, target, keys, counts)
        norm = sum((squares(values) for values in gradients.values()), jnp.zeros(counts.shape[0]))
        c = factors(norm, counts.any(1), clipping_norm)
        return {name: jnp.tensordot(c, finite(values), 1) for name, values in gradients.items()}

    return clipped_sum


def _of_its_own(values: Array, counts: Array) -> Array:
    """The unit's first row where it has no more. Whoever gathers rows fills up with one of somebody else, whose
    gradient counts nothing; but nothing times what is no number is none, and that one row would take each such unit out
    of the sum."""
    return jnp.where(counts.reshape(*counts.shape, *(1,) * (values.ndim - 2)), values, values[:, :1])


def clipped_sum_of_rows(
    program: Program, config: Config, clipping_norm: float, shapes: Mapping[str, tuple[int, ...]]
) -> ClippedSum:
    """One forward and one backward pass to the layers' outputs; all other weights get a gradient a row."""
    layers = layers_of(program, shapes)
    covered = {name for layer in layers for name in (layer.weight, layer.bias) if name is not None}

    def one(
        taps: Weights, rest: Weights, fixed: Weights, row: Inputs, target: Array, key: Array | None
    ) -> tuple[Array, dict[str, Array]]:
        sources: dict[str, Array] = {}
        tapped = _tapped(program, layers, sources)
        return row_loss(tapped, config)({**rest, **taps}, fixed, row, target, key), sources

    def clipped_sum(
        trainable: Weights, frozen: Weights, inputs: Inputs, target: Array, keys: Array | None, counts: Array
    ) -> dict[str, Array]:
        rest = {name: values for name, values in trainable.items() if name not in covered}
        fixed = {**frozen, **{name: trainable[name] for name in covered}}
        first = {name: values[0] for name, values in inputs.items()}
        taps = _zero_taps(program, layers, {**trainable, **frozen}, first)
        over = jax.vmap(
            jax.grad(one, argnums=(0, 1), has_aux=True), in_axes=(None, None, None, 0, 0, None if keys is None else 0)
        )
        (slopes, gradients), sources = over(taps, rest, fixed, inputs, target, keys)
        norm = sum((squares(values) for values in gradients.values()), jnp.zeros(counts.shape[0]))
        sums: dict[str, Sum] = {
            name: lambda c, values=values: jnp.tensordot(c, finite(values), 1)  # type: ignore[misc]
            for name, values in gradients.items()
        }
        for layer in layers:
            name = f"{_TAP}{layer.call}"
            more, of_layer = _account(layer, sources[name], slopes[name], trainable[layer.weight].shape, program)
            norm, sums = norm + more, {**sums, **of_layer}
        c = factors(norm, counts, clipping_norm)
        return {name: sums[name](c) for name in trainable}

    return clipped_sum


def _account(
    layer: Layer, source: Array, slope: Array, shape: tuple[int, ...], program: Program
) -> tuple[Array, dict[str, Sum]]:
    rows = slope.shape[0]
    if layer.kind == "embedding":
        words = source.reshape(rows, -1)
        words = jnp.clip(jnp.where(words < 0, words + shape[0], words), 0, shape[0] - 1)
        return embedding(layer, words, slope.reshape(rows, -1, shape[1]), shape)
    if layer.kind == "product":
        return product(layer, source.reshape(rows, -1, source.shape[-1]), slope.reshape(rows, -1, slope.shape[-1]))
    patches = _patches(program.calls[layer.call], source.reshape(-1, *source.shape[2:]), shape)
    out, cells = shape[0], patches.shape[1]
    by_row = jnp.moveaxis(patches.reshape(rows, -1, cells, patches.shape[2]), 1, 2).reshape(rows, cells, -1)
    slopes = jnp.moveaxis(slope.reshape(rows, slope.shape[1], out, -1), 1, 2).reshape(rows, out, -1)
    return convolution(layer, by_row, slopes, shape)


def _tapped(program: Program, layers: tuple[Layer, ...], sources: dict[str, Array]) -> Program:
    """The program with a zero added to each layer's output, whose gradient is that of the output; what goes into the
    layer is put into `sources` while the program is traced."""
    calls = list(program.calls)
    for layer in layers:
        calls[layer.call] = _tap(calls[layer.call], f"{_TAP}{layer.call}", layer.source, sources)
    return dataclasses.replace(program, calls=tuple(calls))


def _tap(call: Call, name: str, source: int, sources: dict[str, Array]) -> Call:
    def run(*operands: Array) -> tuple[Array, ...]:
        *given, tap = operands
        sources[name] = given[source]
        (result,) = call.run(*given)
        return (result + tap,)

    return dataclasses.replace(call, run=run, inputs=(*call.inputs, name))


def _zero_taps(program: Program, layers: tuple[Layer, ...], weights: Weights, row: Inputs) -> dict[str, Array]:
    """As large as the layers' outputs, found by abstract evaluation."""
    shapes: dict[str, tuple[int, ...]] = {}
    calls = list(program.calls)
    for layer in layers:
        calls[layer.call] = _watch(calls[layer.call], f"{_TAP}{layer.call}", shapes)
    watched = dataclasses.replace(program, calls=tuple(calls))
    jax.eval_shape(lambda: watched.run(weights, row))
    return {name: jnp.zeros(shape, jnp.float32) for name, shape in shapes.items()}


def _watch(call: Call, name: str, shapes: dict[str, tuple[int, ...]]) -> Call:
    def run(*operands: Array) -> tuple[Array, ...]:
        results: tuple[Array, ...] = call.run(*operands)
        shapes[name] = results[0].shape
        return results

    return dataclasses.replace(call, run=run)


def _patches(call: Call, images: Array, shape: tuple[int, ...]) -> Array:
    """(images, channels x cells, places): what each place of a convolution's output sees, in the weight's order."""
    _, channels, *kernel = shape
    strides = call.given.get("strides") or [1, 1]
    pads = call.given.get("pads") or [0, 0, 0, 0]
    padded = jnp.pad(images, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    reach = [(padded.shape[2 + k] - kernel[k]) // strides[k] + 1 for k in range(2)]
    cells = [
        padded[:, :, i : i + strides[0] * reach[0] : strides[0], j : j + strides[1] * reach[1] : strides[1]]
        for i, j in itertools.product(*(range(size) for size in kernel))
    ]
    return jnp.stack(cells, 2).reshape(images.shape[0], channels * len(cells), -1)
