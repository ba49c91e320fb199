"""The zoo: ordinary models of PyTorch, JAX, Flax and Keras, exported by the buyer's package, trained here from the same
weights and batches as in plain PyTorch (golden/make_zoo.py) or plain JAX and optax (golden/make_jax_zoo.py). The same
loss after 20 steps, and a file that loads back by name."""

from pathlib import Path

import numpy as np
import pytest

from zoo import Model, check_training

ZOO = Path(__file__).parent / "golden" / "zoo"
NAMES = sorted(path.stem for path in ZOO.glob("*.npz"))
WANTED = {"mlp", "cnn", "resnet-groupnorm", "u-net", "lstm", "gru", "transformer-encoder", "gpt-tied", "vit"}
WANTED |= {"embedding", "tab-transformer", "dropout", "lora"}
WANTED |= {"jax-mlp", "flax-linen-cnn", "flax-linen-transformer", "flax-nnx-residual", "keras-mlp", "keras-cnn"}


def test_it_is_the_whole_zoo() -> None:
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
def test_trains_as_its_own_framework_does(name: str) -> None:
    with np.load(ZOO / f"{name}.npz") as file:
        check_training(Model(dict(file)))
