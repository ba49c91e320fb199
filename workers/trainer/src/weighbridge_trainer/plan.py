"""How a run is cut into steps, micro-batches and dispatches. It follows from public numbers alone, so one compilation
serves the whole run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .config import Config
from .placement import Placement

# Row numbers and which of them are rows at all: (steps, micro-batches, rows). Then the number of each step: (steps).
Batches = tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.int32]]

# Wide batches in one piece are slow on a CPU, narrow ones on a GPU, and a micro-batch must fit beside its gradient.
_MAX_MICRO_ROWS = 256
_MAX_GPU_MICRO_ROWS = 4_096
_MICRO_ELEMENTS = 1 << 27
# One dispatch runs so many steps: progress can be told between dispatches.
_MAX_SEGMENT_STEPS = 128
_ONE_DEVICE = Placement(None)


@dataclass(frozen=True)
class Plan:
    epochs: int
    steps_per_epoch: int
    micro_batches: int
    micro_rows: int
    segment_steps: int

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch


def plan_of(config: Config, row_elements: int, place: Placement = _ONE_DEVICE) -> Plan:
    batch_rows = min(config.batch_rows, config.rows)
    fitting = max(1, _MICRO_ELEMENTS // max(1, row_elements))
    each = min(config.micro_batch_rows or (_MAX_GPU_MICRO_ROWS if place.on_gpu else _MAX_MICRO_ROWS), fitting)
    micro_rows = place.up(min(batch_rows, each * place.devices))
    steps = -(-config.rows // batch_rows)
    return Plan(config.epochs, steps, -(-batch_rows // micro_rows), micro_rows, min(steps, _MAX_SEGMENT_STEPS))


def segments(plan: Plan, config: Config, epoch: int) -> Iterator[Batches]:
    """One epoch's batches in equal segments; what is missing at the end is filled with rows that do not count."""
    order = epoch_order(config.seed, epoch, config.rows)
    batch_rows = min(config.batch_rows, config.rows)
    for first in range(0, plan.steps_per_epoch, plan.segment_steps):
        index = np.zeros((plan.segment_steps, plan.micro_batches * plan.micro_rows), np.int32)
        counts = np.zeros(index.shape, np.bool_)
        for step in range(first, min(first + plan.segment_steps, plan.steps_per_epoch)):
            batch = order[step * batch_rows : (step + 1) * batch_rows]
            index[step - first, : len(batch)] = batch
            counts[step - first, : len(batch)] = True
        shape = (plan.segment_steps, plan.micro_batches, plan.micro_rows)
        numbers = epoch * plan.steps_per_epoch + first + np.arange(plan.segment_steps, dtype=np.int32)
        yield index.reshape(shape), counts.reshape(shape), numbers.astype(np.int32)


def epoch_order(seed: int, epoch: int, rows: int) -> npt.NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(rows)
