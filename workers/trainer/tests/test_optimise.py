"""Training against a reference in plain numpy, and what must not depend on how it is cut up."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from models import (
    LINEAR_WEIGHTS,
    adam,
    config_of,
    declaration,
    external,
    float_input,
    graph,
    linear_model,
    linear_weights,
    model,
    node,
    scales,
    sgd,
    value,
)
from weighbridge_trainer.canary import check_rows_apart
from weighbridge_trainer.config import Config
from weighbridge_trainer.lower import lower
from weighbridge_trainer.optimise import prepare, train
from weighbridge_trainer.plan import epoch_order, plan_of, segments
from weighbridge_trainer.program import Program
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.safetensors import Floats, write_safetensors

ROWS, INPUTS, HIDDEN, CLASSES = 50, 6, 8, 3


def mlp(**change: Any) -> tuple[Program, dict[str, Floats], Config]:
    rng = np.random.default_rng(3)
    weights: dict[str, Floats] = {
        "w1": rng.standard_normal((HIDDEN, INPUTS)).astype(np.float32),
        "b1": rng.standard_normal(HIDDEN).astype(np.float32),
        "w2": rng.standard_normal((CLASSES, HIDDEN)).astype(np.float32),
        "b2": rng.standard_normal(CLASSES).astype(np.float32),
    }
    nodes = [
        node("Gemm", ["input", "w1", "b1"], ["a"], transB=1),
        node("Relu", ["a"], ["h"]),
        node("Gemm", ["h", "w2", "b2"], ["logits"], transB=1),
    ]
    initializers = [external(name, array.shape) for name, array in weights.items()]
    data = model(graph(nodes, initializers, [value("input", ["n", INPUTS])], [value("logits", ["n", CLASSES])]))
    base: dict[str, Any] = {
        "trainable": sorted(weights),
        "inputs": [float_input(INPUTS)],
        "features": {"input": scales(INPUTS)},
        "label": {"kind": "class", "column": "label", "classes": list(range(CLASSES))},
        "batchRows": 8,
        "epochs": 3,
    }
    config = config_of(declaration(data, write_safetensors(weights), **{**base, **change}), rows=ROWS)
    return lower(data, weights, config).row, weights, config


def some_rows() -> Rows:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((ROWS, INPUTS)).astype(np.float32)
    return Rows({"input": x}, (np.abs(x).sum(1) * 2).astype(np.int32) % CLASSES)


def trained(program: Program, weights: dict[str, Floats], config: Config, rows: Rows) -> dict[str, Floats]:
    return train(prepare(program, weights, config), rows, lambda _step, _of: None)


Weights = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


def reference_gradient(weights: Weights, x: Floats, y: np.ndarray[Any, Any]) -> tuple[float, Weights]:
    """Mean cross-entropy of a two-layer MLP, and its gradient by hand."""
    a = x @ weights["w1"].T + weights["b1"]
    h = np.maximum(a, 0)
    logits = h @ weights["w2"].T + weights["b2"]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    dh = (d @ weights["w2"]) * (a > 0)
    return float(loss), {"w1": dh.T @ x, "b1": dh.sum(0), "w2": d.T @ h, "b2": d.sum(0)}


def reference_train(weights: dict[str, Floats], config: Config, rows: Rows) -> tuple[list[float], Weights]:
    """Every step in order, in float64: SGD with momentum as PyTorch has it, or Adam (arXiv:1412.6980)."""
    now: Weights = {name: array.astype(np.float64) for name, array in weights.items()}
    first = {name: np.zeros_like(array) for name, array in now.items()}
    second = {name: np.zeros_like(array) for name, array in now.items()}
    losses, t, rate = [], 0, config.optimiser.learning_rate
    for epoch in range(config.epochs):
        order = epoch_order(config.seed, epoch, config.rows)
        for start in range(0, config.rows, config.batch_rows):
            batch = order[start : start + config.batch_rows]
            loss, gradient = reference_gradient(now, rows.inputs["input"][batch], rows.target[batch])
            losses.append(loss)
            t += 1
            for name, g in gradient.items():
                if config.optimiser.name == "sgd":
                    first[name] = config.optimiser.momentum * first[name] + g
                    now[name] = now[name] - rate * first[name]
                else:
                    first[name] = 0.9 * first[name] + 0.1 * g
                    second[name] = 0.999 * second[name] + 0.001 * g * g
                    unbiased = second[name] / (1 - 0.999**t)
                    now[name] = now[name] - rate * first[name] / (1 - 0.9**t) / (np.sqrt(unbiased) + 1e-8)
    return losses, now


OPTIMISERS = [
    pytest.param(sgd(0.05), id="sgd"),
    pytest.param(sgd(0.05, 0.9), id="momentum"),
    pytest.param(adam(0.01), id="adam"),
]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_weights_and_losses_are_those_of_the_reference(optimiser: dict[str, Any]) -> None:
    program, weights, config = mlp(optimiser=optimiser)
    rows = some_rows()
    losses, expected = reference_train(weights, config, rows)
    got = trained(program, weights, config, rows)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=2e-4, atol=2e-5)
    x, y = rows.inputs["input"], rows.target
    loss, _ = reference_gradient({name: array.astype(np.float64) for name, array in got.items()}, x, y)
    assert loss == pytest.approx(reference_gradient(expected, x, y)[0], rel=1e-4)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    rows = some_rows()
    once, again, other = (write_safetensors(trained(*mlp(seed=seed), rows)) for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_frozen_tensors_stay_out_and_unchanged() -> None:
    program, weights, config = mlp(trainable=["w2", "b2"])
    before = {name: array.copy() for name, array in weights.items()}
    got = trained(program, weights, config, some_rows())
    assert sorted(got) == ["b2", "w2"]
    assert not np.array_equal(got["w2"], before["w2"])
    np.testing.assert_array_equal(weights["w1"], before["w1"])


def test_micro_batches_and_segments_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows()
    whole = trained(*mlp(), rows)
    monkeypatch.setattr("weighbridge_trainer.plan._MAX_MICRO_ROWS", 3)
    monkeypatch.setattr("weighbridge_trainer.plan._MAX_SEGMENT_STEPS", 2)
    program, weights, config = mlp()
    plan = plan_of(config, program.row_elements)
    assert (plan.micro_batches, plan.micro_rows, plan.segment_steps) == (3, 3, 2)
    cut = trained(program, weights, config, rows)
    for name in whole:
        np.testing.assert_allclose(cut[name], whole[name], rtol=1e-4, atol=1e-6)


def test_heavy_steps_are_told_of_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows()
    whole = trained(*mlp(), rows)
    flops = prepare(*mlp()).flops_per_row * mlp()[2].batch_rows
    for room, steps in ((0.5, 1), (1.5, 1), (3.5, 3)):
        monkeypatch.setattr("weighbridge_trainer.plan._SEGMENT_FLOPS", room * flops)
        heard: list[int] = []
        trainer = prepare(*mlp())
        got = train(trainer, rows, lambda step, _of: heard.append(step))  # noqa: B023
        assert trainer.plan.segment_steps == steps
        assert heard == sorted({min(k + steps, 7) + 7 * epoch for epoch in range(3) for k in range(0, 7, steps)})
        for name in whole:
            np.testing.assert_allclose(got[name], whole[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("rows", "batch_rows"), [(50, 8), (50, 50), (50, 65_536), (1, 1), (257, 300), (7, 3)])
def test_every_row_counts_once_an_epoch(rows: int, batch_rows: int) -> None:
    _, _, config = mlp(batchRows=batch_rows)
    config = dataclasses.replace(config, rows=rows)
    plan = plan_of(config, row_elements=100)
    seen: list[int] = []
    for index, counts, _ in segments(plan, config, epoch=1):
        assert index.shape == (plan.segment_steps, plan.micro_batches, plan.micro_rows)
        seen += index[counts].tolist()
    assert sorted(seen) == list(range(rows))


def test_progress_is_made_of_public_numbers() -> None:
    program, weights, config = mlp()
    heard: list[tuple[int, int]] = []
    train(prepare(program, weights, config), some_rows(), lambda step, of: heard.append((step, of)))
    assert heard[-1] == (21, 21)
    assert heard == sorted(heard)


def test_rows_cannot_mix() -> None:
    """Softmax over the batch axis: stock tools would let every row see the others, here each sees itself alone."""
    data = linear_model([node("Softmax", ["logits"], ["z"], axis=0)], output="z")
    lowered = lower(data, LINEAR_WEIGHTS, config_of(declaration(data, linear_weights())))
    weights = {name: jax.numpy.asarray(array) for name, array in LINEAR_WEIGHTS.items()}
    run = jax.jit(jax.vmap(lambda row: lowered.row.run(weights, {"input": row})))
    np.testing.assert_array_equal(run(np.arange(12, dtype=np.float32).reshape(4, 3)), np.ones((4, 2)))
    with pytest.raises(Refused) as refused:
        check_rows_apart(lowered, LINEAR_WEIGHTS, config_of(declaration(data, linear_weights())))
    assert refused.value.reason is Reason.ROWS_MIX
