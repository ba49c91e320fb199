"""A one-run audit of the trainer's DP-SGD (Steinke, Nasr, Jagielski 2023, arXiv:2305.08846): canaries are put in by coin toss, and an
auditor who sees the final weights guesses which. From how often it is right follows a lower bound of epsilon that no run may break.

The trainer is the real one, with its clipping, sampling, noise and its fast path; the data are made. A canary is a row whose gradient
lies along numbers of its own (one line of an embedding), so that the auditor's score of it is that line's movement: as strong an
auditor as one run allows. A row that is left out stands there with a gradient of zero, since the number of rows is public.

The mean and the scale that a run may pay for are audited the same way. There a canary is a row of one number a column, all of them at
an end of the column's range, so that it moves every sum as far as a row can; which ends are a coin's, and its score is how far
the noised sums lie along them.

Prints one JSON line.
"""

import dataclasses
import json
import math
import sys
import time

import numpy as np
from models import config_of, declaration, external, graph, model, node, value
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.lower import lower
from weighbridge_trainer.moments import fit
from weighbridge_trainer.private_train import prepare_private, train_private
from weighbridge_trainer.safetensors import write_safetensors

CANARIES, OTHERS, BATCH, EPOCHS, CLIPPING_NORM = 20_000, 4_000, 6_000, 10, 1.0
CONFIDENCE = 0.95
SCALE, LEARNING_RATE = 10.0, 1.0
# How many guesses are made, the surest first. Each is a test of its own, so each has a share of the error. Not all: coins do not
# fall half and half.
GUESSES = (CANARIES // 50, CANARIES // 8, CANARIES * 97 // 100)


def prepared(noise_multiplier: float, delta: float, epsilon: float):
    """Output = scale x the token's line of the table: two classes."""
    rows = CANARIES + OTHERS
    weights = {"table": np.zeros((CANARIES + 1, 2), np.float32)}
    nodes = [
        node("Gather", ["table", "token"], ["lines"]),
        node("Flatten", ["lines"], ["line"]),
        node("Mul", ["line", "scale"], ["z"]),
    ]
    inputs = [value("token", ["n", 1], 7), value("scale", ["n", 1])]
    data = model(graph(nodes, [external("table", (CANARIES + 1, 2))], inputs, [value("z", ["n", 2])]))
    privacy = {
        "epsilon": epsilon,
        "delta": delta,
        "noiseMultiplier": noise_multiplier,
        "clippingNorm": CLIPPING_NORM,
        "samplingRate": BATCH / rows,
        "steps": EPOCHS * math.ceil(rows / BATCH),
        "unit": {"kind": "row"},
    }
    said = declaration(
        data,
        write_safetensors(weights),
        trainable=["table"],
        inputs=[{"name": "token", "shape": [1], "dtype": "int64"}, {"name": "scale", "shape": [1], "dtype": "float32"}],
        features={
            # Bounds that hold all tokens: rows lie in the smallest type that they allow.
            "token": [{"kind": "tensor", "column": "t", "shape": [1], "min": 0, "max": CANARIES}],
            "scale": [{"kind": "scale", "column": "s", "min": 0, "max": 1}],
        },
        label={"kind": "class", "column": "label", "classes": [0, 1]},
        optimiser={"name": "sgd", "learningRate": LEARNING_RATE, "momentum": 0, "nesterov": False, "weightDecay": 0},
        batchRows=BATCH,
        epochs=EPOCHS,
        privacy=privacy,
    )
    config = config_of(said, rows=rows)
    program = lower(data, weights, config).row
    assert config.privacy is not None
    return prepare_private(program, weights, config, config.privacy)


def scores(trainer, chosen, seed: bytes):
    """How far each canary's line moved along its own gradient."""
    token = np.concatenate([np.arange(1, CANARIES + 1), np.zeros(OTHERS, int)]).astype(np.int32)
    scale = np.concatenate([np.where(chosen, SCALE, 0), np.full(OTHERS, 1.0)]).astype(np.float32)
    rows = Rows({"token": token[:, None], "scale": scale[:, None]}, np.zeros(CANARIES + OTHERS, np.int32))
    table = train_private(trainer, rows, seed, lambda _done, _of: None)["table"].astype(np.float64)
    return (table[1:, 0] - table[1:, 1]) / math.sqrt(2)


# Enough columns that what the canaries are to one another is lost in the noise.
FITTED_CANARIES, FITTED_COLUMNS = 2_000, 4_096


def fitted_scores(noise_multiplier: float, chosen, seed: bytes):
    """How far the released sums lie along each canary's own numbers."""
    count, columns = FITTED_CANARIES, FITTED_COLUMNS
    said = declaration(
        b"",
        b"",
        inputs=[{"name": "input", "shape": [columns], "dtype": "float32"}],
        features={"input": [{"kind": "standardise", "column": f"c{k}", "min": -1, "max": 1} for k in range(columns)]},
        batchRows=count,
        privacy={
            "epsilon": 1,
            "delta": 1e-6,
            "noiseMultiplier": 1,
            "clippingNorm": 1,
            "samplingRate": 1,
            "steps": 2,
            "unit": {"kind": "row"},
            "moments": {"noiseMultiplier": noise_multiplier},
        },
    )
    ends = np.random.default_rng(7).integers(0, 2, (count, columns)).astype(np.float32) * 2 - 1
    rows = Rows({"input": np.where(chosen[:, None], ends, 0).astype(np.float32)}, np.zeros(count, np.int32))
    found = fit(config_of(said, rows=count), rows, seed)
    assert found is not None
    # Not the squares: of every canary they are ones, and say how many are in, but not which.
    sums = np.array(found.noised[0 : 2 * columns : 2], np.float64)
    return ends.astype(np.float64) @ sums


def run_scores(noise: str, delta: float, epsilon: float, chosen, seed: bytes):
    trainer = prepared(1.0 if noise == "off" else float(noise), delta, epsilon)
    if noise == "off":
        trainer = dataclasses.replace(trainer, grid=dataclasses.replace(trainer.grid, deviation=0.0))
    return scores(trainer, chosen, seed)


def lower_bound(chosen, scored, delta: float) -> float:
    """The largest epsilon that the guesses refute, at the confidence wanted, over all numbers of guesses."""
    order = np.argsort(-scored)
    best = 0.0
    for count in (len(chosen) * guesses // CANARIES for guesses in GUESSES):
        half = count // 2
        correct = int(chosen[order[:half]].sum() + (~chosen[order[-half:]]).sum())
        best = max(best, refuted(2 * half, correct, delta, (1 - CONFIDENCE) / len(GUESSES)))
    return best


def refuted(guesses: int, correct: int, delta: float, error: float) -> float:
    low, high = 0.0, 20.0
    if p_value(guesses, correct, low, delta) > error:
        return 0.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        if p_value(guesses, correct, middle, delta) <= error:
            low = middle
        else:
            high = middle
    return low


def p_value(guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Theorem 5.2 and appendix D there: the chance of so many right guesses under (epsilon, delta)-DP."""
    log_right, log_wrong = -math.log1p(math.exp(-epsilon)), -math.log1p(math.exp(epsilon))
    k = np.arange(guesses + 1)
    log_choose = math.lgamma(guesses + 1) - np.array([math.lgamma(i + 1) + math.lgamma(guesses - i + 1) for i in k])
    mass = np.exp(log_choose + k * log_right + (guesses - k) * log_wrong)
    beta = mass[correct:].sum()
    below = np.cumsum(mass[:correct][::-1])
    alpha = float(np.max(below / np.arange(1, correct + 1))) if correct > 0 else 0.0
    return min(1.0, float(beta) + alpha * delta * 2 * CANARIES)


def main() -> None:
    """Arguments: delta, then what:epsilon:noise multiplier of each run; "off" is a run without noise."""
    delta, *runs = sys.argv[1:]
    results = []
    for number, run in enumerate(runs):
        began = time.monotonic()
        what, epsilon, noise = run.split(":")
        # The coins are the auditor's and fixed, so that a run can be repeated; the trainer's seed is as secret as ever.
        chosen = np.random.default_rng(1000 + number).random(CANARIES if what == "run" else FITTED_CANARIES) < 0.5
        seed = bytes([number + 1] * 32)
        if what == "run":
            scored = run_scores(noise, float(delta), float(epsilon), chosen, seed)
        else:
            # Off is the least that a declaration may ask for: a fortieth of what epsilon 1 needs.
            scored = fitted_scores(0.1 if noise == "off" else float(noise), chosen, seed)
        found = lower_bound(chosen, scored, float(delta))
        results.append({"what": what, "epsilon": float(epsilon), "noise": noise, "lowerBound": found})
        print(
            f"{what}, epsilon {epsilon}, noise {noise}: at least {found:.3f} ({time.monotonic() - began:.0f} s)",
            file=sys.stderr,
        )
    print(json.dumps(results))


main()
