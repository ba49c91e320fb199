"""Everything that a private run draws, from one secret seed by ChaCha20 (RFC 8439): keystream(seed, purpose, step).

Whoever has the seed can draw the noise again and take it off, so it never leaves the worker's side: the log holds its
SHA-256 alone. JAX's own generator has a 64-bit key and makes floats with gaps: neither will do here.
"""

import hashlib
import struct

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

SEED_BYTES = 32
_SAMPLE, NOISE, _METRIC, _MOMENTS = 1, 2, 3, 4
# One keystream draws so many units: longer ones leave the processor's cache. It is part of what a seed means.
UNITS_A_PART = 1 << 20
# Share of the square that lies in the circle is pi/4; drawn so much more, the next block is hardly ever needed.
_POLAR_SPARE = 1.3
# So many points at once stay in the processor's cache, which is four times as fast as all of a step's.
_CACHED_DRAWS = 1 << 15


class SecretStream:
    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError("seed length")
        self._seed = seed

    @property
    def key(self) -> npt.NDArray[np.uint32]:
        """The cipher's, as its eight words."""
        return np.frombuffer(self._seed, "<u4")

    @property
    def commitment(self) -> str:
        return hashlib.sha256(self._seed).hexdigest()

    def sample(self, step: int, units: int, rate: float) -> npt.NDArray[np.int64]:
        """Each unit independently with the chance `rate`, rounded down to a multiple of 2^-32: never more."""
        if rate >= 1:
            return np.arange(units)
        parts = enumerate(range(0, units, UNITS_A_PART))
        drawn = [first + self._part(step, k, min(UNITS_A_PART, units - first), rate) for k, first in parts]
        return np.concatenate(drawn)

    def _part(self, step: int, number: int, units: int, rate: float) -> npt.NDArray[np.int64]:
        """Whether a number of 32 bits is below `rate` its first byte tells, mostly; the others are drawn for those
        where it does not. Else a step over a million rows would be drawing, above all.
        """
        whole, rest = divmod(int(rate * 2**32), 1 << 24)
        byte = np.frombuffer(self._keystream(_SAMPLE, step, 2 * number, units), np.uint8)
        perhaps = np.flatnonzero(byte <= whole)
        words = np.frombuffer(self._keystream(_SAMPLE, step, 2 * number + 1, 4 * len(perhaps)), "<u4") >> 8
        return perhaps[(byte[perhaps] < whole) | (words < rest)]

    def gaussian(self, step: int, count: int, deviation: float) -> npt.NDArray[np.int32]:
        """Whole numbers from a rounded Gaussian. `deviation` is at least 2^20, so that the rounding hides the gaps of
        the doubles it comes from (Mironov 2012); Marsaglia's polar method, because it takes no sine.
        """
        return self._gaussian(NOISE, step, count, deviation)

    def metric_noise(self, count: int, deviation: float) -> npt.NDArray[np.int32]:
        """The same, of a purpose of its own: a run measures once."""
        return self._gaussian(_METRIC, 0, count, deviation)

    def moments_noise(self, count: int, deviation: float) -> npt.NDArray[np.int32]:
        """The same, of a purpose of its own: a run fits once."""
        return self._gaussian(_MOMENTS, 0, count, deviation)

    def _gaussian(self, purpose: int, step: int, count: int, deviation: float) -> npt.NDArray[np.int32]:
        """The first numbers of all pairs, then the second ones."""
        pairs = -(-count // 2)
        out = np.empty(2 * pairs, np.int32)
        made = block = 0
        while made < pairs:
            draws = draws_for(pairs - made)
            words = np.frombuffer(self._keystream(purpose, step, block, 8 * draws), "<i4").reshape(2, draws)
            for first in range(0, draws, _CACHED_DRAWS):
                found = _polar(words[:, first : first + _CACHED_DRAWS])[:, : pairs - made]
                found *= deviation
                np.rint(found, out=found)
                end = made + found.shape[1]
                out[made:end], out[pairs + made : pairs + end] = found
                made = end
            block += 1
        return out[:count]

    def _keystream(self, purpose: int, step: int, block: int, size: int) -> bytes:
        # 32-bit block counter from 0, then a nonce of 96 bits that stands for one purpose, step and block only.
        nonce = struct.pack("<IIII", 0, purpose, step, block)
        return Cipher(algorithms.ChaCha20(self._seed, nonce), mode=None).encryptor().update(bytes(size))


def draws_for(pairs: int) -> int:
    """Points of the square that hold so many of the circle, almost always."""
    return int(pairs * _POLAR_SPARE) + 16


def _polar(words: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Pairs of standard Gaussians, as many as of so many points of the square lie in the circle."""
    points = words.astype(np.float64)
    points += 0.5
    points *= 2.0**-31
    squared = points[0] * points[0]
    squared += points[1] * points[1]
    inside = np.flatnonzero(squared < 1)
    squared = squared[inside]
    factors = np.log(squared)
    factors *= -2
    factors /= squared
    np.sqrt(factors, out=factors)
    gaussians: npt.NDArray[np.float64] = points[:, inside]
    gaussians *= factors
    return gaussians
