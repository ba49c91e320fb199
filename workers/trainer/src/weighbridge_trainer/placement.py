"""Where arrays lie: the one place that knows of devices.

A run uses every device that JAX shows it, of one process or, after `jax.distributed.initialize`, of several: weights
and rows lie on each of them, the rows of a micro-batch are shared out, and their gradients are added up over all. Noise
is added once, to the sum of all. On one device nothing of this is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .device import on_gpu

_ROWS = "rows"


@dataclass(frozen=True)
class Placement:
    mesh: Mesh | None
    on_gpu: bool = False

    @property
    def devices(self) -> int:
        return 1 if self.mesh is None else int(self.mesh.size)

    def up(self, rows: int) -> int:
        """So many rows, or a few more, that each device has as many as the others."""
        return -(-rows // self.devices) * self.devices

    def trace(self, function: Callable[..., Any], *shapes: Any, given_away: tuple[int, ...] = ()) -> Any:
        """A traced function whose arguments and results lie everywhere; those given away are its to overwrite."""
        if self.mesh is None:
            return jax.jit(function, donate_argnums=given_away).trace(*shapes)
        on_all = NamedSharding(self.mesh, PartitionSpec())
        return jax.jit(function, donate_argnums=given_away, in_shardings=on_all, out_shardings=on_all).trace(*shapes)

    def everywhere(self, tree: Any) -> Any:
        """The same values on each device; every process must hold them."""
        if self.mesh is None:
            return tree
        on_all = NamedSharding(self.mesh, PartitionSpec())

        def place(values: Any) -> Array:
            if isinstance(values, Array) and values.sharding.is_equivalent_to(on_all, values.ndim):
                return values
            here = np.asarray(values)
            return jax.make_array_from_callback(here.shape, on_all, lambda index: here[index])

        return jax.tree.map(place, tree)

    def rows(self, tree: Any) -> Any:
        """As `everywhere`. On one CPU they stay where they are, if they are aligned: nobody may write to them again."""
        return jax.device_put(tree) if self.mesh is None else self.everywhere(tree)

    def shared(self, tree: Any) -> Any:
        """Inside a traced function: the first axis is cut among the devices."""
        if self.mesh is None:
            return tree
        by_rows = NamedSharding(self.mesh, PartitionSpec(_ROWS))
        return jax.tree.map(lambda values: jax.lax.with_sharding_constraint(values, by_rows), tree)


def placement() -> Placement:
    devices = jax.devices()
    return Placement(None if len(devices) == 1 else Mesh(np.array(devices), (_ROWS,)), on_gpu())
