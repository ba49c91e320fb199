"""What a private run costs, computed as the marketplace computes it (`src/privacy`, docs/privacy.md): Rényi differential
privacy of the Poisson-sampled Gaussian at integer orders, and the least noise that a wanted epsilon takes."""

from __future__ import annotations

import math

from .errors import bad_input

ORDERS = (*range(2, 64), 128, 256, 512, 1024)
# The marketplace rounds up by 1e-7; a little more, since its logarithms may differ in their last digit.
_ROUND_UP = 1 + 1.0001e-7
_NOISE_GRID = 10_000
_NOISE_RANGE = (0.1, 1_000.0)


def epsilon_of(
    *,
    sampling_rate: float,
    noise_multiplier: float,
    steps: int,
    delta: float,
    metric_noise: float | None = None,
    moments_noise: float | None = None,
) -> float:
    """The epsilon of a run, rounded up in the seventh digit.

    :param metric_noise: noise multiplier of the metric that it buys, if it buys one
    :param moments_noise: noise multiplier of the sums that columns are standardised by, if they are
    """
    return curve_epsilon(run_curve(sampling_rate, noise_multiplier, steps, metric_noise, moments_noise), delta)


def run_curve(sampling_rate: float, noise_multiplier: float, steps: int, *once: float | None) -> list[float]:
    """:param once: noise multipliers of what is released once, with every unit in it"""
    noises = [noise for noise in once if noise is not None]
    return [
        sum((_one_step(1, noise, order) for noise in noises), steps * _one_step(sampling_rate, noise_multiplier, order))
        for order in ORDERS
    ]


def curve_epsilon(curve: list[float], delta: float) -> float:
    least = math.inf
    for order, loss in zip(ORDERS, curve, strict=True):
        if delta**2 + math.expm1(-loss) > 0:
            least = min(least, 0.0)
        else:
            least = min(least, loss + math.log1p(-1 / order) - math.log(delta * order) / (order - 1))
    return max(0.0, least) * _ROUND_UP


def noise_for(*, epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
    """The smallest noise multiplier, in steps of 1/10,000, with which the run costs at most `epsilon`.

    :raises WeighbridgeError: BAD_INPUT if no noise in range does it
    """

    def cost(units: int) -> float:
        return epsilon_of(sampling_rate=sampling_rate, noise_multiplier=units / _NOISE_GRID, steps=steps, delta=delta)

    below, above = round(_NOISE_RANGE[0] * _NOISE_GRID) - 1, round(_NOISE_RANGE[1] * _NOISE_GRID)
    if cost(above) > epsilon:
        raise bad_input(f"epsilon {epsilon}: no noise makes a run as private as that", "Take fewer epochs or a larger epsilon.")
    while above - below > 1:
        middle = (below + above) // 2
        if cost(middle) <= epsilon:
            above = middle
        else:
            below = middle
    return above / _NOISE_GRID


def _one_step(q: float, sigma: float, order: int) -> float:
    if q == 1:
        return order / (2 * sigma**2)
    log_q, log_rest, log_binomial = math.log(q), math.log1p(-q), math.log(order)
    terms: list[float] = []
    for k in range(2, order + 1):
        log_binomial += math.log((order - k + 1) / k)
        terms.append(log_binomial + k * log_q + (order - k) * log_rest + _log_expm1((k * k - k) / (2 * sigma**2)))
    largest = max(terms)
    total = largest + math.log(sum(math.exp(term - largest) for term in terms))
    return (total + math.log1p(math.exp(-total)) if total > 0 else math.log1p(math.exp(total))) / (order - 1)


def _log_expm1(x: float) -> float:
    """log(exp(x) - 1), also where exp(x) overflows."""
    return x + math.log1p(-math.exp(-x)) if x > 1 else math.log(math.expm1(x))
