"""Plain training: mini-batches in a seeded order, cross-entropy, SGD or Adam. Deterministic for a seed, a set of rows
and a machine. Nothing that is computed here leaves but the weights: no loss, no norm, no count."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from jax import Array

from .config import Config, Optimiser
from .features import Rows
from .lower import Program
from .refusal import reject_model
from .safetensors import Floats

Weights = Mapping[str, Array]
# A step's row indices and which of them are rows at all: shape (steps, micro-batches, rows of a micro-batch).
Batches = tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]

# Wide batches in one piece are slow on a CPU, and a micro-batch must fit beside its gradient.
_MAX_MICRO_ROWS = 256
_MICRO_ELEMENTS = 1 << 27
# One dispatch runs so many steps: progress can be told between dispatches.
_MAX_SEGMENT_STEPS = 128
# Compile time grows with the program: 6,000 equations took 18 s, and a stranger chooses the graph.
_MAX_EQUATIONS = 5_000


@dataclass(frozen=True)
class Plan:
    """Sizes that follow from public numbers alone, so that one compilation serves the whole run."""

    epochs: int
    steps_per_epoch: int
    micro_batches: int
    micro_rows: int
    segment_steps: int

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True)
class Trainer:
    """A compiled run. `train` may be called once the rows are there."""

    plan: Plan
    config: Config
    trainable: Weights
    frozen: Weights
    state: Any
    segment: Callable[..., tuple[Weights, Any]]


def plan_of(config: Config, row_elements: int) -> Plan:
    batch_rows = min(config.batch_rows, config.rows)
    fitting = max(1, _MICRO_ELEMENTS // max(1, row_elements))
    micro_rows = min(batch_rows, _MAX_MICRO_ROWS, fitting)
    steps = -(-config.rows // batch_rows)
    return Plan(config.epochs, steps, -(-batch_rows // micro_rows), micro_rows, min(steps, _MAX_SEGMENT_STEPS))


def prepare(program: Program, weights: Mapping[str, Floats], config: Config) -> Trainer:
    """Traces, budgets and compiles the run before any row is read.

    :raises Refused: MODEL_REJECTED if the program is too large to compile
    """
    plan = plan_of(config, program.row_elements)
    trainable = {name: jnp.asarray(weights[name]) for name in sorted(config.trainable)}
    frozen = {name: jnp.asarray(values) for name, values in weights.items() if name not in trainable}
    optimiser = make_optimiser(config.optimiser)
    # All of it is zeros at the start; running `init` would compile one small program a tensor.
    state = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), jax.eval_shape(optimiser.init, trainable))
    shape = (plan.segment_steps, plan.micro_batches, plan.micro_rows)
    traced = jax.jit(make_segment(program, optimiser), donate_argnums=(0, 1)).trace(
        trainable,
        state,
        frozen,
        jax.ShapeDtypeStruct((config.rows, *config.input_shape), jnp.float32),
        jax.ShapeDtypeStruct((config.rows,), jnp.int32),
        (jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape, jnp.bool_)),
    )
    if count_equations(traced.jaxpr.jaxpr) > _MAX_EQUATIONS:
        raise reject_model("budget: too many operations to compile")
    return Trainer(plan, config, trainable, frozen, state, traced.lower().compile())


def train(trainer: Trainer, rows: Rows, progress: Callable[[int, int], None]) -> dict[str, Floats]:
    """The trained tensors by name. `progress` hears of steps done, which no row value changes."""
    config, plan = trainer.config, trainer.plan
    x = jnp.asarray(rows.x.reshape(config.rows, *config.input_shape))
    y = jnp.asarray(rows.y)
    trainable, state, done = trainer.trainable, trainer.state, 0
    for epoch in range(config.epochs):
        for batches in segments(plan, config, epoch):
            trainable, state = trainer.segment(trainable, state, trainer.frozen, x, y, batches)
            jax.block_until_ready(trainable)
            done = min(done + plan.segment_steps, (epoch + 1) * plan.steps_per_epoch)
            progress(done, plan.total_steps)
    return {name: np.asarray(values) for name, values in trainable.items()}


def segments(plan: Plan, config: Config, epoch: int) -> Iterator[Batches]:
    """One epoch's batches in equal segments; what is missing at the end is filled with rows that do not count."""
    order = epoch_order(config.seed, epoch, config.rows)
    batch_rows = min(config.batch_rows, config.rows)
    steps = -(-plan.steps_per_epoch // plan.segment_steps) * plan.segment_steps
    index = np.zeros((steps, plan.micro_batches * plan.micro_rows), np.int32)
    counts = np.zeros(index.shape, np.bool_)
    for step in range(plan.steps_per_epoch):
        batch = order[step * batch_rows : (step + 1) * batch_rows]
        index[step, : len(batch)] = batch
        counts[step, : len(batch)] = True
    shape = (-1, plan.segment_steps, plan.micro_batches, plan.micro_rows)
    yield from zip(index.reshape(shape), counts.reshape(shape), strict=True)


def epoch_order(seed: int, epoch: int, rows: int) -> npt.NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(rows)


def make_optimiser(optimiser: Optimiser) -> optax.GradientTransformation:
    if optimiser.name == "adam":
        return optax.adam(optimiser.learning_rate)
    if optimiser.name == "sgd":
        return optax.sgd(optimiser.learning_rate, optimiser.momentum or None)
    raise reject_model("declaration: unknown optimiser")


def make_segment(
    program: Program, optimiser: optax.GradientTransformation
) -> Callable[..., tuple[Weights, optax.OptState]]:
    """A function that takes `segment_steps` optimiser steps in one dispatch."""

    def loss_sum(trainable: Weights, frozen: Weights, x: Array, y: Array, counts: Array) -> Array:
        logits = jax.vmap(lambda row: program.run({**frozen, **trainable}, row))(x)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
        return jnp.where(counts, losses, 0).sum()

    def segment(
        trainable: Weights, state: optax.OptState, frozen: Weights, x: Array, y: Array, batches: tuple[Array, Array]
    ) -> tuple[Weights, optax.OptState]:
        def micro(total: Weights, batch: tuple[Array, Array], weights: Weights) -> tuple[Weights, None]:
            index, counts = batch
            gradient = jax.grad(loss_sum)(weights, frozen, x[index], y[index], counts)
            return jax.tree.map(jnp.add, total, gradient), None

        def step(
            carry: tuple[Weights, optax.OptState], batch: tuple[Array, Array]
        ) -> tuple[tuple[Weights, optax.OptState], None]:
            weights, state = carry
            zeros = jax.tree.map(jnp.zeros_like, weights)
            total, _ = jax.lax.scan(lambda sums, part: micro(sums, part, weights), zeros, batch)
            rows = batch[1].sum()
            mean = jax.tree.map(lambda g: g / jnp.maximum(rows, 1), total)
            updates, new_state = optimiser.update(mean, state, weights)
            new = (optax.apply_updates(weights, updates), new_state)
            # A step without rows only fills the last segment of an epoch: it must change nothing, nor Adam's count.
            return jax.tree.map(lambda a, b: jnp.where(rows > 0, a, b), new, carry), None

        (trainable, state), _ = jax.lax.scan(step, (trainable, state), batches)
        return trainable, state

    return segment


def count_equations(jaxpr: Any) -> int:
    """Equations of a program, those inside loops and branches included."""
    total = 0
    for equation in jaxpr.eqns:
        total += 1
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda v: hasattr(v, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            total += count_equations(inner) if hasattr(inner, "eqns") else 0
    return total
