"""What a box does before it has a job, so that no job waits for it: nothing of any job is in it."""

import resource
import struct
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from .device import overwrite_device
from .refusal import Reason, Refused
from .spool import SPOOL_DESCRIPTOR

# Between the signal that ends a process with a code of its own (SIGXCPU) and the one that cannot be caught.
_HARD_LIMIT_SECONDS = 10
_LIMITS = struct.Struct(">III?Q")


@dataclass(frozen=True)
class Limits:
    """The `L` frame: what the box needs to know of its job before it reads it."""

    cpu_seconds: int = 0
    prepare_cpu_seconds: int = 240
    """Of them, to judge, lower and compile the model: it grows with the graph, which is a stranger's, and a quiet
    machine needs seconds for an honest one."""
    checkpoint_seconds: float = 0.0
    """State is given away so often; 0: never."""
    resumes: bool = False
    """A checkpoint comes behind the key and the seed."""
    rows_bytes: int = 2 << 30
    """Rows that take more than this are sealed in the spool."""
    spool: int = SPOOL_DESCRIPTOR


def warm_up() -> None:
    """The first compilation of a process sets up the compiler, and the first run its threads."""
    overwrite_device()

    def loss(weights: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.square(jnp.tanh(rows @ weights)).sum()

    step = jax.jit(lambda weights, rows: weights - jax.grad(loss)(weights, rows))
    step(np.ones((8, 8), np.float32), np.ones((8, 8), np.float32)).block_until_ready()


def read_limits(body: bytes) -> Limits:
    """:raises Refused: TRAINER_FAILED"""
    if len(body) != _LIMITS.size:
        raise Refused(Reason.TRAINER_FAILED, "limits")
    cpu_seconds, prepare_cpu_seconds, checkpoint_ms, resumes, rows_bytes = _LIMITS.unpack(body)
    return Limits(cpu_seconds, prepare_cpu_seconds, checkpoint_ms / 1000, resumes, rows_bytes)


def limit_cpu(seconds: int) -> None:
    """The job's CPU seconds, beside what was used until now. Set before a byte of the job is read; to raise it again
    takes a capability that nobody in a box has."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + _HARD_LIMIT_SECONDS))
