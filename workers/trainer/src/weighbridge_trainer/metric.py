"""A number that is bought about rows that no run trains on: the accuracy or the loss of the trained model. Each unit
adds at most one to a sum of whole numbers, which takes noise from the secret stream like all else that leaves."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from .config import Config
from .losses import RowLoss, row_correct, row_loss
from .optimise import abstract_rows, unpacked_rows
from .privacy_config import Metric
from .private_stream import SecretStream
from .private_units import units_of
from .program import Program
from .safetensors import Floats
from .sealed_rows import AnyRows
from .stored import packed

_MAX_ROWS_AT_ONCE = 256
_ELEMENTS_AT_ONCE = 1 << 27
# The noise is whole numbers of so many bits: fewer, and what doubles leave out of a Gaussian would show.
_NOISE_BITS = 20


@dataclass(frozen=True)
class Scale:
    """How a unit's share between 0 and 1 becomes a whole number, and how much noise their sum takes."""

    ones: int
    """What a share of 1 counts: a power of two."""
    deviation: float
    """Of the noise, in the same whole numbers."""


@dataclass(frozen=True)
class Measurement:
    metric: Metric
    config: Config
    """Of the rows that are held out: as the run's, but for their number."""
    rows_at_once: int
    values: Callable[..., Array]
    """Compiled: weights, inputs and targets of so many rows -> a number each."""


def scale_of(noise_multiplier: float, counts_units: bool) -> Scale:
    # Where the number of units is secret, it is released beside their sum: a unit moves the pair by sqrt(2) at most.
    reach = math.sqrt(2) if counts_units else 1.0
    ones = 1 << max(0, _NOISE_BITS - math.floor(math.log2(noise_multiplier * reach)))
    return Scale(ones, noise_multiplier * reach * ones)


def prepare_metric(program: Program, weights: Mapping[str, Floats], config: Config, metric: Metric) -> Measurement:
    """Compiled before a row is read, like the run itself.

    :param config: of the rows that are held out
    """
    value: RowLoss = row_correct(program, config) if metric.name == "accuracy" else row_loss(program, config)
    fitting = max(1, _ELEMENTS_AT_ONCE // max(1, program.row_elements))
    rows_at_once = min(config.rows, _MAX_ROWS_AT_ONCE, fitting)

    def values(tensors: Mapping[str, Array], inputs: Mapping[str, Array], target: Array) -> Array:
        rows = unpacked_rows(config, inputs)
        return jax.vmap(lambda row, one: value(tensors, {}, row, one, None))(rows, target)

    shapes = {name: jax.ShapeDtypeStruct(tensor.shape, tensor.dtype) for name, tensor in weights.items()}
    compiled = jax.jit(values).lower(shapes, *abstract_rows(config, rows_at_once)).compile()
    return Measurement(metric, config, rows_at_once, compiled)


def measure(of: Measurement, weights: Mapping[str, Floats], rows: AnyRows, seed: bytes) -> tuple[int, int]:
    """The noised sum over the units; and how many there are, noised too, where each is more than a row, else 0: rows
    are counted in public.
    """
    privacy = of.config.privacy
    most = 1 if privacy is None else privacy.unit_max_rows
    units = units_of(rows.units, of.config.rows, most)
    shares = _shares(of, weights, rows)
    if units.rows is not None:
        taken = units.rows >= 0
        shares = np.where(taken, shares[np.maximum(units.rows, 0)], 0).sum(1) / taken.sum(1)
    scale = scale_of(of.metric.noise_multiplier, units.rows is not None)
    # Rounded one by one and added exactly: the sum moves by no more than one unit's ones.
    total = int(np.rint(shares * scale.ones).astype(np.int64).sum())
    noise = [int(one) for one in SecretStream(seed).metric_noise(2, scale.deviation)]
    counted = 0 if units.rows is None else units.count * scale.ones + noise[1]
    return total + noise[0], counted


def _shares(of: Measurement, weights: Mapping[str, Floats], rows: AnyRows) -> npt.NDArray[np.float64]:
    """Of each row, between 0 and 1. What is no number counts as the most."""
    found = []
    for first in range(0, of.config.rows, of.rows_at_once):
        # The last piece is filled up with rows that are dropped again: one program serves them all.
        place = np.minimum(np.arange(first, first + of.rows_at_once), of.config.rows - 1)
        some = rows.some(place)
        inputs = {item.name: jnp.asarray(packed(item, some.inputs[item.name])) for item in of.config.inputs}
        found.append(np.asarray(of.values(dict(weights), inputs, jnp.asarray(some.target)), np.float64))
    values = np.concatenate(found)[: of.config.rows] / of.metric.bound
    return np.clip(np.nan_to_num(values, nan=1.0, posinf=1.0, neginf=0.0), 0, 1)
