"""A model of the zoo, as golden/make_zoo.py and golden/make_jax_zoo.py write it: its file, its rows, and what its own
framework made of it in 20 steps; and the check that the same comes of it here."""

import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from models import config_of
from weighbridge_trainer.canary import check_rows_apart
from weighbridge_trainer.config import Config
from weighbridge_trainer.losses import row_loss
from weighbridge_trainer.lower import lower
from weighbridge_trainer.optimise import prepare, train
from weighbridge_trainer.program import Program
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.safetensors import Floats, read_safetensors, write_safetensors


class Model:
    """:param arrays: as golden/make_zoo.py writes them"""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = arrays
        self.about: dict[str, Any] = json.loads(self.arrays["about"].tobytes())
        self.weights = read_safetensors(self.arrays["weights"].tobytes())
        self.config = self._config()
        self.rows = Rows(
            {item.name: self._stored(item.dtype, f"input.{k}") for k, item in enumerate(self.config.inputs)},
            self._target(),
        )

    def _config(self) -> Config:
        model = self.about["model"]
        names = [item["name"] for item in model["inputs"]]
        label = dict(self.about["label"])
        if label["kind"] == "tokens":
            label["input"] = names[0]
        declaration = {
            **{field: model[field] for field in ("version", "graph", "weights", "trainable", "tied", "inputs")},
            **self.about["run"],
            "features": {item["name"]: [_whole(item)] for item in model["inputs"]},
            "label": label,
            **{field: self.about[field] for field in ("loss", "optimiser", "schedule")},
            "microBatchRows": None,
            "precision": "float32",
            "return": "trainable",
            "privacy": "none",
        }
        return config_of(declaration, rows=len(self.arrays["target"]))

    def _stored(self, dtype: str, name: str) -> Any:
        values = self.arrays[name]
        return values.astype(np.float32 if dtype == "float32" else np.int32).reshape(len(values), -1)

    def _target(self) -> Any:
        values, kind = self.arrays["target"], self.about["label"]["kind"]
        return values[:, :0].astype(np.int32) if kind == "tokens" else values

    def loss_of(self, program: Program) -> Callable[[dict[str, Floats]], float]:
        measure = row_loss(program, self.config)
        shaped = {item.name: self.rows.inputs[item.name].reshape(-1, *item.shape) for item in self.config.inputs}
        over = jax.jit(
            lambda weights: jax.vmap(lambda row, target: measure(weights, {}, row, target, None))(
                shaped, self.rows.target
            ).mean()
        )
        return lambda weights: float(over(weights))


def _whole(item: dict[str, Any]) -> dict[str, Any]:
    high = 1 if item["dtype"] == "float32" else 2
    return {"kind": "tensor", "column": item["name"], "shape": item["shape"], "min": 0, "max": high}


def check_training(model: Model) -> dict[str, Floats]:
    """Trains it here: the same losses as there, and the same weights under the same names.

    :returns: all weights
    """
    lowered = lower(model.arrays["graph"].tobytes(), model.weights, model.config)
    check_rows_apart(lowered, model.weights, model.config)
    trainer = prepare(lowered.row, model.weights, model.config)
    assert trainer.plan.total_steps == 20
    trained = train(trainer, model.rows, lambda _step, _of: None)
    whole = {**model.weights, **trained}
    loss = model.loss_of(lowered.row)
    assert loss(model.weights) == pytest.approx(model.about["before"], abs=1e-4)
    assert loss(whole) == pytest.approx(model.about["after"], abs=1e-4)
    # What came back, by the names of its framework: trained tensors alone, ties under the name that was kept.
    returned = read_safetensors(write_safetensors(trained))
    assert sorted(returned) == sorted(model.about["model"]["trainable"])
    tied: dict[str, str] = model.about["model"]["tied"]
    state = {key: whole[tied.get(key, key)] for key in model.about["state"]}
    for key, values in model.weights.items():
        assert np.abs(whole[key] - values).max() > 1e-3 or key not in trained or key.endswith(_IDLE), f"{key} stayed"
    for key, values in state.items():
        theirs = model.arrays[f"weight.{tied.get(key, key)}"]
        assert values.shape == theirs.shape
        np.testing.assert_allclose(_felt(key, values), _felt(key, theirs), rtol=2e-3, atol=2e-4, err_msg=key)
    return whole


# Biases of attention's keys, on their own: see below.
_IDLE = "key.bias"


def _felt(key: str, values: Floats) -> Floats:
    """Without the biases of attention's keys: they change no output, so that their gradient is rounding alone, and Adam
    makes whole steps of it, in PyTorch and here in other directions."""
    if not key.endswith("in_proj_bias"):
        return values
    third = len(values) // 3
    return np.concatenate([values[:third], values[2 * third :]])
