"""DP-SGD as one would write it down, in NumPy and one row after the other: the oracle of the tests. It shares nothing
with the trainer, the secret stream included."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

Tensors = dict[str, npt.NDArray[np.float64]]


def keystream(seed: bytes, purpose: int, step: int, block: int, size: int) -> bytes:
    nonce = b"".join(part.to_bytes(4, "little") for part in (0, purpose, step, block))
    return Cipher(algorithms.ChaCha20(seed, nonce), None).encryptor().update(bytes(size))


def sampled(seed: bytes, step: int, units: int, rate: float) -> list[int]:
    """A number of 32 bits for each: one byte, and, where that leaves it open, the other three."""
    chance, found = int(rate * 2**32), []
    for part, first in enumerate(range(0, units, 2**20)):
        size = min(2**20, units - first)
        heads, tails = keystream(seed, 1, step, 2 * part, size), keystream(seed, 1, step, 2 * part + 1, 4 * size)
        drawn = 0
        for k in range(size):
            number = heads[k] << 24
            if number <= chance:
                number += int.from_bytes(tails[4 * drawn + 1 : 4 * drawn + 4], "little")
                drawn += 1
            if number < chance:
                found.append(first + k)
    return found


def clipped_sum(gradients: Sequence[Mapping[str, Any]], names: list[str], norm: float) -> Tensors:
    total: Tensors = {}
    for gradient in gradients:
        flat = np.concatenate([np.asarray(gradient[name], np.float64).ravel() for name in names])
        length = np.sqrt((flat.astype(np.float32) ** 2).sum(dtype=np.float32))
        if not np.isfinite(length):
            continue
        factor = min(1.0, norm * (1 - 2**-12) / length) if length > 0 else 1.0
        for name in names:
            total[name] = total.get(name, 0) + factor * np.asarray(gradient[name], np.float64)
    return total


def gaussian(seed: bytes, step: int, count: int, deviation: float, purpose: int = 2) -> list[int]:
    """Marsaglia's polar method, point by point."""
    found: list[tuple[float, float]] = []
    pairs, block = -(-count // 2), 0
    while len(found) < pairs:
        draws = int((pairs - len(found)) * 1.3) + 16
        words = np.frombuffer(keystream(seed, purpose, step, block, 8 * draws), "<i4")
        for k in range(draws):
            x, y = (words[k] + 0.5) / 2**31, (words[draws + k] + 0.5) / 2**31
            if (s := x * x + y * y) < 1:
                found.append((x * np.sqrt(-2 * np.log(s) / s), y * np.sqrt(-2 * np.log(s) / s)))
        block += 1
    flat = [pair[0] for pair in found[:pairs]] + [pair[1] for pair in found[:pairs]]
    return [round(value * deviation) for value in flat[:count]]


def measured(seed: bytes, shares: Sequence[float], noise_multiplier: float) -> int:
    """The noised sum of shares between 0 and 1, in steps of the power of two that makes the noise 2^20 of them wide."""
    ones = 1 << int(20 - np.floor(np.log2(noise_multiplier)))
    noise = gaussian(seed, 0, 2, noise_multiplier * ones, purpose=3)[0]
    return sum(round(share * ones) for share in shares) + noise


Unit = Sequence[Sequence[float]]


def moments(seed: bytes, units: Sequence[Unit], noise_multiplier: float, counted: bool) -> list[int]:
    """Noised sums of the numbers and of their squares, column by column, and of the units if that is secret. A unit is
    rows of numbers; each number counts as between -1 and 1, what is none as -1."""
    columns = len(units[0][0])
    reach = (2 * columns + counted) ** 0.5
    ones = next(2**k for k in range(64) if noise_multiplier * reach * 2**k >= 2**20)
    noise = gaussian(seed, 0, 2 * columns + counted, noise_multiplier * reach * ones, purpose=4)
    found: list[int] = []
    for k in range(columns):
        for power in (1, 2):
            shares = []
            for unit in units:
                clipped = [-1.0 if row[k] != row[k] else max(-1.0, min(1.0, float(row[k]))) for row in unit]
                shares.append(sum(one**power for one in clipped) / len(unit))
            found.append(sum(round(share * ones) for share in shares) + noise[len(found)])
    return [*found, len(units) * ones + noise[-1]] if counted else [*found, 0]


def private_sgd(
    weights: Tensors, gradient_of: Callable[[Tensors, int], Mapping[str, Any]], units: int, seed: bytes, setting: Any
) -> Tensors:
    """Plain SGD with `setting` = (rate, steps, norm, noise multiplier, learning rate), and the units that a step
    expects where their number is secret."""
    rate, steps, norm, noise_multiplier, learning_rate, *expected = setting
    names = sorted(weights)
    count = sum(weights[name].size for name in names)
    unit = 2.0 ** np.floor(np.log2(norm * noise_multiplier) - 20)
    deviation = noise_multiplier * (norm + unit * np.sqrt(count)) / unit
    for step in range(steps):
        total = clipped_sum([gradient_of(weights, k) for k in sampled(seed, step, units, rate)], names, norm)
        noise, at = np.array(gaussian(seed, step, count, deviation), np.float64) * unit, 0
        for name in names:
            part = noise[at : at + weights[name].size].reshape(weights[name].shape)
            weights[name] = weights[name] - learning_rate * (total.get(name, 0) + part) / max(
                1.0, *(expected or [rate * units])
            )
            at += weights[name].size
    return weights
