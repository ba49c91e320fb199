"""What of a job is private, as declared."""

from dataclasses import dataclass
from typing import Any

from .fields import FieldError, Fields


@dataclass(frozen=True)
class Metric:
    """A number about rows that are held out, with noise of its own."""

    name: str
    bound: float
    """A row counts as so much at most."""
    noise_multiplier: float


@dataclass(frozen=True)
class Privacy:
    """DP-SGD as declared; the host holds the numbers against epsilon, delta and the seller's terms."""

    noise_multiplier: float
    clipping_norm: float
    sampling_rate: float
    steps: int
    unit_column: str | None = None
    unit_max_rows: int = 1
    metric: Metric | None = None
    moments_noise: float | None = None
    """Noise multiplier of the sums that columns are standardised by."""


def read_privacy(value: Any) -> Privacy | None:
    if value == "none":
        return None
    fields = Fields(value)
    # Epsilon and delta follow from the rest; the host checked that they do.
    fields.number("epsilon", 0)
    fields.number("delta", 0, 1)
    noise, norm = fields.number("noiseMultiplier", 0.1, 1e3), fields.number("clippingNorm", 1e-6, 1e6)
    rate, steps = fields.share("samplingRate"), fields.count("steps", high=10_000_000)
    metric, moments_noise = _metric(fields.optional("metric")), _moments(fields.optional("moments"))
    column, most = _unit(fields.any("unit"))
    fields.done()
    return Privacy(noise, norm, rate, steps, column, most, metric, moments_noise)


def _unit(value: Any) -> tuple[str | None, int]:
    unit = Fields(value)
    of_rows = unit.one_of("kind", ("row", "column")) == "row"
    column, most = (None, 1) if of_rows else (unit.text("column"), unit.count("maxRows", high=256))
    unit.done()
    return column, most


def _moments(value: Any) -> float | None:
    if value is None:
        return None
    fields = Fields(value)
    noise = fields.number("noiseMultiplier", 0.1, 1e3)
    fields.done()
    return noise


def _metric(value: Any) -> Metric | None:
    if value is None:
        return None
    fields = Fields(value)
    name = fields.one_of("name", ("accuracy", "loss"))
    metric = Metric(name, fields.positive("bound"), fields.number("noiseMultiplier", 0.1, 1e3))
    fields.done()
    if name == "accuracy" and metric.bound != 1:
        raise FieldError("the bound of an accuracy is not 1")
    return metric
