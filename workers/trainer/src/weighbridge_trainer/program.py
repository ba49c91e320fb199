"""What a graph becomes: a flat list of calls over the closed table, ready to be traced for one row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

Weights = Mapping[str, jax.Array]
Inputs = Mapping[str, jax.Array]


@dataclass(frozen=True)
class Call:
    """`run` takes the run-time operands in order and answers one array an output name."""

    run: Callable[..., tuple[Any, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    random: bool = False
    """Takes a `key` too: None switches the randomness off."""
    op: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Operator and attributes, for whoever must know what a call computes."""


@dataclass(frozen=True)
class Program:
    calls: tuple[Call, ...]
    inputs: tuple[str, ...]
    output: str
    output_shape: tuple[int, ...]
    """Of one row."""
    row_elements: int
    """Numbers that one row makes on its way: what a micro-batch has to hold."""

    @property
    def is_random(self) -> bool:
        return any(call.random for call in self.calls)

    def run(self, weights: Weights, row: Inputs, key: jax.Array | None = None, precision: str = "float32") -> jax.Array:
        """The output of one row. The graph sees a batch of exactly one; under `vmap` rows cannot mix."""
        return self.run_batch(weights, {name: value[None] for name, value in row.items()}, key, precision)[0]

    def run_batch(
        self, weights: Weights, inputs: Inputs, key: jax.Array | None = None, precision: str = "float32"
    ) -> jax.Array:
        """With the batch that the program was lowered for as the first axis.

        Each node draws from its own key. In bfloat16 every value between two operators is one; the output is float32.
        """
        values: dict[str, jax.Array] = {name: _cast(value, precision) for name, value in {**weights, **inputs}.items()}
        for number, call in enumerate(self.calls):
            operands = [values[name] for name in call.inputs]
            drawn = {"key": None if key is None else jax.random.fold_in(key, number)} if call.random else {}
            results = call.run(*operands, **drawn)
            values.update(zip(call.outputs, (_cast(result, precision) for result in results), strict=True))
        return values[self.output].astype(jnp.float32)


def _cast(value: jax.Array, precision: str) -> jax.Array:
    return value.astype(jnp.bfloat16) if precision == "bfloat16" and value.dtype == jnp.float32 else value
