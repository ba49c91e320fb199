"""The zoo of JAX once more, live: exported, trained in plain JAX and optax and here, and what came back loaded into the
model. Real: JAX, Flax, Keras, jax2onnx, optax. Skipped, aloud, where they are not installed (golden/make_jax_zoo.py
says how to); there, its models are compared with committed answers alone (test_zoo.py)."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
for name in ("jax2onnx", "flax", "keras", "weighbridge"):
    pytest.importorskip(name, reason=f"{name} is not installed: models of JAX are NOT trained live here")

sys.path.insert(0, str(Path(__file__).parent / "golden"))

import make_jax_zoo  # noqa: E402
import weighbridge as wb  # noqa: E402

from zoo import Model, check_training  # noqa: E402


@pytest.mark.parametrize("name", make_jax_zoo.ZOO)
def test_trains_as_plain_jax_and_loads_back(name: str) -> None:
    entry = make_jax_zoo.ZOO[name]
    model = Model(make_jax_zoo.make(name))
    weights = check_training(model)
    inputs, target = model.arrays["input.0"], model.arrays["target"]
    subject = entry.make(inputs)
    loaded: Any = wb.load_weights(subject.model if subject.params is None else subject.params, weights)
    output = loaded(inputs) if subject.params is None else subject.forward(loaded, inputs)
    assert float(make_jax_zoo.measure(entry, output, target)) == pytest.approx(model.about["after"], abs=1e-4)
