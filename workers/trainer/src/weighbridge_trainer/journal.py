"""Where a run stands between two dispatches: what a checkpoint holds, and a run that goes on from one.

Rows, batches and noise follow from seed and step, so weights, optimiser and the number of steps done are all of a run's
state: from them it goes on bit by bit as if it had never stopped. The host seals what it is given: nobody else reads
it.
"""

import struct
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .refusal import Reason, Refused

_STEP = struct.Struct(">I")


class Journal:
    """Without arguments: a run from its beginning, of which nothing is kept."""

    def __init__(
        self, begin: bytes | None = None, every_seconds: float = 0.0, keep: Callable[[bytes], None] | None = None
    ) -> None:
        self._begin, self._every, self._keep = begin, every_seconds, keep
        self._due = time.monotonic() + every_seconds

    def restore(self, carry: Any) -> tuple[int, Any]:
        """Steps that are done, and weights and optimiser after them; `carry` says their form, and where a run begins.

        :raises Refused: TRAINER_FAILED if it is the state of another run
        """
        if self._begin is None:
            return 0, carry
        leaves, form = jax.tree.flatten(carry)
        sizes = [np.dtype(leaf.dtype).itemsize * int(np.prod(leaf.shape)) for leaf in leaves]
        if len(self._begin) != _STEP.size + sum(sizes):
            raise Refused(Reason.TRAINER_FAILED, "a checkpoint of another form")
        (step,) = _STEP.unpack_from(self._begin)
        restored, at = [], _STEP.size
        for leaf, size in zip(leaves, sizes, strict=True):
            values = np.frombuffer(self._begin, leaf.dtype, size // np.dtype(leaf.dtype).itemsize, at)
            restored.append(values.reshape(leaf.shape).copy())
            at += size
        self._begin = None
        return step, jax.tree.unflatten(form, restored)

    def reached(self, step: int, carry: Any) -> None:
        """Gives the state away if it is time, by the clock alone."""
        if self._keep is None or time.monotonic() < self._due:
            return
        leaves = jax.tree.leaves(carry)
        self._keep(b"".join([_STEP.pack(step), *(np.asarray(leaf).tobytes() for leaf in leaves)]))
        self._due = time.monotonic() + self._every
