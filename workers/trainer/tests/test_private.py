"""Private training against the naive reference, and what an adversary may try with rows and models."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

import private_reference as reference
from models import config_of, declaration, external, float_input, graph, inline, model, node, scales, sgd, value
from weighbridge_trainer.config import Config, Privacy
from weighbridge_trainer.features import Rows
from weighbridge_trainer.losses import row_loss
from weighbridge_trainer.lower import lower
from weighbridge_trainer.operators import TABLE
from weighbridge_trainer.private_clip import clipped_sum_of_rows, clipped_sum_of_units
from weighbridge_trainer.private_grid import add_on_grid, grid_of
from weighbridge_trainer.private_layers import layers_of
from weighbridge_trainer.private_stream import SecretStream
from weighbridge_trainer.private_train import prepare_private, train_private
from weighbridge_trainer.private_units import UnitNames, units_of
from weighbridge_trainer.program import Program
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.safetensors import Floats, write_safetensors

ROWS, INPUTS, CLASSES, BATCH, EPOCHS, NORM, NOISE = 40, 6, 3, 8, 2, 0.7, 1.3
SEED = bytes(range(32))
Case = tuple[Program, dict[str, Floats], Config]


def privacy_of(unit: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    base = {
        "epsilon": 5.0,
        "delta": 1e-5,
        "noiseMultiplier": NOISE,
        "clippingNorm": NORM,
        "samplingRate": BATCH / ROWS,
        "steps": EPOCHS * ROWS // BATCH,
        "unit": unit or {"kind": "row"},
    }
    return {**base, **change}


def case(
    nodes: Sequence[bytes],
    shapes: dict[str, tuple[int, ...]],
    more: Sequence[bytes] = (),
    element_type: int = 1,
    **change: Any,
) -> Case:
    rng = np.random.default_rng(5)
    weights: dict[str, Floats] = {
        name: (rng.standard_normal(shape) / 2).astype(np.float32) for name, shape in shapes.items()
    }
    initializers = [external(name, shape) for name, shape in shapes.items()]
    data = model(
        graph(
            nodes, [*initializers, *more], [value("input", ["n", INPUTS], element_type)], [value("z", ["n", CLASSES])]
        )
    )
    base: dict[str, Any] = {
        "trainable": sorted(weights),
        "inputs": [float_input(INPUTS)],
        "features": {"input": scales(INPUTS)},
        "label": {"kind": "class", "column": "label", "classes": list(range(CLASSES))},
        "optimiser": sgd(0.5),
        "batchRows": BATCH,
        "epochs": EPOCHS,
        "privacy": privacy_of(),
    }
    config = config_of(declaration(data, write_safetensors(weights), **{**base, **change}), rows=ROWS)
    return lower(data, weights, config).row, weights, config


def mlp(**change: Any) -> Case:
    nodes = [
        node("Gemm", ["input", "w1", "b1"], ["a"], transB=1),
        node("Tanh", ["a"], ["h"]),
        node("Gemm", ["h", "w2", "b2"], ["z"], transB=1),
    ]
    return case(nodes, {"w1": (5, INPUTS), "b1": (5,), "w2": (CLASSES, 5), "b2": (CLASSES,)}, **change)


def shape_of(name: str, *sizes: int) -> bytes:
    return inline(name, np.array(sizes, np.int64))


def tied() -> Case:
    """One weight in three places, one of them turned over; a bias that is shared too."""
    nodes = [
        node("MatMul", ["input", "w"], ["a"]),
        node("Tanh", ["a"], ["t"]),
        node("MatMul", ["t", "w"], ["b"]),
        node("Add", ["b", "c"], ["d"]),
        node("Transpose", ["w"], ["u"], perm=[1, 0]),
        node("MatMul", ["d", "u"], ["e"]),
        node("Add", ["e", "c"], ["f"]),
        node("MatMul", ["f", "o"], ["z"]),
    ]
    return case(nodes, {"w": (INPUTS, INPUTS), "c": (INPUTS,), "o": (INPUTS, CLASSES)})


def conv() -> Case:
    nodes = [
        node("Reshape", ["input", "image"], ["x"]),
        node("Conv", ["x", "k", "kb"], ["y"], kernel_shape=[2, 2], pads=[1, 0, 1, 1], strides=[1, 2]),
        node("Relu", ["y"], ["r"]),
        node("GlobalAveragePool", ["r"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "w"], ["z"]),
    ]
    return case(nodes, {"k": (4, 1, 2, 2), "kb": (4,), "w": (4, CLASSES)}, [shape_of("image", -1, 1, 2, 3)])


def sequence() -> Case:
    """Three places a row through a linear layer as PyTorch exports it, a norm whose scale has no layer."""
    nodes = [
        node("Reshape", ["input", "places"], ["x"]),
        node("Transpose", ["w"], ["u"], perm=[1, 0]),
        node("MatMul", ["x", "u"], ["y"]),
        node("Add", ["y", "b"], ["a"]),
        node("LayerNormalization", ["a", "s", "t"], ["n"]),
        node("Flatten", ["n"], ["f"]),
        node("Gemm", ["f", "o", "ob"], ["z"], transB=1),
    ]
    shapes = {"w": (7, 2), "b": (7,), "s": (7,), "t": (7,), "o": (CLASSES, 21), "ob": (CLASSES,)}
    return case(nodes, shapes, [shape_of("places", -1, 3, 2)])


def embedded() -> Case:
    nodes = [
        node("Gather", ["table", "input"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "o"], ["z"]),
    ]
    words = [{"kind": "category", "column": f"c{k}", "vocabulary": [0, 1, 2], "unknown": 3} for k in range(INPUTS)]
    inputs = [{"name": "input", "shape": [INPUTS], "dtype": "int64"}]
    weights: dict[str, tuple[int, ...]] = {"table": (4, 5), "o": (5 * INPUTS, CLASSES)}
    return case(nodes, weights, element_type=7, inputs=inputs, features={"input": words})


CASES = {"mlp": mlp, "tied": tied, "conv": conv, "sequence": sequence}
if "Gather" in TABLE:
    CASES["embedded"] = embedded


def some_rows(scale: float = 2.0) -> Rows:
    rng = np.random.default_rng(6)
    x = (rng.standard_normal((ROWS, INPUTS)) * scale).astype(np.float32)
    return Rows({"input": x}, rng.integers(0, CLASSES, ROWS).astype(np.int32))


@functools.cache
def made_of(name: str) -> Case:
    return CASES[name]()


@functools.cache
def slope(name: str) -> Any:
    program, _, config = made_of(name)
    return jax.jit(jax.grad(row_loss(program, config)), static_argnums=4)


def gradient_of(name: str, weights: Any, rows: Rows, row: int) -> dict[str, Any]:
    now = {tensor: jnp.asarray(values, jnp.float32) for tensor, values in weights.items()}
    x, y = jnp.asarray(rows.inputs["input"][row]), jnp.asarray(rows.target[row])
    return dict(slope(name)(now, {}, {"input": x}, y, None))


def some_words() -> Rows:
    rng = np.random.default_rng(8)
    return Rows(
        {"input": rng.integers(0, 4, (ROWS, INPUTS), np.int32)}, rng.integers(0, CLASSES, ROWS).astype(np.int32)
    )


def gradients(name: str, rows: Rows) -> list[dict[str, Any]]:
    return [gradient_of(name, made_of(name)[1], rows, row) for row in range(ROWS)]


@functools.cache
def summed(name: str) -> Any:
    program, weights, config = made_of(name)
    shapes = {tensor: values.shape for tensor, values in weights.items()}
    now = {tensor: jnp.asarray(values) for tensor, values in weights.items()}
    every = jnp.ones(ROWS, jnp.bool_)
    return jax.jit(lambda x, y, norm: clipped_sum_of_rows(program, config, norm, shapes)(now, {}, x, y, None, every))


def sums_of(name: str, rows: Rows, norm: float = NORM) -> dict[str, Any]:
    return dict(summed(name)({"input": jnp.asarray(rows.inputs["input"])}, jnp.asarray(rows.target), norm))


@pytest.mark.parametrize("name", CASES)
def test_the_clipped_sum_is_that_of_the_reference(name: str) -> None:
    rows = some_words() if name == "embedded" else some_rows()
    each = gradients(name, rows)
    for norm in (0.05, 0.7, 50.0):
        expected, got = reference.clipped_sum(each, sorted(made_of(name)[1]), norm), sums_of(name, rows, norm)
        for tensor in expected:
            np.testing.assert_allclose(got[tensor], expected[tensor], rtol=2e-4, atol=2e-6 * norm * ROWS)


def test_what_goes_without_a_gradient_a_row() -> None:
    """If a layer were not found, nothing would be wrong but the speed: so this is held here."""
    expected = {
        "mlp": {"w1", "w2"},
        "tied": {"o"},
        "conv": {"k", "w"},
        "sequence": {"w", "o"},
        "embedded": {"table", "o"},
    }
    for name in CASES:
        assert {layer.weight for layer in layers_of(made_of(name)[0], shapes(name))} == expected[name]


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {tensor: values.shape for tensor, values in made_of(name)[1].items()}


HOSTILE = {
    "huge": 1e30,
    "huge enough to square": 1e18,
    "infinite": np.inf,
    "not a number": np.nan,
    "denormal": 1e-40,
    "large": 1e4,
}


@pytest.mark.parametrize("name", ["mlp", "tied", "conv", "sequence"])
def test_one_row_moves_the_sum_by_the_norm_at_most(name: str) -> None:
    rows = some_rows()
    base = sums_of(name, leave_out(rows))
    for kind, number in HOSTILE.items():
        hostile = rows.inputs["input"].copy()
        hostile[3] = number * np.array([1, -1, 1, 1, 1, 1])
        moved = sums_of(name, Rows({"input": hostile.astype(np.float32)}, rows.target))
        assert all(np.isfinite(values).all() for values in moved.values()), kind
        assert distance(moved, base) <= NORM + 1e-4, kind


def leave_out(rows: Rows) -> Rows:
    """Row 3 without influence: its gradient is not a number, which counts as none."""
    x = rows.inputs["input"].copy()
    x[3] = np.nan
    return Rows({"input": x}, rows.target)


def distance(a: dict[str, Any], b: dict[str, Any]) -> float:
    return float(np.sqrt(sum(np.square(np.asarray(a[n], np.float64) - np.asarray(b[n], np.float64)).sum() for n in a)))


def test_a_row_whose_gradient_is_no_number_is_a_row_left_out() -> None:
    rows = some_rows()
    kept = [g for k, g in enumerate(gradients("mlp", rows)) if k != 3]
    expected, got = reference.clipped_sum(kept, sorted(made_of("mlp")[1]), NORM), sums_of("mlp", leave_out(rows))
    for tensor in expected:
        np.testing.assert_allclose(got[tensor], expected[tensor], rtol=1e-4, atol=1e-5)


def trained(made: Case, rows: Rows, seed: bytes = SEED) -> dict[str, Floats]:
    program, weights, config = made
    assert config.privacy is not None
    return train_private(prepare_private(program, weights, config, config.privacy), rows, seed, lambda _s, _o: None)


@pytest.mark.parametrize("name", ["mlp", "tied"])
def test_a_run_is_that_of_the_reference(name: str) -> None:
    made, rows = made_of(name), some_rows()
    start = {tensor: values.astype(np.float64) for tensor, values in made[1].items()}
    setting = (BATCH / ROWS, EPOCHS * ROWS // BATCH, NORM, NOISE, 0.5)
    expected = reference.private_sgd(start, lambda w, k: gradient_of(name, w, rows, k), ROWS, SEED, setting)
    got = trained(made, rows)
    for tensor in expected:
        np.testing.assert_allclose(got[tensor], expected[tensor], rtol=1e-3, atol=1e-4)


def test_the_seed_decides_everything() -> None:
    rows = some_rows()
    once, again, other = (write_safetensors(trained(mlp(), rows, seed)) for seed in (SEED, SEED, bytes(32)))
    assert once == again
    assert once != other


def test_micro_batches_segments_and_room_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows()
    whole = trained(mlp(), rows)
    monkeypatch.setattr("weighbridge_trainer.private_train._MICRO_ROWS", 3)
    monkeypatch.setattr("weighbridge_trainer.private_train._MAX_SEGMENT_STEPS", 4)
    cut = trained(mlp(), rows)
    program, weights, config = mlp()
    assert config.privacy is not None
    tight = prepare_private(program, weights, config, config.privacy)
    tight = dataclasses.replace(tight, plan=dataclasses.replace(tight.plan, capacity=3))
    grown = train_private(tight, rows, SEED, lambda _s, _o: None)
    for tensor in whole:
        np.testing.assert_allclose(cut[tensor], whole[tensor], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(grown[tensor], whole[tensor], rtol=1e-4, atol=1e-5)


def test_an_empty_batch_takes_its_noise_and_the_divisor_is_the_expected_batch() -> None:
    """No row is ever drawn here; what moves the weights is noise, of the deviation that was declared."""
    rate = 1 / ROWS
    privacy = privacy_of(samplingRate=rate, steps=ROWS)
    program, weights, config = mlp(batchRows=1, epochs=1, privacy=privacy)
    assert config.privacy is not None
    never = dataclasses.replace(config.privacy, sampling_rate=2.0**-40)
    trainer = prepare_private(program, weights, config, never)
    got = train_private(trainer, some_rows(), SEED, lambda _s, _o: None)
    moved = np.concatenate([(got[name] - weights[name]).ravel() for name in sorted(weights)])
    assert np.std(moved) == pytest.approx(0.5 * NOISE * NORM * np.sqrt(ROWS), rel=0.25)


def test_units_are_clipped_whole_however_often_their_rows_stand_there() -> None:
    program, weights, config = mlp(privacy=privacy_of({"kind": "column", "column": "patient", "maxRows": 4}))
    clipped = jax.jit(clipped_sum_of_units(program, config, NORM))
    now = {name: jnp.asarray(values) for name, values in weights.items()}
    rows = some_rows()
    x = np.concatenate([rows.inputs["input"], np.repeat(rows.inputs["input"][:1] * 50, 100, 0)])
    y = np.concatenate([rows.target, np.repeat(rows.target[:1], 100)])
    others, all_of_it = np.arange(1, ROWS + 1), np.concatenate([np.arange(1, ROWS + 1), np.zeros(100, int)])

    def total(names: Any) -> dict[str, Any]:
        order = {name: k for k, name in enumerate(dict.fromkeys(names.tolist()))}
        table = units_of(np.array([order[name] for name in names.tolist()]), len(names), 4)
        assert table.rows is not None
        picked = np.maximum(table.rows, 0)
        return dict(
            clipped(
                now, {}, {"input": jnp.asarray(x[picked])}, jnp.asarray(y[picked]), None, jnp.asarray(table.rows >= 0)
            )
        )

    moved = distance(total(all_of_it), total(others))
    assert 0.5 * NORM < moved <= NORM + 1e-4


def test_units_take_so_many_of_their_rows_and_no_more() -> None:
    units = units_of(np.array([0, 1, 0, 2, 0, 1, 0]), 7, 2)
    assert units.count == 3
    assert units.rows is not None
    assert units.rows.tolist() == [[0, 2], [1, 5], [3, -1]]
    assert units.padded(7) is not None
    assert units.padded(7)[3:].max() == -1  # type: ignore[index]


def test_training_by_patients_runs() -> None:
    rows = some_rows()
    named = Rows(rows.inputs, rows.target, np.arange(ROWS) // 4)
    got = trained(mlp(privacy=privacy_of({"kind": "column", "column": "patient", "maxRows": 4})), named)
    assert all(np.isfinite(values).all() for values in got.values())


class TestStream:
    stream = SecretStream(SEED)

    def test_is_chacha20_of_seed_purpose_and_step(self) -> None:
        """The reference draws with a stream of its own."""
        assert self.stream.sample(7, 1000, 0.25).tolist() == reference.sampled(SEED, 7, 1000, 0.25)
        # The larger one is made in several parts.
        for count in (101, 70_001):
            expected = reference.gaussian(SEED, 7, count, 2.0**21)
            assert self.stream.gaussian(7, count, 2.0**21).tolist() == expected

    def test_draws_each_row_with_the_rate_and_all_with_one(self) -> None:
        counts = [len(self.stream.sample(step, 2000, 0.1)) for step in range(200)]
        assert np.mean(counts) == pytest.approx(200, rel=0.03)
        assert np.std(counts) == pytest.approx(np.sqrt(180), rel=0.25)
        assert self.stream.sample(0, 5, 1.0).tolist() == [0, 1, 2, 3, 4]

    def test_is_gaussian_in_body_and_tail(self) -> None:
        z = self.stream.gaussian(0, 2_000_001, 2.0**20) / 2.0**20
        assert abs(z.mean()) < 0.003
        assert z.std() == pytest.approx(1, rel=0.003)
        assert (z**4).mean() == pytest.approx(3, rel=0.01)
        for bound, share in ((1, 0.317311), (2, 0.0455003), (3, 0.0026998), (4, 6.334e-5)):
            assert (np.abs(z) > bound).mean() == pytest.approx(share, rel=0.3 if bound == 4 else 0.03)

    def test_never_gives_two_steps_or_purposes_the_same(self) -> None:
        drawn = [tuple(self.stream.gaussian(step, 8, 2.0**20).tolist()) for step in range(50)]
        assert len(set(drawn)) == 50


class TestGrid:
    def test_adds_whole_numbers_exactly(self) -> None:
        rng = np.random.default_rng(1)
        grid = grid_of(1.1, 0.9, 1000)
        totals = (rng.standard_normal(4000) * 10.0 ** rng.integers(-6, 5, 4000)).astype(np.float32)
        noise = np.rint(rng.standard_normal(4000) * grid.deviation).astype(np.int32)
        got = np.asarray(add_on_grid(jnp.asarray(totals), jnp.asarray(noise), grid.unit), np.float64)
        exact = np.rint(totals.astype(np.float64) / grid.unit) + noise
        np.testing.assert_allclose(got / grid.unit, exact, rtol=2e-7, atol=0)
        small = np.abs(exact) < 2**24
        np.testing.assert_array_equal((got / grid.unit)[small], exact[small])

    def test_says_the_same_of_two_sums_that_lie_in_one_cell(self) -> None:
        grid = grid_of(1.0, 1.0, 1)
        low, high = np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(1))
        assert round(float(low) / grid.unit) == round(float(high) / grid.unit)
        noise = jnp.asarray([12345], jnp.int32)
        assert add_on_grid(jnp.asarray([low]), noise, grid.unit) == add_on_grid(jnp.asarray([high]), noise, grid.unit)


@pytest.mark.parametrize(
    "change",
    [
        {"samplingRate": 0.3},
        {"steps": 11},
        {"noiseMultiplier": 0},
        {"noiseMultiplier": 0.01},
        {"clippingNorm": 0},
        {"unit": {"kind": "all"}},
        {"unit": {"kind": "column", "column": "patient", "maxRows": 0}},
        {"seed": 1},
    ],
)
def test_other_declarations_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        mlp(privacy=privacy_of(**change))
    assert refused.value.reason == Reason.MODEL_REJECTED


def test_privacy_is_in_float32() -> None:
    with pytest.raises(Refused):
        mlp(precision="bfloat16")


def test_parse_reads_the_unit() -> None:
    _, _, config = mlp(privacy=privacy_of({"kind": "column", "column": "patient", "maxRows": 4}))
    assert config.privacy == Privacy(NOISE, NORM, BATCH / ROWS, 10, "patient", 4)


def test_rows_without_a_name_are_one_unit() -> None:
    names = UnitNames("patient", 6)
    names.add(0, pa.record_batch({"patient": pa.array([1.5, float("nan"), None])}))
    names.add(3, pa.record_batch({"patient": pa.array([float("nan"), 1.5, float("nan")])}))
    assert names.numbers.tolist() == [0, 1, 1, 1, 0, 1]
