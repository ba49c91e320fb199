"""What a box does before it has a job, so that no job waits for it: nothing of any job is in it."""

import resource
import struct

import jax
import jax.numpy as jnp
import numpy as np

from .refusal import Reason, Refused

# Between the signal that ends a process with a code of its own (SIGXCPU) and the one that cannot be caught.
_HARD_LIMIT_SECONDS = 10


def warm_up() -> None:
    """The first compilation of a process sets up the compiler, and the first run its threads."""

    def loss(weights: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.square(jnp.tanh(rows @ weights)).sum()

    step = jax.jit(lambda weights, rows: weights - jax.grad(loss)(weights, rows))
    step(np.ones((8, 8), np.float32), np.ones((8, 8), np.float32)).block_until_ready()


def limit_cpu(body: bytes) -> None:
    """The job's CPU seconds, beside what was used until now. Set before a byte of the job is read; to raise it again
    takes a capability that nobody in a box has."""
    if len(body) != 4:
        raise Refused(Reason.TRAINER_FAILED, "limits")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime) + 1 + struct.unpack(">I", body)[0]
    resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + _HARD_LIMIT_SECONDS))
