"""Writes zoo/NAME.npz for each model of jax_zoo.py, in the form of make_zoo.py: as the buyer's package exports it, its
rows, and what plain JAX and optax make of it in 20 steps: the losses before and after, and the weights.

    python -m venv ~/jax && ~/jax/bin/pip install jax==0.10.2 optax==0.2.8 numpy==2.4.6 \
        jax2onnx==0.17.1 onnx==1.23.2 flax==0.12.8 keras==3.15.1
    ~/jax/bin/pip install ./clients/python
    cd workers/trainer/tests && PYTHONPATH=.:../src ~/jax/bin/python golden/make_jax_zoo.py [NAME]

../test_zoo_jax.py does the same live, and loads what was trained back into the model: there it needs ./workers/trainer
and pytest, too.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import weighbridge

sys.path.insert(0, str(Path(__file__).parent))

from jax_zoo import ROWS, ZOO, Entry, Subject
from weighbridge_trainer.plan import epoch_order

EPOCHS, BATCH_ROWS, SEED = 5, 6, 11
STEPS = EPOCHS * -(-ROWS // BATCH_ROWS)
OUT = Path(__file__).parent / "zoo"


def measure(entry: Entry, output: Any, target: Any) -> Any:
    match entry.loss["name"]:
        case "cross-entropy":
            return optax.losses.softmax_cross_entropy_with_integer_labels(output, target).mean()
        case "bce":
            return optax.losses.sigmoid_binary_cross_entropy(output, target).mean()
        case _:
            return optax.losses.huber_loss(output, target, delta=entry.loss["delta"]).mean()


def schedule_of(entry: Entry) -> Any:
    s, rate = entry.schedule, entry.optimiser["learningRate"]
    match s["name"]:
        case "step":
            return lambda step: rate * s["factor"] ** (step // s["everySteps"])
        case "cosine":
            return optax.cosine_decay_schedule(rate, STEPS, s["finalFraction"])
        case "linear":
            warm = s["warmupSteps"]
            rising = optax.linear_schedule(0.0, rate, warm)
            falling = optax.linear_schedule(rate, rate * s["finalFraction"], STEPS - warm)
            return optax.join_schedules([rising, falling], [warm])
        case _:
            return rate


def optimiser_of(entry: Entry) -> optax.GradientTransformation:
    """As a user of optax spells it."""
    o, rate = entry.optimiser, schedule_of(entry)
    if o["name"] == "sgd":
        decay = optax.add_decayed_weights(o["weightDecay"])
        return optax.chain(decay, optax.sgd(rate, o["momentum"], nesterov=o["nesterov"]))
    if o["name"] == "adam":
        return optax.adam(rate, o["beta1"], o["beta2"], o["epsilon"])
    return optax.adamw(rate, o["beta1"], o["beta2"], o["epsilon"], weight_decay=o["weightDecay"])


def train(entry: Entry, subject: Subject, inputs: Any, target: Any) -> Any:
    """The tree after 20 steps."""
    optimiser = optimiser_of(entry)

    @jax.jit
    def step(tree: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        gradient = jax.grad(lambda tree: measure(entry, subject.forward(tree, x), y))(tree)
        updates, state = optimiser.update(gradient, state, tree)
        return optax.apply_updates(tree, updates), state

    tree = subject.tree
    state = optimiser.init(tree)
    for epoch in range(EPOCHS):
        order = epoch_order(SEED, epoch, ROWS)
        for at in range(0, ROWS, BATCH_ROWS):
            batch = order[at : at + BATCH_ROWS]
            tree, state = step(tree, state, inputs[batch], target[batch])
    return tree


def make(name: str) -> dict[str, Any]:
    """What the file of a model holds."""
    entry, draw = ZOO[name], np.random.default_rng(5)
    inputs, target = entry.input(draw), entry.target(draw)
    subject = entry.make(inputs)
    file = weighbridge.export(subject.model, inputs[:3], params=subject.params)
    tree = train(entry, subject, inputs, target)
    about = {
        "model": file.template,
        "label": entry.label,
        "loss": entry.loss,
        "optimiser": entry.optimiser,
        "schedule": entry.schedule,
        "run": {"epochs": EPOCHS, "batchRows": BATCH_ROWS, "seed": SEED},
        "before": float(measure(entry, subject.forward(subject.tree, inputs), target)),
        "after": float(measure(entry, subject.forward(tree, inputs), target)),
        "state": subject.names,
    }
    trained = zip(subject.names, jax.tree.leaves(tree), strict=True)
    return {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "graph": np.frombuffer(file.graph, np.uint8),
        "weights": np.frombuffer(file.weights, np.uint8),
        "target": target,
        "input.0": inputs,
        **{f"weight.{key}": np.asarray(value) for key, value in trained},
    }


if __name__ == "__main__":
    for name in sys.argv[1:] or list(ZOO):
        arrays = make(name)
        np.savez_compressed(OUT / f"{name}.npz", **arrays)
        about = json.loads(arrays["about"].tobytes())
        print(name, arrays["graph"].size, arrays["weights"].size, f"{about['before']:.5f} -> {about['after']:.5f}")
