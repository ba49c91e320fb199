"""Mean and deviation of columns, fitted on the rows that train: each unit adds one at most to each of two sums a
column, which take noise from the secret stream like all else that leaves. What follows from them is as public as
they are."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import does_not_fit
from .config import Config
from .private_stream import SecretStream
from .private_units import units_of
from .rows import Numbers
from .sealed_rows import AnyRows, SealedRows
from .transforms import Standardise

# The noise is whole numbers of so many bits: fewer, and what doubles leave out of a Gaussian would show.
_LEAST_DEVIATION = 1 << 20
# So many numbers at once stay in the processor's cache.
_CACHED_NUMBERS = 1 << 17
Floats64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """How a number between -1 and 1 becomes a whole one, and how much noise their sums take."""

    ones: int
    """What a 1 counts: a power of two."""
    deviation: float
    """Of the noise, in the same whole numbers."""


@dataclass(frozen=True)
class Moments:
    noised: tuple[int, ...]
    """Of each column the sum of its numbers and of their squares; then the number of units if it is secret, else 0."""
    fitted: tuple[tuple[float, float], ...]
    """Of each column mean and deviation, in halves of its range from the middle."""


def scale_of(noise_multiplier: float, columns: int, counts_units: bool) -> Scale:
    # Where the number of units is secret, it is released beside the sums, and a unit moves it by one as well.
    reach = math.sqrt(2 * columns + (1 if counts_units else 0))
    ones = 1
    while noise_multiplier * reach * ones < _LEAST_DEVIATION:
        ones *= 2
    return Scale(ones, noise_multiplier * reach * ones)


def fit(config: Config, rows: AnyRows, seed: bytes) -> Moments | None:
    """None where nothing is standardised."""
    privacy, places = config.privacy, _places(config)
    if privacy is None or privacy.moments_noise is None:
        return None
    units = units_of(rows.units, config.rows, privacy.unit_max_rows)
    columns, counts_units = sum(len(at) for at in places.values()), units.rows is not None
    scale = scale_of(privacy.moments_noise, columns, counts_units)
    sums = np.zeros((2, columns), np.int64)
    for table in _parts(units.count, units.rows, columns, rows):
        # Rounded one by one and added exactly, which doubles do below 2^53: a unit moves no sum by more than its ones.
        sums += np.rint(_of_units(rows, places, table) * scale.ones).sum(1).astype(np.int64)
    exact = [*(int(one) for one in sums.T.ravel()), *([units.count * scale.ones] if counts_units else [])]
    noise = SecretStream(seed).moments_noise(len(exact), scale.deviation)
    noised = [one + int(more) for one, more in zip(exact, noise, strict=True)]
    fitted = fitted_of(noised, columns, config.rows, scale, counts_units)
    return Moments((*noised, *(() if counts_units else (0,))), fitted)


def standardise(config: Config, rows: AnyRows, moments: Moments | None) -> None:
    """Makes of each such column, in place, (x - mean) / deviation: in a spool whenever a row is read.

    :param config: of these rows, which need not be those that were fitted on
    :raises Refused: DATA_DOES_NOT_FIT
    """
    if moments is None:
        return
    fitted, places = iter(moments.fitted), _places(config)
    scales = {name: np.array([next(fitted) for _ in at]).T for name, at in places.items()}

    def change(inputs: Mapping[str, Numbers]) -> None:
        for name, (means, deviations) in scales.items():
            numbers, at = inputs[name], places[name]
            with np.errstate(over="ignore"):
                numbers[:, at] = (numbers[:, at].astype(np.float64) - means) / deviations
            if not np.isfinite(numbers[:, at]).all():
                raise does_not_fit("a number beyond float32")

    # A spool's, too: a number that is refused is refused before a row trains.
    for part in _slices(config.rows, len(moments.fitted), rows):
        change(rows.some(part).inputs)
    if isinstance(rows, SealedRows):
        rows.change = change


def fitted_of(
    noised: Sequence[int], columns: int, rows: int, scale: Scale, counts_units: bool
) -> tuple[tuple[float, float], ...]:
    """The gate computes the same from the same sums (src/training/moments.ts): the order of operations counts."""
    count = max(1.0, noised[2 * columns] / scale.ones) if counts_units else float(rows)
    # A spread that its noise may have made up is not told from that noise.
    least = min(1.0, scale.deviation / scale.ones / count)
    found = []
    for k in range(columns):
        mean = min(1.0, max(-1.0, noised[2 * k] / scale.ones / count))
        square = noised[2 * k + 1] / scale.ones / count
        found.append((mean, math.sqrt(min(1.0, max(least, square - mean * mean)))))
    return tuple(found)


def _places(config: Config) -> dict[str, list[int]]:
    """Where the columns that are standardised stand in each input, in order."""
    places: dict[str, list[int]] = {}
    for item in config.inputs:
        at = 0
        for feature in item.features:
            if isinstance(feature, Standardise):
                places.setdefault(item.name, []).append(at)
            at += feature.width
    return places


def _of_units(rows: AnyRows, places: dict[str, list[int]], table: Any) -> Floats64:
    """Numbers and squares, by unit and column, means over the unit's rows. What is no number counts as the least."""
    some = rows.some(table if isinstance(table, slice) else np.maximum(table, 0))
    values = np.concatenate([some.inputs[name][..., at] for name, at in places.items()], -1).astype(np.float64)
    values = np.fmin(np.fmax(values, -1), 1)
    both = np.stack([values, values * values])
    if isinstance(table, slice):
        return both
    taken = (table >= 0)[..., None]
    means: Floats64 = np.where(taken, both, 0).sum(2) / taken.sum(1)
    return means


def _parts(count: int, table: npt.NDArray[np.int32] | None, columns: int, rows: AnyRows) -> Iterator[Any]:
    """Row numbers of so many units at a time; where a unit is a row, the rows themselves."""
    rows_each = 1 if table is None else table.shape[1]
    for part in _slices(count, columns * rows_each, rows, rows_each):
        yield part if table is None else table[part]


def _slices(count: int, numbers_each: int, rows: AnyRows, rows_each: int = 1) -> Iterator[slice]:
    at_once = max(1, _CACHED_NUMBERS // numbers_each)
    if isinstance(rows, SealedRows):
        at_once = max(1, min(at_once, rows.rows_at_once // rows_each))
    for first in range(0, count, at_once):
        yield slice(first, min(first + at_once, count))
