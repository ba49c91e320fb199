"""How a job moves its weights, as declared."""

from dataclasses import dataclass
from typing import Any

from .fields import Fields


@dataclass(frozen=True)
class Optimiser:
    name: str
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Schedule:
    name: str
    warmup_steps: int = 0
    final_fraction: float = 0.0
    every_steps: int = 1
    factor: float = 1.0


def read_optimiser(value: Any) -> Optimiser:
    fields = Fields(value)
    name = fields.one_of("name", ("sgd", "adam", "adamw"))
    rate, decay = fields.positive("learningRate"), fields.number("weightDecay", 0)
    if name == "sgd":
        momentum, nesterov = fields.fraction("momentum"), fields.flag("nesterov")
        optimiser = Optimiser(name, rate, decay, momentum, nesterov)
    else:
        betas = fields.fraction("beta1"), fields.fraction("beta2")
        optimiser = Optimiser(name, rate, decay, 0.0, False, *betas, fields.positive("epsilon"))
    fields.done()
    return optimiser


def read_schedule(value: Any) -> Schedule:
    fields = Fields(value)
    name = fields.one_of("name", ("constant", "cosine", "linear", "step"))
    if name == "step":
        schedule = Schedule(name, every_steps=fields.count("everySteps"), factor=fields.share("factor"))
    elif name == "constant":
        schedule = Schedule(name)
    else:
        warmup = fields.count("warmupSteps", low=0)
        schedule = Schedule(name, warmup, fields.number("finalFraction", 0, 1))
    fields.done()
    return schedule
