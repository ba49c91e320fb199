"""Private training against the naive reference, and what an adversary may try with rows and models."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest

import private_reference as reference
from models import sgd
from private_cases import (
    BATCH,
    CASES,
    EPOCHS,
    NOISE,
    NORM,
    ROWS,
    SEED,
    Case,
    gradient_of,
    gradients,
    made_of,
    mlp,
    privacy_of,
    some_rows,
    some_words,
    sums_of,
)
from weighbridge_trainer.placement import Placement
from weighbridge_trainer.privacy_config import Privacy
from weighbridge_trainer.private_clip import clipped_sum_of_units
from weighbridge_trainer.private_layers import Layer, layers_of, product, squares
from weighbridge_trainer.private_train import plan_of, prepare_private, train_private
from weighbridge_trainer.private_units import UnitNames, units_of
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.safetensors import Floats, write_safetensors


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
    # With momentum, so that a step that fills up a segment would be seen.
    made, rows = mlp(optimiser=sgd(0.5, 0.9)), some_rows()
    whole = trained(made, rows)
    monkeypatch.setattr("weighbridge_trainer.private_train._MICRO_ROWS", 3)
    monkeypatch.setattr("weighbridge_trainer.private_train._MAX_SEGMENT_STEPS", 4)
    cut = trained(made, rows)
    program, weights, config = made
    assert config.privacy is not None
    tight = prepare_private(program, weights, config, config.privacy)
    tight = dataclasses.replace(tight, plan=dataclasses.replace(tight.plan, capacity=3))
    grown = train_private(tight, rows, SEED, lambda _s, _o: None)
    for tensor in whole:
        np.testing.assert_allclose(cut[tensor], whole[tensor], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(grown[tensor], whole[tensor], rtol=1e-4, atol=1e-5)


def test_heavy_steps_are_told_of_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    program, weights, config = mlp()
    privacy = config.privacy
    assert privacy is not None
    whole = trained(mlp(), some_rows())
    monkeypatch.setattr("weighbridge_trainer.plan._SEGMENT_FLOPS", 1)
    trainer = prepare_private(program, weights, config, privacy)
    heard: list[int] = []
    got = train_private(trainer, some_rows(), SEED, lambda step, _of: heard.append(step))
    assert heard == list(range(1, privacy.steps + 1))
    for tensor in whole:
        np.testing.assert_allclose(got[tensor], whole[tensor], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("expected", "declared", "micro"),
    [(256, None, 64), (64, None, 16), (40, None, 10), (8, None, 8), (2, None, 2), (64, 50, 50)],
)
def test_a_micro_batch_is_a_small_part_of_a_step(expected: int, declared: int | None, micro: int) -> None:
    """Of the last one of a step half is padding, which costs a processor as much as rows do."""
    _, _, config = mlp(microBatchRows=declared)
    config = dataclasses.replace(config, rows=1_000)
    assert config.privacy is not None
    privacy = dataclasses.replace(config.privacy, sampling_rate=expected / config.rows)
    assert plan_of(config, privacy, 1, 1, Placement(None), False).micro_units == micro


@pytest.mark.parametrize("width", [1, 1_023, 1_024, 1_026, 4_096])
def test_squares_are_those_of_every_number_of_a_row(width: int) -> None:
    values = np.random.default_rng(width).standard_normal((3, width)).astype(np.float32)
    np.testing.assert_allclose(squares(jnp.asarray(values)), np.square(values.astype(float)).sum(1), rtol=1e-5)
    for place in {0, width // 2, width - 1}:
        broken = values.copy()
        broken[1, place] = np.inf
        assert list(np.isfinite(squares(jnp.asarray(broken)))) == [True, False, True]


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize(("width", "out"), [(3, 5), (5, 3), (4, 4), (64, 48)])
def test_a_product_of_many_places_is_added_up_as_it_was_measured(width: int, out: int, turned: bool) -> None:
    draw = np.random.default_rng(width)
    source, slope = (draw.standard_normal((6, 7, size)).astype(np.float32) for size in (width, out))
    factors = draw.random(6).astype(np.float32)
    rows = np.einsum("bto,bti->boi" if turned else "bto,bti->bio", slope, source)
    norm, sums = product(Layer(0, "w", None, 0, "product", turned), jnp.asarray(source), jnp.asarray(slope))
    np.testing.assert_allclose(norm, np.square(rows).sum((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(sums["w"](jnp.asarray(factors)), np.tensordot(factors, rows, 1), rtol=1e-4, atol=1e-5)


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


PATIENT = {"kind": "column", "column": "patient", "maxRows": 4}


def sums_of_units(rows: Rows, norm: float = NORM) -> dict[str, Any]:
    """As a run gathers them: the rows of each unit, and the first row of all where a unit has fewer."""
    program, weights, config = mlp(privacy=privacy_of(PATIENT))
    assert rows.units is not None
    table = units_of(numbered(rows.units), len(rows.units), 4).rows
    assert table is not None
    picked, now = np.maximum(table, 0), {name: jnp.asarray(values) for name, values in weights.items()}
    inputs, target = {"input": jnp.asarray(rows.inputs["input"][picked])}, jnp.asarray(rows.target[picked])
    clipped = jax.jit(clipped_sum_of_units(program, config, norm))
    return dict(clipped(now, {}, inputs, target, None, jnp.asarray(table >= 0)))


def numbered(names: Any) -> Any:
    """In order of appearance."""
    order = {name: k for k, name in enumerate(dict.fromkeys(names.tolist()))}
    return np.array([order[name] for name in names.tolist()])


def mean_gradients(each: list[dict[str, Any]], units: Any, most: int) -> list[dict[str, Any]]:
    """Of each unit over so many of its rows."""
    taken = [np.flatnonzero(units == unit)[:most] for unit in range(int(units.max()) + 1)]
    return [{name: np.mean([each[row][name] for row in some], 0) for name in each[0]} for some in taken]


# Of the patients one has as many rows as are taken, one more, the others fewer.
CROWD = np.array([0, 1, 1, 2, *[3] * 4, *[4] * 7, *range(5, ROWS - 10)])


def test_the_clipped_sum_of_units_is_that_of_the_reference() -> None:
    rows = some_rows()
    each = mean_gradients(gradients("mlp", rows), CROWD, 4)
    # The larger norm shortens nobody, so that it shows what is summed.
    for norm in (NORM, 50.0):
        expected = reference.clipped_sum(each, sorted(made_of("mlp")[1]), norm)
        got = sums_of_units(Rows(rows.inputs, rows.target, CROWD), norm)
        for tensor in expected:
            np.testing.assert_allclose(got[tensor], expected[tensor], rtol=2e-4, atol=2e-6 * norm * ROWS)


def test_a_run_by_patients_is_that_of_the_reference() -> None:
    """Batches of patients, the mean over the rows of each, and as many patients for the divisor as their cap allows."""
    rows = some_rows()
    start = {tensor: values.astype(np.float64) for tensor, values in made_of("mlp")[1].items()}

    def gradient(weights: Any, unit: int) -> dict[str, Any]:
        each = [gradient_of("mlp", weights, rows, row) for row in np.flatnonzero(unit == CROWD)[:4]]
        return {name: np.mean([one[name] for one in each], 0) for name in each[0]}

    setting = (BATCH / ROWS, EPOCHS * ROWS // BATCH, NORM, NOISE, 0.5, BATCH / 4)
    expected = reference.private_sgd(start, gradient, int(CROWD.max()) + 1, SEED, setting)
    got = trained(mlp(privacy=privacy_of(PATIENT)), Rows(rows.inputs, rows.target, CROWD))
    for tensor in expected:
        np.testing.assert_allclose(got[tensor], expected[tensor], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", [0, 4])
def test_one_unit_moves_the_sum_by_the_norm_at_most(kind: str, place: int) -> None:
    """Its rows stand first of all, and there what fills up the others is taken from."""
    rows = some_rows()
    units = np.roll(CROWD, -int(np.flatnonzero(place == CROWD)[0]))
    x, y = (
        np.roll(values, -int(np.flatnonzero(place == CROWD)[0]), 0) for values in (rows.inputs["input"], rows.target)
    )
    x[units == place] = HOSTILE[kind] * np.array([1, -1, 1, 1, 1, 1])
    rest = units != place
    with_it, without = (
        sums_of_units(Rows({"input": x[some]}, y[some], units[some])) for some in (np.ones(ROWS, bool), rest)
    )
    assert all(np.isfinite(values).all() for values in with_it.values())
    assert distance(with_it, without) <= NORM + 1e-4


def test_units_are_clipped_whole_however_often_their_rows_stand_there() -> None:
    rows = some_rows()
    x = np.concatenate([rows.inputs["input"], np.repeat(rows.inputs["input"][:1] * 50, 100, 0)])
    y = np.concatenate([rows.target, np.repeat(rows.target[:1], 100)])
    others, all_of_it = np.arange(1, ROWS + 1), np.concatenate([np.arange(1, ROWS + 1), np.zeros(100, int)])

    moved = distance(sums_of_units(Rows({"input": x}, y, all_of_it)), sums_of_units(Rows({"input": x}, y, others)))
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
