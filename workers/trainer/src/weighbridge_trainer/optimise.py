"""Plain training: mini-batches in a seeded order. Deterministic for a seed, a set of rows and a machine. Nothing that
is computed here leaves but the weights: no loss, no norm, no count."""

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
from .journal import Journal
from .losses import RowLoss, row_keys, row_loss
from .optimisers import make_optimiser
from .placement import Placement, placement
from .plan import Batches, Plan, ahead, plan_of, segments
from .program import Inputs, Program, Weights
from .rows import Numbers, Rows
from .safetensors import Floats
from .sealed_rows import AnyRows
from .stored import packed, stored_type, target_form, unpacked

# Inputs and targets of all rows, and None; or those of a pool, and the number of each of its rows.
Data = tuple[Inputs, Array, Array | None]


@dataclass(frozen=True)
class Trainer:
    """A compiled run. `train` may be called once the rows are there."""

    plan: Plan
    config: Config
    place: Placement
    trainable: Weights
    frozen: Weights
    state: Any
    segment: Callable[..., tuple[Weights, Any]]
    flops_per_row: float


def prepare(program: Program, weights: Mapping[str, Floats], config: Config, spooled: bool = False) -> Trainer:
    """Traces, budgets and compiles the run before any row is read.

    :param spooled: whether the rows will be in a spool
    :raises Refused: MODEL_TOO_LARGE
    """
    place = placement()
    trainable = {name: jnp.asarray(weights[name]) for name in sorted(config.trainable)}
    frozen = {name: jnp.asarray(values) for name, values in weights.items() if name not in trainable}
    plan = plan_of(config, program.row_elements, place, spooled)
    optimiser = make_optimiser(config.optimiser, config.schedule, plan.total_steps)
    # All of it is zeros at the start; running `init` would compile one small program a tensor.
    state = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), jax.eval_shape(optimiser.init, trainable))
    key = jax.random.key(config.seed) if program.is_random else None
    segment = make_segment(config, row_loss(program, config), optimiser, key, place)

    def lowered(plan: Plan) -> Lowered:
        data = abstract_data(config, plan.pool_rows)
        traced = place.trace(segment, trainable, state, frozen, data, _abstract_batches(plan), given_away=(0, 1))
        return lower_within(traced, plan.micro_rows)

    run = lowered(plan)
    shorter = plan_of(config, program.row_elements, place, spooled, run.flops_per_row)
    if shorter != plan:
        plan, run = shorter, lowered(shorter)
    return Trainer(plan, config, place, trainable, frozen, state, compile_within(run), run.flops_per_row)


def train(
    trainer: Trainer, rows: AnyRows, progress: Callable[[int, int], None], journal: Journal | None = None
) -> dict[str, Floats]:
    """The trained tensors by name. `progress` hears of steps done, which no row value changes."""
    config, plan, place = trainer.config, trainer.plan, trainer.place
    journal = journal or Journal()
    begin, carry = journal.restore((trainer.trainable, trainer.state))
    (trainable, state), frozen = place.everywhere(carry), place.everywhere(trainer.frozen)
    fed = _fed(trainer, rows, begin)
    # Rows in memory wait for nobody.
    for done, data, batches in fed if isinstance(rows, Rows) else ahead(fed):
        trainable, state = trainer.segment(trainable, state, frozen, data, place.everywhere(batches))
        jax.block_until_ready(trainable)
        progress(done, plan.total_steps)
        journal.reached(done, (trainable, state))
    returned = {**trainer.frozen, **trainable} if config.returns_all else trainable
    return {name: np.asarray(values) for name, values in returned.items()}


def _fed(trainer: Trainer, rows: AnyRows, begin: int) -> Iterator[tuple[int, Data, Batches]]:
    """Steps that are done after each segment, the rows that it computes with, and its batches."""
    config, plan, place = trainer.config, trainer.plan, trainer.place
    data: Data | None = (*place.rows(shaped(rows, config)), None) if isinstance(rows, Rows) else None
    for epoch in range(config.epochs):
        for index, counts, numbers in segments(plan, config, epoch, begin):
            of_segment, places = pooled(rows, index, plan.pool_rows, config, place) if data is None else (data, index)
            done = min(int(numbers[-1]) + 1, (epoch + 1) * plan.steps_per_epoch)
            yield done, of_segment, (places, counts, numbers)


def make_segment(
    config: Config, loss: RowLoss, optimiser: optax.GradientTransformation, key: Array | None, place: Placement
) -> Callable[..., tuple[Weights, optax.OptState]]:
    """A function that takes `segment_steps` optimiser steps in one dispatch."""

    def loss_sum(
        trainable: Weights, frozen: Weights, inputs: Inputs, target: Array, counts: Array, keys: Array | None
    ) -> Array:
        over_rows = jax.vmap(loss, in_axes=(None, None, 0, 0, None if keys is None else 0))
        return jnp.where(counts, over_rows(trainable, frozen, inputs, target, keys), 0).sum()

    def segment(
        trainable: Weights, state: optax.OptState, frozen: Weights, data: Data, batches: Batches
    ) -> tuple[Weights, optax.OptState]:
        inputs, target, numbers = data

        def gradient(weights: Weights, index: Array, counts: Array, step_key: Array | None) -> Weights:
            index, counts = place.shared((index, counts))
            rows = unpacked_rows(config, place.shared({name: values[index] for name, values in inputs.items()}))
            keys = None if step_key is None else row_keys(step_key, index if numbers is None else numbers[index])
            result: Weights = jax.grad(loss_sum)(weights, frozen, rows, target[index], counts, keys)
            return result

        def step(carry: tuple[Weights, optax.OptState], batch: Any) -> tuple[tuple[Weights, optax.OptState], None]:
            (weights, state), (index, counts, number) = carry, batch
            step_key = None if key is None else jax.random.fold_in(key, number)
            zeros = jax.tree.map(jnp.zeros_like, weights)
            total, _ = jax.lax.scan(
                lambda sums, part: (jax.tree.map(jnp.add, sums, gradient(weights, *part, step_key)), None),
                zeros,
                (index, counts),
            )
            rows = counts.sum()
            mean = jax.tree.map(lambda g: g / jnp.maximum(rows, 1), total)
            updates, new_state = optimiser.update(mean, state, weights)
            new = (optax.apply_updates(weights, updates), new_state)
            # A step without rows only fills the last segment of an epoch: it must change nothing, nor Adam's count.
            return jax.tree.map(lambda a, b: jnp.where(rows > 0, a, b), new, carry), None

        (trainable, state), _ = jax.lax.scan(step, (trainable, state), batches)
        return trainable, state

    return segment


def shaped(rows: Rows, config: Config) -> tuple[dict[str, Numbers], Numbers]:
    """Inputs and targets as a run takes them: `abstract_rows`, filled."""
    return {item.name: packed(item, rows.inputs[item.name]) for item in config.inputs}, rows.target


def pooled(
    rows: AnyRows, wanted: npt.NDArray[np.int32], room: int | None, config: Config, place: Placement
) -> tuple[Data, npt.NDArray[np.int32]]:
    """The rows of a segment, in a pool of `room` rows, and where in it each one stands."""
    if isinstance(rows, Rows) or room is None:
        raise TypeError("a run that was prepared for rows in memory, or the other way round")
    pool, numbers, places = rows.pool(wanted, room)
    return (*place.rows(shaped(pool, config)), place.rows(numbers)), places


def unpacked_rows(config: Config, rows: Inputs) -> Inputs:
    return {item.name: unpacked(item, rows[item.name]) for item in config.inputs}


def abstract_rows(
    config: Config, rows: int | None = None
) -> tuple[dict[str, jax.ShapeDtypeStruct], jax.ShapeDtypeStruct]:
    """:param rows: default: all of them"""
    count = config.rows if rows is None else rows
    inputs = {item.name: jax.ShapeDtypeStruct((count, *item.shape), stored_type(item)) for item in config.inputs}
    shape, dtype = target_form(config.label)
    return inputs, jax.ShapeDtypeStruct((count, *shape), dtype)


def abstract_data(config: Config, pool_rows: int | None) -> Any:
    """`Data` of a pool, or of all rows."""
    numbers = None if pool_rows is None else jax.ShapeDtypeStruct((pool_rows,), jnp.int32)
    return (*abstract_rows(config, pool_rows), numbers)


def _abstract_batches(plan: Plan) -> tuple[jax.ShapeDtypeStruct, ...]:
    shape = (plan.segment_steps, plan.micro_batches, plan.micro_rows)
    numbers = jax.ShapeDtypeStruct((plan.segment_steps,), jnp.int32)
    return jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape, jnp.bool_), numbers
