"""Writes what the trainer draws for the dropout of the zoo: 1 where a number stays, by step and row. For make_zoo.py.

PYTHONPATH=src:tests python tests/golden/zoo_masks.py masks.npz
"""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from weighbridge_trainer.lower import lower
from weighbridge_trainer.plan import plan_of
from zoo import Model

DROPOUT = Path(__file__).parent / "zoo" / "dropout.npz"


def draw() -> dict[str, Any]:
    with np.load(DROPOUT) as file:
        model = Model(dict(file))
    program = lower(model.arrays["graph"].tobytes(), model.weights, model.config).row
    (node,) = [k for k, call in enumerate(program.calls) if call.random]
    steps, rows = plan_of(model.config, program.row_elements).total_steps, model.config.rows

    def mask(step: jax.Array, row: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(model.config.seed), step), row)
        return jax.random.bernoulli(jax.random.fold_in(key, node), 0.7, (1, 32))[0]

    drawn = jax.vmap(lambda step: jax.vmap(lambda row: mask(step, row))(np.arange(rows)))(np.arange(steps))
    return {"dropout": np.asarray(drawn, np.float32)}


if __name__ == "__main__":
    np.savez(sys.argv[1], **draw())
