"""A metric over rows that are held out: against the naive reference, and what one unit can do to it."""

import dataclasses
import io
import struct
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

import private_reference as reference
from models import LINEAR_WEIGHTS, config_of, declaration, linear_model, linear_weights
from pieces import job_frames, parquet
from test_job import PRIVATE, answers, piece
from weighbridge_trainer import losses
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import run_job
from weighbridge_trainer.losses import row_correct, row_loss
from weighbridge_trainer.lower import lower
from weighbridge_trainer.metric import Measurement, measure, prepare_metric, scale_of
from weighbridge_trainer.privacy_config import Metric
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.safetensors import read_safetensors

GRAPH, WEIGHTS = linear_model(), linear_weights()
SEED = b"s" * 32
ROWS, NOISE = 40, 1.7
Numbers = npt.NDArray[Any]


def metric(name: str, bound: float = 1) -> dict[str, Any]:
    return {"name": name, "bound": bound, "noiseMultiplier": NOISE}


def job(wanted: dict[str, Any] | None, held_out: tuple[list[bytes], int] | None, **change: Any) -> list[Any]:
    privacy = PRIVATE if wanted is None else {**PRIVATE, "metric": wanted}
    declared = declaration(GRAPH, WEIGHTS, privacy=privacy, **change)
    data = job_frames(declared, GRAPH, WEIGHTS, [piece(30), piece(20, 1)], rows=50, seed=SEED, held_out=held_out)
    out = io.BytesIO()
    run_job(FrameReader(io.BytesIO(data)), FrameWriter(out))
    return answers(out.getvalue())


HELD_OUT = [piece(25, 2), piece(15, 3)]


def held_out_rows() -> tuple[Numbers, Numbers]:
    x = np.concatenate([np.random.default_rng(seed).random((rows, 3)) for rows, seed in ((25, 2), (15, 3))])
    return x.astype(np.float32), (x[:, 0] > 0.5).astype(int)


def logits_of(weights: dict[str, Any]) -> Numbers:
    return np.asarray(held_out_rows()[0] @ weights["w"].T + weights["b"], np.float64)


def test_accuracy_is_the_noised_count_of_right_answers_of_the_trained_weights() -> None:
    *_, result, measured, numbers = job(metric("accuracy"), (HELD_OUT, ROWS))
    assert [kind for kind, _ in (result, measured, numbers)] == [b"R", b"M", b"N"]
    right = logits_of(read_safetensors(result[1])).argmax(1) == held_out_rows()[1]
    assert 0 < right.sum() < ROWS
    assert struct.unpack(">qq", measured[1]) == (reference.measured(SEED, list(right), NOISE), 0)
    # What trains is not moved by what is measured.
    assert result == job(None, None)[-2]
    assert numbers == (b"N", struct.pack(">IQ", 2, 50))


def test_loss_is_clipped_row_by_row() -> None:
    *_, result, measured, _ = job(metric("loss", 0.6), (HELD_OUT, ROWS))
    logits, labels = logits_of(read_safetensors(result[1])), held_out_rows()[1]
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(ROWS), labels]
    assert (losses > 0.6).any()
    assert (losses < 0.6).any()
    total, units = struct.unpack(">qq", measured[1])
    expected = reference.measured(SEED, list(np.minimum(losses / 0.6, 1)), NOISE)
    assert abs(total - expected) < 1e-5 * ROWS * scale_of(NOISE, False).ones
    assert units == 0


@pytest.mark.parametrize(
    ("wanted", "held_out", "change", "reason"),
    [
        pytest.param(metric("accuracy"), None, {}, Reason.MODEL_REJECTED, id="no rows are held out"),
        pytest.param(None, (HELD_OUT, ROWS), {}, Reason.MODEL_REJECTED, id="rows that nobody asked for"),
        pytest.param(metric("accuracy", 2), (HELD_OUT, ROWS), {}, Reason.MODEL_REJECTED, id="accuracy above 1"),
        pytest.param(metric("loss", 0), (HELD_OUT, ROWS), {}, Reason.MODEL_REJECTED, id="no bound"),
        pytest.param(
            {**metric("loss"), "noiseMultiplier": 0}, (HELD_OUT, ROWS), {}, Reason.MODEL_REJECTED, id="no noise"
        ),
        pytest.param(metric("median"), (HELD_OUT, ROWS), {}, Reason.MODEL_REJECTED, id="another metric"),
        pytest.param(metric("accuracy"), (HELD_OUT, 41), {}, Reason.DATA_DOES_NOT_FIT, id="fewer rows"),
        pytest.param(
            metric("accuracy"),
            (HELD_OUT, ROWS),
            {
                "loss": {"name": "mse"},
                "label": {"kind": "numbers", "columns": [{"column": "label", "min": 0, "max": 1}] * 2},
            },
            Reason.MODEL_REJECTED,
            id="accuracy of numbers",
        ),
    ],
)
def test_refuses(wanted: Any, held_out: Any, change: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        job(wanted, held_out, **change)
    assert refused.value.reason is reason


def test_training_rows_and_held_out_rows_are_not_mixed_up() -> None:
    """A label that the features do not fit is refused wherever it stands: so both kinds are read, each as its own."""
    bad = parquet({"c0": [0.1], "c1": [0.1], "c2": [0.1], "label": [7]})
    with pytest.raises(Refused) as refused:
        job(metric("accuracy"), ([bad], 1))
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT


def prepared(unit: dict[str, Any] | None = None, wanted: dict[str, Any] | None = None, rows: int = ROWS) -> Measurement:
    privacy = {**PRIVATE, "unit": unit or {"kind": "row"}}
    config = config_of(declaration(GRAPH, WEIGHTS, privacy=privacy), rows=50)
    program = lower(GRAPH, read_safetensors(WEIGHTS), config).row
    asked = wanted or metric("loss", 2)
    chosen = Metric(asked["name"], asked["bound"], asked["noiseMultiplier"])
    return prepare_metric(program, LINEAR_WEIGHTS, dataclasses.replace(config, rows=rows), chosen)


def some_rows(rows: int = ROWS, units: Numbers | None = None) -> Rows:
    rng = np.random.default_rng(4)
    return Rows({"input": rng.random((rows, 3), np.float32)}, rng.integers(0, 2, rows).astype(np.int32), units)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0])
def test_one_row_moves_the_sum_by_no_more_than_one(value: float) -> None:
    of, rows = prepared(), some_rows()
    changed = some_rows()
    np.asarray(changed.inputs["input"])[7] = value
    moved = measure(of, LINEAR_WEIGHTS, rows, SEED)[0] - measure(of, LINEAR_WEIGHTS, changed, SEED)[0]
    assert abs(moved) <= scale_of(NOISE, False).ones


def test_a_unit_of_many_rows_moves_sum_and_count_by_no_more_than_one_each() -> None:
    unit = {"kind": "column", "column": "patient", "maxRows": 3}
    scale = scale_of(NOISE, True)
    assert scale.deviation == pytest.approx(NOISE * np.sqrt(2) * scale.ones)
    noise = reference.gaussian(SEED, 0, 2, scale.deviation, purpose=3)

    def exact(rows: Rows) -> tuple[float, float]:
        total, count = measure(prepared(unit, rows=len(rows.target)), LINEAR_WEIGHTS, rows, SEED)
        return (total - noise[0]) / scale.ones, (count - noise[1]) / scale.ones

    # Thirty rows are one patient's, the ten after them one each.
    crowd = np.concatenate([np.zeros(30, np.int64), np.arange(1, 11)])
    rows, changed = some_rows(units=crowd), some_rows(units=crowd)
    np.asarray(changed.inputs["input"])[:30] = np.nan
    without = Rows({"input": rows.inputs["input"][30:]}, rows.target[30:], np.arange(10))
    (total, count), (other, same), (rest, fewer) = exact(rows), exact(changed), exact(without)
    assert (count, same, fewer) == (11, 11, 10)
    assert 0 < other - total <= 1
    assert 0 < total - rest <= 1


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 600])
def test_every_row_counts_once_however_they_are_cut_up(rows: int) -> None:
    of = prepared(wanted=metric("accuracy"), rows=rows)
    right = (some_rows(rows).inputs["input"] @ LINEAR_WEIGHTS["w"].T + LINEAR_WEIGHTS["b"]).argmax(1)
    shares = list(right == some_rows(rows).target)
    assert measure(of, LINEAR_WEIGHTS, some_rows(rows), SEED) == (reference.measured(SEED, shares, NOISE), 0)


@pytest.mark.parametrize("noise", [0.1, 1.0, 1.7, 999.0])
def test_the_noise_is_as_wide_as_declared_and_wide_enough_to_be_rounded(noise: float) -> None:
    scale = scale_of(noise, False)
    assert scale.deviation == noise * scale.ones
    assert 2**20 <= scale.deviation < 2**21


def test_a_token_is_right_where_the_next_one_was_likeliest() -> None:
    logits = jnp.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [9.0, 0.0]])

    class Padded:
        label = None

    assert float(losses._next_is_right(logits, jnp.array([1, 1, 1, 0]), Padded())) == pytest.approx(1 / 3)  # type: ignore[arg-type]
    assert float(losses._sign_is_right(jnp.array([1.0, -1.0]), jnp.array([1.0, 1.0]), Padded())) == 0.5  # type: ignore[arg-type]
    assert float(losses._class_is_right(jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([0, 0]), Padded())) == 0.5  # type: ignore[arg-type]


def test_a_right_answer_has_the_form_of_a_loss() -> None:
    config = config_of(declaration(GRAPH, WEIGHTS), rows=50)
    program = lower(GRAPH, read_safetensors(WEIGHTS), config).row
    row, weights = {"input": jnp.ones(3)}, {name: jnp.asarray(tensor) for name, tensor in LINEAR_WEIGHTS.items()}
    for value in (row_correct(program, config), row_loss(program, config)):
        assert value(weights, {}, row, jnp.int32(0), None).shape == ()
