"""A private run's noise, drawn on its GPU: the keystream and the points of `private_stream`, so the same noise. A
processor takes longer over it than a GPU over all the rest of a step.

What may differ is the last of a double's 53 bits, where two devices round a logarithm apart: then one number in
hundreds of millions is the next whole number. That is no other noise, but other bits, as with all that a GPU adds up.
"""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from .budgets import compile_within, lower_within, memory_of
from .placement import Placement
from .private_stream import NOISE, SecretStream, draws_for

Noise = Array | npt.NDArray[np.int32]
# RFC 8439, section 2.3: the constants, and which words a quarter round takes: the columns, then the diagonals.
_CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_QUARTERS = tuple((k, 4 + (k + d) % 4, 8 + (k + 2 * d) % 4, 12 + (k + 3 * d) % 4) for d in (0, 1) for k in range(4))
_DOUBLE_ROUNDS = 10
_BLOCK_WORDS = 16


class DeviceNoise:
    """Compiled before any row is read. `bytes` is what it takes on the device."""

    def __init__(self, steps: int, count: int, deviation: float, place: Placement) -> None:
        """:raises Refused: MODEL_TOO_LARGE"""

        def draw(key: Array, numbers: Array) -> tuple[Array, Array]:
            drawn: tuple[Array, Array] = jax.lax.map(lambda step: gaussian(key, step, count, deviation), numbers)
            return drawn

        shapes = (jax.ShapeDtypeStruct((8,), jnp.uint32), jax.ShapeDtypeStruct((steps,), jnp.uint32))
        with jax.enable_x64(True):
            self._program = compile_within(lower_within(place.trace(draw, *shapes), 1))
        self._steps, self._place = steps, place
        self.bytes = memory_of(self._program)

    def __call__(self, stream: SecretStream, steps: range) -> Array | None:
        """(steps, count) int32, whatever comes of steps that are not asked for; None if one that is has too few
        points: that happens with thousands of numbers, not with millions, and the processor draws on.
        """
        numbers = np.zeros(self._steps, np.uint32)
        numbers[: len(steps)] = steps
        with jax.enable_x64(True):
            noise, enough = self._program(*self._place.everywhere((stream.key, numbers)))
        return noise if np.asarray(enough)[: len(steps)].all() else None


def keystream(key: Array, purpose: int, step: Array, words: int) -> Array:
    """The first `words` of `SecretStream`'s block 0, little-endian, as int32."""
    blocks = jnp.arange(-(-words // _BLOCK_WORDS), dtype=jnp.uint32)
    state = [*_CONSTANTS, *key, blocks, purpose, step, 0]
    begin = tuple(jnp.broadcast_to(jnp.asarray(word, jnp.uint32), blocks.shape) for word in state)
    end = jax.lax.fori_loop(0, _DOUBLE_ROUNDS, lambda _, mixed: _double_round(mixed), begin)
    stream = jnp.stack([one + other for one, other in zip(begin, end, strict=True)], axis=1)
    return jax.lax.bitcast_convert_type(stream.reshape(-1)[:words], jnp.int32)


def _double_round(state: tuple[Array, ...]) -> tuple[Array, ...]:
    mixed = list(state)
    for a, b, c, d in _QUARTERS:
        for one, other, last, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            mixed[one] += mixed[other]
            turned = mixed[last] ^ mixed[one]
            mixed[last] = (turned << by) | (turned >> (32 - by))
    return tuple(mixed)


def gaussian(key: Array, step: Array, count: int, deviation: float) -> tuple[Array, Array]:
    """`SecretStream.gaussian`, and whether the points were enough for it. Only within `jax.enable_x64`."""
    pairs = -(-count // 2)
    draws = draws_for(pairs)
    points = (keystream(key, NOISE, step, 2 * draws).reshape(2, draws).astype(jnp.float64) + 0.5) * 2.0**-31
    squared = points[0] * points[0] + points[1] * points[1]
    inside = squared < 1
    # The others go to places out of range, no two to one: nothing is written twice, so the order does not matter.
    place = jnp.where(inside, jnp.cumsum(inside, dtype=jnp.int32) - 1, pairs + jnp.arange(draws, dtype=jnp.int32))
    squared = jnp.where(inside, squared, 0.5)
    whole = jnp.rint(points * jnp.sqrt(-2 * jnp.log(squared) / squared) * deviation).astype(jnp.int32)
    found = jnp.zeros((2, pairs), jnp.int32).at[:, place].set(whole, mode="drop", unique_indices=True)
    return found.reshape(-1)[:count], inside.sum() >= pairs
