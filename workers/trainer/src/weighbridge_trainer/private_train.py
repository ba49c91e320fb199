"""DP-SGD (Abadi et al. 2016): Poisson batches, clipped gradients, one noise a step, divided by the EXPECTED batch.
All that is drawn comes from the secret stream; a batch that happens to be empty takes its noise like any other."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax import Array

from .budgets import Lowered, compile_within, lower_within
from .config import Config
from .device_noise import DeviceNoise, Noise
from .journal import Journal
from .losses import row_keys
from .optimise import Data, abstract_data, pooled, shaped, unpacked_rows
from .optimisers import make_optimiser
from .placement import Placement, placement
from .plan import ahead, pooled_steps, steps_at_once
from .privacy_config import Privacy
from .private_clip import ClippedSum, clipped_sum_of_rows, clipped_sum_of_units
from .private_grid import Grid, add_on_grid, grid_of
from .private_stream import SecretStream
from .private_units import Units, units_of
from .program import Program, Weights
from .rows import Rows
from .safetensors import Floats
from .sealed_rows import AnyRows

# A row's own gradients are in memory at once for so many: more of them leave a processor's cache, fewer leave a GPU
# idle. The last micro-batch of a step is half empty on average: on a processor, where that takes as long as if it were
# full, it is at most so large a part of a step, unless rows would be too few to share what a kernel's call costs.
_MICRO_ROWS = 64
_MICRO_PART = 4
_LEAST_MICRO_ROWS = 8
_GPU_MICRO_ROWS = 1_024
_MICRO_ELEMENTS = 1 << 27
# Noise of so many steps is made ahead at once, and so many numbers of it.
_MAX_SEGMENT_STEPS = 32
_SEGMENT_NUMBERS = 1 << 22

# Units and which of them count (steps, places), how many places are used (steps), noise (steps, numbers), step numbers.
Segment = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Noise, npt.NDArray[np.int32]]


@dataclass(frozen=True)
class Plan:
    steps: int
    micro_units: int
    unit_rows: int
    capacity: int
    """Units that a step has room for, a multiple of `micro_units`."""
    segment_steps: int
    expected_units: float
    spooled: bool

    def pool_rows(self, capacity: int, config: Config) -> int | None:
        """Rows that a segment has room for, where not all of them are in memory."""
        return min(config.rows, self.segment_steps * capacity * self.unit_rows) if self.spooled else None


@dataclass(frozen=True)
class PrivateTrainer:
    plan: Plan
    config: Config
    privacy: Privacy
    grid: Grid
    place: Placement
    device_noise: DeviceNoise | None
    """Where a GPU draws it."""
    trainable: Weights
    frozen: Weights
    state: Any
    step_of: Callable[[int], Callable[..., tuple[Weights, Any]]]
    """Compiled for a capacity. The plan's is compiled ahead; a larger one is hardly ever needed (see `plan_of`)."""


def plan_of(
    config: Config,
    privacy: Privacy,
    row_elements: int,
    numbers: int,
    place: Placement,
    spooled: bool,
    flops_per_row: float = 0.0,
) -> Plan:
    """:param flops_per_row: once it is known"""
    unit_rows = privacy.unit_max_rows
    expected = privacy.sampling_rate * config.rows
    fitting = max(1, _MICRO_ELEMENTS // max(1, row_elements * unit_rows + numbers))
    most = config.micro_batch_rows or (_GPU_MICRO_ROWS if place.on_gpu else _micro_rows(expected * unit_rows))
    each = max(1, min(most // unit_rows or 1, fitting))
    micro = place.up(min(math.ceil(expected), each * place.devices))
    # Eight deviations above the mean: passed once in 10^15 steps, and then a larger program is compiled.
    room = _up(min(config.rows, math.ceil(expected + 8 * math.sqrt(expected) + 16)), micro)
    segment = max(1, min(privacy.steps, _MAX_SEGMENT_STEPS, _SEGMENT_NUMBERS // max(1, numbers)))
    segment = steps_at_once(segment, flops_per_row * expected * unit_rows, place)
    if spooled:
        segment = min(segment, pooled_steps(config, room * unit_rows))
    return Plan(privacy.steps, micro, unit_rows, room, segment, max(1.0, expected / unit_rows), spooled)


def _micro_rows(expected_rows: float) -> int:
    return min(_MICRO_ROWS, max(_LEAST_MICRO_ROWS, math.ceil(expected_rows / _MICRO_PART)))


def prepare_private(
    program: Program, weights: Mapping[str, Floats], config: Config, privacy: Privacy, spooled: bool = False
) -> PrivateTrainer:
    """Traces, budgets and compiles the run before any row is read.

    :param spooled: whether the rows will be in a spool
    :raises Refused: MODEL_TOO_LARGE
    """
    trainable = {name: jnp.asarray(weights[name]) for name in sorted(config.trainable)}
    frozen = {name: jnp.asarray(values) for name, values in weights.items() if name not in trainable}
    numbers = sum(values.size for values in trainable.values())
    place = placement()
    plan = plan_of(config, privacy, program.row_elements, numbers, place, spooled)
    grid = grid_of(privacy.noise_multiplier, privacy.clipping_norm, numbers)
    optimiser = make_optimiser(config.optimiser, config.schedule, plan.steps)
    state = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), jax.eval_shape(optimiser.init, trainable))
    clipped_sum = _clipped_sum(program, config, privacy, {name: values.shape for name, values in trainable.items()})
    key = jax.random.key(config.seed) if program.is_random else None
    segment = make_segment(config, clipped_sum, optimiser, plan, grid, key, place)

    def lowered(plan: Plan, capacity: int) -> Lowered:
        abstract = _abstract(plan, capacity, numbers, config)
        traced = place.trace(segment, trainable, state, frozen, *abstract, given_away=(0, 1))
        return lower_within(traced, plan.micro_units * plan.unit_rows)

    run = lowered(plan, plan.capacity)
    shorter = plan_of(config, privacy, program.row_elements, numbers, place, spooled, run.flops_per_row)
    if shorter != plan:
        plan, run = shorter, lowered(shorter, shorter.capacity)
    device_noise = DeviceNoise(plan.segment_steps, numbers, grid.deviation, place) if place.on_gpu else None
    beside_bytes = 0 if device_noise is None else device_noise.bytes
    compiled = {plan.capacity: compile_within(run, beside_bytes)}

    def step_of(capacity: int) -> Callable[..., tuple[Weights, Any]]:
        if capacity not in compiled:
            compiled[capacity] = compile_within(lowered(plan, capacity), beside_bytes)
        program: Callable[..., tuple[Weights, Any]] = compiled[capacity]
        return program

    return PrivateTrainer(plan, config, privacy, grid, place, device_noise, trainable, frozen, state, step_of)


def train_private(
    trainer: PrivateTrainer,
    rows: AnyRows,
    seed: bytes,
    progress: Callable[[int, int], None],
    journal: Journal | None = None,
) -> dict[str, Floats]:
    """The trained tensors by name. `progress` hears of steps done, which no row value changes."""
    config, plan, place = trainer.config, trainer.plan, trainer.place
    units = units_of(rows.units, config.rows, plan.unit_rows)
    journal = journal or Journal()
    done, carry = journal.restore((trainer.trainable, trainer.state))
    (trainable, state), frozen = place.everywhere(carry), place.everywhere(trainer.frozen)
    drawn = segments(trainer, units, SecretStream(seed), done)
    for capacity, data, table, batches in ahead(_fed(trainer, rows, units, drawn)):
        run = trainer.step_of(capacity)
        trainable, state = run(trainable, state, frozen, data, table, *place.everywhere(batches))
        jax.block_until_ready(trainable)
        done = min(done + plan.segment_steps, plan.steps)
        progress(done, plan.steps)
        journal.reached(done, (trainable, state))
    returned = {**trainer.frozen, **trainable} if config.returns_all else trainable
    return {name: np.asarray(values) for name, values in returned.items()}


def _fed(
    trainer: PrivateTrainer, rows: AnyRows, units: Units, drawn: Iterator[tuple[int, Segment]]
) -> Iterator[tuple[int, Data, Any, Segment]]:
    """Each segment with its capacity, the rows that it computes with, and which of them are of which unit."""
    config, plan, place = trainer.config, trainer.plan, trainer.place
    if isinstance(rows, Rows):
        (inputs, target), table = place.rows((shaped(rows, config), units.padded(config.rows)))
        for capacity, batches in drawn:
            yield capacity, (inputs, target, None), table, batches
        return
    for capacity, (index, used, noise, number) in drawn:
        wanted = index if units.rows is None else units.rows[index]
        data, places = pooled(rows, np.maximum(wanted, 0), plan.pool_rows(capacity, config), config, place)
        if units.rows is None:
            yield capacity, data, None, (places, used, noise, number)
        else:
            table = np.where(wanted >= 0, places, -1).reshape(-1, plan.unit_rows)
            lines = np.arange(index.size, dtype=np.int32).reshape(index.shape)
            yield capacity, data, place.rows(table), (lines, used, noise, number)


def segments(
    trainer: PrivateTrainer, units: Units, stream: SecretStream, begin: int = 0
) -> Iterator[tuple[int, Segment]]:
    """Batches and noise of `segment_steps` steps at a time, with the capacity that the largest batch needs.

    Steps beyond the last are numbered -1 and change nothing.
    """
    plan, numbers = trainer.plan, sum(values.size for values in trainer.trainable.values())
    for first in range(begin, plan.steps, plan.segment_steps):
        steps = range(first, min(first + plan.segment_steps, plan.steps))
        drawn = [stream.sample(step, units.count, trainer.privacy.sampling_rate) for step in steps]
        capacity = max(plan.capacity, _up(max(map(len, drawn)), plan.micro_units))
        index = np.zeros((plan.segment_steps, capacity), np.int32)
        used = np.zeros(plan.segment_steps, np.int32)
        number = np.full(plan.segment_steps, -1, np.int32)
        for k, step in enumerate(steps):
            index[k, : len(drawn[k])], used[k], number[k] = drawn[k], len(drawn[k]), step
        yield capacity, (index, used, _noise_of(trainer, stream, steps, numbers), number)


def _noise_of(trainer: PrivateTrainer, stream: SecretStream, steps: range, numbers: int) -> Noise:
    drawn = None if trainer.device_noise is None else trainer.device_noise(stream, steps)
    if drawn is not None:
        return drawn
    noise = np.zeros((trainer.plan.segment_steps, numbers), np.int32)
    for k, step in enumerate(steps):
        noise[k] = stream.gaussian(step, numbers, trainer.grid.deviation)
    return noise


def make_segment(
    config: Config,
    clipped_sum: ClippedSum,
    optimiser: optax.GradientTransformation,
    plan: Plan,
    grid: Grid,
    key: Array | None,
    place: Placement,
) -> Callable[..., tuple[Weights, optax.OptState]]:
    """A function that takes `segment_steps` steps in one dispatch."""

    def total_of(weights: Weights, frozen: Weights, data: Any, index: Array, used: Array, number: Array) -> Weights:
        inputs, target, numbers, table = data
        step_key = None if key is None else jax.random.fold_in(key, number)

        def micro(k: Array, total: Weights) -> Weights:
            places = k * plan.micro_units + jnp.arange(plan.micro_units)
            counts = places < used
            picked = jax.lax.dynamic_slice_in_dim(index, k * plan.micro_units, plan.micro_units)
            row = picked if table is None else table[picked]
            counts = counts if table is None else counts[:, None] & (row >= 0)
            row = jnp.maximum(row, 0)
            keys = None if step_key is None else _keys(step_key, row, numbers)
            row, counts = place.shared((row, counts))
            some = unpacked_rows(config, place.shared({name: values[row] for name, values in inputs.items()}))
            added: Weights = jax.tree.map(jnp.add, total, clipped_sum(weights, frozen, some, target[row], keys, counts))
            return added

        zeros = jax.tree.map(jnp.zeros_like, weights)
        total: Weights = jax.lax.fori_loop(0, (used + plan.micro_units - 1) // plan.micro_units, micro, zeros)
        return total

    def segment(
        trainable: Weights,
        state: optax.OptState,
        frozen: Weights,
        data: Data,
        table: Array | None,
        *steps: Array,
    ) -> tuple[Weights, optax.OptState]:
        def step(carry: tuple[Weights, optax.OptState], batch: Any) -> tuple[tuple[Weights, optax.OptState], None]:
            (weights, state), (index, used, noise, number) = carry, batch
            total = total_of(weights, frozen, (*data, table), index, used, number)
            mean = _noised(total, noise, grid, plan.expected_units)
            updates, new_state = optimiser.update(mean, state, weights)
            new = (optax.apply_updates(weights, updates), new_state)
            return jax.tree.map(lambda a, b: jnp.where(number >= 0, a, b), new, carry), None

        (trainable, state), _ = jax.lax.scan(step, (trainable, state), steps)
        return trainable, state

    return segment


def _keys(step_key: Array, row: Array, numbers: Array | None) -> Array:
    flat = row.reshape(-1)
    return row_keys(step_key, flat if numbers is None else numbers[flat]).reshape(row.shape)


def _noised(total: Weights, noise: Array, grid: Grid, expected: float) -> dict[str, Array]:
    """Which noise falls on which number follows from the sorted names alone."""
    result, begin = {}, 0
    for name in sorted(total):
        values = total[name]
        part = noise[begin : begin + values.size].reshape(values.shape)
        result[name] = add_on_grid(values, part, grid.unit) / expected
        begin += values.size
    return result


def _clipped_sum(
    program: Program, config: Config, privacy: Privacy, shapes: Mapping[str, tuple[int, ...]]
) -> ClippedSum:
    if privacy.unit_column is not None:
        return clipped_sum_of_units(program, config, privacy.clipping_norm)
    return clipped_sum_of_rows(program, config, privacy.clipping_norm, shapes)


def _abstract(plan: Plan, capacity: int, numbers: int, config: Config) -> tuple[Any, ...]:
    steps = plan.segment_steps
    of: Any = jax.ShapeDtypeStruct
    units = config.privacy is not None and config.privacy.unit_column is not None
    lines = steps * capacity if plan.spooled else config.rows
    table = of((lines, plan.unit_rows), jnp.int32) if units else None
    index = of((steps, capacity), jnp.int32)
    each_step = of((steps,), jnp.int32)
    data = abstract_data(config, plan.pool_rows(capacity, config))
    return data, table, index, each_step, of((steps, numbers), jnp.int32), each_step


def _up(count: int, multiple: int) -> int:
    return max(multiple, -(-count // multiple) * multiple)
