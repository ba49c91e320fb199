"""Noise on a grid. A sum of floats and float noise has gaps that betray the sum (Mironov 2012): here both are whole
numbers of one grid, added exactly, so what is released is a multiple of the grid and says no more than that number.

Without 64-bit integers on the device, a whole number is a pair: high * 2^16 + low.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

_NOISE_BITS = 20
_HALF = 1 << 16
_LARGEST_HIGH = float(1 << 30)


@dataclass(frozen=True)
class Grid:
    unit: float
    """A power of two, so that dividing by it loses nothing."""
    deviation: float
    """Of the noise, in units."""


def grid_of(noise_multiplier: float, clipping_norm: float, numbers: int) -> Grid:
    """Rounding moves each number by half a unit at most, so two neighbouring sums differ by the clipping norm and
    `unit * sqrt(numbers)`: the noise is made for that."""
    unit = 2.0 ** math.floor(math.log2(clipping_norm * noise_multiplier) - _NOISE_BITS)
    return Grid(unit, noise_multiplier * (clipping_norm + unit * math.sqrt(numbers)) / unit)


def add_on_grid(total: Array, noise: Array, unit: float) -> Array:
    """`total` float32, `noise` int32 in units; the sum as float32, a function of the exact whole number alone."""
    units = jnp.round(total / unit)
    high = jnp.clip(jnp.floor(units / _HALF), -_LARGEST_HIGH, _LARGEST_HIGH)
    low = (units - high * _HALF).astype(jnp.int32) + (noise & (_HALF - 1))
    whole_high = high.astype(jnp.int32) + (noise >> 16) + (low >> 16)
    rest = low & (_HALF - 1)
    return (whole_high.astype(jnp.float32) * _HALF + rest.astype(jnp.float32)) * unit
