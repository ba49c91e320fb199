"""Optimisers and schedules of the closed list, by optax, with PyTorch's meaning."""

import optax

from .optimiser_config import Optimiser, Schedule


def make_optimiser(optimiser: Optimiser, schedule: Schedule, total_steps: int) -> optax.GradientTransformation:
    rate = learning_rate(optimiser.learning_rate, schedule, total_steps)
    decay = [optax.add_decayed_weights(optimiser.weight_decay)] if optimiser.weight_decay else []
    last = optax.scale_by_learning_rate(rate)
    if optimiser.name == "sgd":
        momentum = [optax.trace(optimiser.momentum, optimiser.nesterov)] if optimiser.momentum else []
        return optax.chain(*decay, *momentum, last)
    adam = optax.scale_by_adam(optimiser.beta1, optimiser.beta2, optimiser.epsilon)
    # adam: decay is part of the gradient; adamw (arXiv:1711.05101): taken off the weights beside it.
    return optax.chain(*decay, adam, last) if optimiser.name == "adam" else optax.chain(adam, *decay, last)


def learning_rate(peak: float, schedule: Schedule, total_steps: int) -> optax.ScalarOrSchedule:
    if schedule.name == "constant":
        return peak
    if schedule.name == "step":
        return optax.exponential_decay(peak, schedule.every_steps, schedule.factor, staircase=True)
    falling_steps = max(1, total_steps - schedule.warmup_steps)
    falling = (
        optax.cosine_decay_schedule(peak, falling_steps, schedule.final_fraction)
        if schedule.name == "cosine"
        else optax.linear_schedule(peak, peak * schedule.final_fraction, falling_steps)
    )
    if schedule.warmup_steps == 0:
        return falling
    rising = optax.linear_schedule(0.0, peak, schedule.warmup_steps)
    return optax.join_schedules([rising, falling], [schedule.warmup_steps])
