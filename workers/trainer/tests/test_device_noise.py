"""Noise that a GPU draws, compiled for the processor here: `npm run gpu` runs these tests on a real one."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from private_cases import SEED, made_of, some_rows
from weighbridge_trainer.device_noise import DeviceNoise, keystream
from weighbridge_trainer.placement import Placement
from weighbridge_trainer.private_stream import SecretStream
from weighbridge_trainer.private_train import prepare_private, train_private

STREAM = SecretStream(SEED)
GPU = Placement(None, on_gpu=True)


@pytest.mark.parametrize("words", [1, 16, 17, 1_000])
def test_the_keystream_is_that_of_chacha20(words: int) -> None:
    nonce = b"".join(word.to_bytes(4, "little") for word in (0, 2, 7, 0))
    expected = Cipher(algorithms.ChaCha20(SEED, nonce), mode=None).encryptor().update(bytes(4 * words))
    got = keystream(jnp.asarray(STREAM.key), 2, jnp.uint32(7), words)
    assert np.asarray(got).tobytes() == expected


@pytest.mark.parametrize("count", [1, 2, 101, 70_001])
def test_the_noise_is_what_the_processor_draws(count: int) -> None:
    noise = DeviceNoise(3, count, 2.0**20.7, GPU)(STREAM, range(40, 43))
    assert noise is not None
    expected = [STREAM.gaussian(step, count, 2.0**20.7) for step in range(40, 43)]
    # Another library's logarithm may round otherwise, once in hundreds of millions.
    assert np.abs(np.asarray(noise).astype(np.int64) - expected).max() <= 1
    assert np.mean(np.asarray(noise) != expected) < 1e-4


def test_steps_whose_points_are_too_few_are_left_to_the_processor() -> None:
    """With 2,000 numbers that is one step in a hundred."""
    count, deviation = 2_000, 2.0**20.7
    draw = DeviceNoise(1, count, deviation, GPU)
    drawn = [draw(STREAM, range(step, step + 1)) for step in range(400)]
    short = [step for step, noise in enumerate(drawn) if noise is None]
    assert 0 < len(short) < 20
    # The processor went on to another block for these very steps.
    assert short == [step for step in range(400) if blocks_drawn(step, count) > 1]


def blocks_drawn(step: int, count: int) -> int:
    drawn = []

    class Counted(SecretStream):
        def _keystream(self, purpose: int, step: int, block: int, size: int) -> bytes:
            drawn.append(block)
            return super()._keystream(purpose, step, block, size)

    Counted(SEED).gaussian(step, count, 2.0**20.7)
    return len(drawn)


def test_a_run_gives_the_same_weights_whoever_draws() -> None:
    program, weights, config = made_of("mlp")
    assert config.privacy is not None
    privacy = config.privacy
    trainer = prepare_private(program, weights, config, privacy)
    numbers = sum(values.size for values in weights.values())
    draw = DeviceNoise(trainer.plan.segment_steps, numbers, trainer.grid.deviation, GPU)
    asked: list[range] = []

    def counted(stream: SecretStream, steps: range) -> Any:
        asked.append(steps)
        return draw(stream, steps)

    sources: list[Any] = [None, counted, lambda _stream, _steps: None]
    # A run gives its first weights away.
    fresh = [prepare_private(program, weights, config, privacy) for _ in sources]
    runs = [dataclasses.replace(run, device_noise=source) for run, source in zip(fresh, sources, strict=True)]
    alone, drawn, left = (train_private(run, some_rows(), SEED, lambda _s, _o: None) for run in runs)
    assert [step for steps in asked for step in steps] == list(range(trainer.plan.steps))
    for name, values in alone.items():
        assert values.tobytes() == drawn[name].tobytes() == left[name].tobytes()
