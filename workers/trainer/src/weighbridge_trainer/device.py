"""What a run computes on: the processor, or the one GPU that a box was given."""

import contextlib
import os
from typing import Any

import jax
import jax.numpy as jnp

# Taken and overwritten in such pieces, up to this share of what the process may have.
_PIECE_BYTES = 1 << 28
_SHARE = 0.95
# XLA's YNN kernels for products of a processor: without them convolutions are 30 to 40 % faster and attention 10 to
# 20 %, dense layers 4 to 8 % slower (JAX 0.10.2, 512-bit vectors).
_PROCESSOR_FLAGS = "--xla_cpu_experimental_ynn_fusion_type="


def choose_device() -> None:
    """The processor, unless the environment names another platform. Before anything is computed."""
    platform = os.environ.get("JAX_PLATFORMS") or "cpu"
    jax.config.update("jax_platforms", platform)
    if platform == "cpu":
        os.environ["XLA_FLAGS"] = " ".join(filter(None, (os.environ.get("XLA_FLAGS"), _PROCESSOR_FLAGS)))
    else:
        # GPUs shorten float32 to 11 bits in products unless told not to: then what is added up of a clipped gradient
        # would differ from what was measured by more than the clipping's margin.
        jax.config.update("jax_default_matmul_precision", "highest")


def on_gpu() -> bool:
    return jax.default_backend() == "gpu"


def device_bytes() -> float:
    """What a device may hold; unlimited where its memory is the process's own."""
    stats: dict[str, Any] = jax.local_devices()[0].memory_stats() or {}
    return float(stats.get("bytes_limit", "inf"))


def overwrite_device() -> None:
    """Writes over what an earlier process left in the memory of a GPU, before any job is here. Only where this process
    holds that memory for itself from its start: otherwise it would take what others need."""
    if not on_gpu() or os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE") == "false":
        return
    zeros = jax.jit(lambda: jnp.zeros(_PIECE_BYTES // 4, jnp.float32))
    held: list[jax.Array] = []
    # Where somebody else uses this GPU too, it ends early: then all that was free has been written over.
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        for _ in range(int(device_bytes() * _SHARE) // _PIECE_BYTES):
            held.append(zeros().block_until_ready())
