"""What every test shares: a compiler that does not optimise, because here it is looked at what a program computes and
not how fast, and that compiles the same program once. Processes that tests start have the trainer's own."""

import os

import jax
import pytest

from weighbridge_trainer.device import choose_device

# XLA's newer emitters of fused loops make faster programs, and take a quarter more time for it. Later releases have no
# others, and end a process whose flags they do not know.
_QUICK = "--xla_cpu_use_fusion_emitters=false" if jax.__version_info__ < (0, 11) else ""


@pytest.fixture(scope="session", autouse=True)
def _quick_compiler(tmp_path_factory: pytest.TempPathFactory) -> None:
    choose_device()
    jax.config.update("jax_disable_most_optimizations", os.environ.get("JAX_PLATFORMS", "cpu") == "cpu")
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    with pytest.MonkeyPatch.context() as patch:
        if _QUICK:
            patch.setenv("XLA_FLAGS", f"{os.environ.get('XLA_FLAGS', '')} {_QUICK}")
        jax.devices()  # reads the flags, once for all
