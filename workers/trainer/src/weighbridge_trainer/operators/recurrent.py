"""LSTM, GRU and the plain recurrent cell, layout [time, batch, features], gates in ONNX's order. One loop over time,
whatever the length: the program does not grow with it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from .static import require

_DIRECTIONS: dict[bytes, tuple[bool, ...]] = {
    b"forward": (False,),
    b"reverse": (True,),
    b"bidirectional": (False, True),
}
State = tuple[Array, ...]
# State, what the input adds at this time, recurrent weights, biases -> new state; its first part is the output.
Cell = Callable[[State, Array, Array, Array], State]


def lstm(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    initial_c: Array | None = None,
    *,
    hidden_size: int,
    direction: bytes = b"forward",
    input_forget: int = 0,
    layout: int = 0,
) -> tuple[Array, ...]:
    require(sequence_lens is None and not input_forget and not layout, "LSTM form")

    def cell(state: State, gates: Array, r: Array, b: Array) -> State:
        h, c = state
        b_in, b_re = jnp.split(b, 2)
        i, o, f, g = jnp.split(gates + h @ r.T + b_in + b_re, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    return _run(cell, 4, x, w, r, b, (initial_h, initial_c), hidden_size, direction)


def gru(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    *,
    hidden_size: int,
    direction: bytes = b"forward",
    layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[Array, ...]:
    # The other order, reset before the product, is no PyTorch GRU.
    require(sequence_lens is None and not layout and linear_before_reset == 1, "GRU form")

    def cell(state: State, gates: Array, r: Array, b: Array) -> State:
        (h,) = state
        b_in, b_re = jnp.split(b, 2)
        z_in, r_in, n_in = jnp.split(gates + b_in, 3, -1)
        z_re, r_re, n_re = jnp.split(h @ r.T + b_re, 3, -1)
        z, reset = jax.nn.sigmoid(z_in + z_re), jax.nn.sigmoid(r_in + r_re)
        return ((1 - z) * jnp.tanh(n_in + reset * n_re) + z * h,)

    return _run(cell, 3, x, w, r, b, (initial_h,), hidden_size, direction)


def rnn(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    *,
    hidden_size: int,
    direction: bytes = b"forward",
    layout: int = 0,
) -> tuple[Array, ...]:
    require(sequence_lens is None and not layout, "RNN form")

    def cell(state: State, gates: Array, r: Array, b: Array) -> State:
        (h,) = state
        b_in, b_re = jnp.split(b, 2)
        return (jnp.tanh(gates + h @ r.T + b_in + b_re),)

    return _run(cell, 1, x, w, r, b, (initial_h,), hidden_size, direction)


def _run(
    cell: Cell,
    gates: int,
    x: Array,
    w: Array,
    r: Array,
    b: Array | None,
    initial: tuple[Array | None, ...],
    hidden: int,
    direction: bytes,
) -> tuple[Array, ...]:
    require(direction in _DIRECTIONS and x.ndim == w.ndim == r.ndim == 3, "recurrent form")
    backwards = _DIRECTIONS[direction]
    require(w.shape[:2] == (len(backwards), gates * hidden) and r.shape == (*w.shape[:2], hidden), "recurrent weights")
    b = jnp.zeros((len(backwards), 2 * gates * hidden), x.dtype) if b is None else b
    outputs, finals = [], []
    for k, backward in enumerate(backwards):
        start = tuple(jnp.zeros((x.shape[1], hidden), x.dtype) if s is None else s[k] for s in initial)
        output, final = _scan(cell, jnp.matmul(x, w[k].T), r[k], b[k], start, backward)
        outputs.append(output)
        finals.append(final)
    return jnp.stack(outputs, 1), *(jnp.stack(parts) for parts in zip(*finals, strict=True))


def _scan(cell: Cell, gates: Array, r: Array, b: Array, start: State, backward: bool) -> tuple[Array, State]:
    dtype = start[0].dtype

    def step(state: State, at: Array) -> tuple[State, Any]:
        new = tuple(part.astype(dtype) for part in cell(state, at, r, b))
        return new, new[0]

    final, outputs = lax.scan(step, start, gates, reverse=backward)
    return outputs, final
