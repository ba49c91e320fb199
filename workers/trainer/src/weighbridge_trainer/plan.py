"""How a run is cut into steps, micro-batches and dispatches. It follows from public numbers alone, so one compilation
serves the whole run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .config import Config
from .placement import Placement
from .stored import record_of

# Row numbers and which of them are rows at all: (steps, micro-batches, rows). Then the number of each step: (steps).
Batches = tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.int32]]

# Wide batches in one piece are slow on a CPU, narrow ones on a GPU, and a micro-batch must fit beside its gradient.
_MAX_MICRO_ROWS = 256
_MAX_GPU_MICRO_ROWS = 4_096
_MICRO_ELEMENTS = 1 << 27
# One dispatch runs so many steps, or as many as take a second or two: between dispatches progress is told, and the
# state of the run given out.
_MAX_SEGMENT_STEPS = 128
_SEGMENT_FLOPS = 1 << 36
_GPU_SEGMENT_FLOPS = 1 << 43
# Rows of a segment, where they come from a spool; the next segment's lie beside them.
_POOL_BYTES = 128 << 20
_ONE_DEVICE = Placement(None)
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Plan:
    epochs: int
    steps_per_epoch: int
    micro_batches: int
    micro_rows: int
    segment_steps: int
    pool_rows: int | None = None
    """Rows that a segment has room for, where not all of them are in memory."""

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch


def plan_of(
    config: Config,
    row_elements: int,
    place: Placement = _ONE_DEVICE,
    spooled: bool = False,
    flops_per_row: float = 0.0,
) -> Plan:
    """:param flops_per_row: once it is known"""
    batch_rows = min(config.batch_rows, config.rows)
    fitting = max(1, _MICRO_ELEMENTS // max(1, row_elements))
    each = min(config.micro_batch_rows or (_MAX_GPU_MICRO_ROWS if place.on_gpu else _MAX_MICRO_ROWS), fitting)
    micro_rows = place.up(min(batch_rows, each * place.devices))
    steps = -(-config.rows // batch_rows)
    micro_batches = -(-batch_rows // micro_rows)
    segment_steps = steps_at_once(min(steps, _MAX_SEGMENT_STEPS), flops_per_row * batch_rows, place)
    pool_rows = None
    if spooled:
        segment_steps = min(segment_steps, pooled_steps(config, batch_rows))
        pool_rows = min(config.rows, segment_steps * batch_rows)
    return Plan(config.epochs, steps, micro_batches, micro_rows, segment_steps, pool_rows)


def steps_at_once(most: int, flops_per_step: float, place: Placement) -> int:
    """Steps of one dispatch."""
    flops = (_GPU_SEGMENT_FLOPS if place.on_gpu else _SEGMENT_FLOPS) * place.devices
    return max(1, min(most, int(flops // max(1.0, flops_per_step))))


def pooled_steps(config: Config, rows_a_step: int) -> int:
    """Steps whose rows may be in memory together, where not all rows are."""
    return max(1, _POOL_BYTES // (rows_a_step * record_of(config).bytes))


def segments(plan: Plan, config: Config, epoch: int, begin: int = 0) -> Iterator[Batches]:
    """One epoch's batches in equal segments; what is missing at the end is filled with rows that do not count.

    :param begin: steps of the run that are done already, by whatever segments
    """
    order = epoch_order(config.seed, epoch, config.rows)
    batch_rows = min(config.batch_rows, config.rows)
    done = begin - epoch * plan.steps_per_epoch
    for first in range(0, plan.steps_per_epoch, plan.segment_steps):
        if first + plan.segment_steps <= done or done >= plan.steps_per_epoch:
            continue
        index = np.zeros((plan.segment_steps, plan.micro_batches * plan.micro_rows), np.int32)
        counts = np.zeros(index.shape, np.bool_)
        for step in range(max(first, done), min(first + plan.segment_steps, plan.steps_per_epoch)):
            batch = order[step * batch_rows : (step + 1) * batch_rows]
            index[step - first, : len(batch)] = batch
            counts[step - first, : len(batch)] = True
        shape = (plan.segment_steps, plan.micro_batches, plan.micro_rows)
        numbers = epoch * plan.steps_per_epoch + first + np.arange(plan.segment_steps, dtype=np.int32)
        yield index.reshape(shape), counts.reshape(shape), numbers.astype(np.int32)


def epoch_order(seed: int, epoch: int, rows: int) -> npt.NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(rows)


def ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Makes the next item in a thread while the device works on this one: noise and rows wait for nobody."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (now := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield now
