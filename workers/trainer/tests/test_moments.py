"""Mean and deviation that are fitted with noise: against the naive reference, and what one unit can do to them."""

import io
import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import private_reference as reference
from models import config_of, declaration, linear_model, linear_weights
from pieces import job_frames, parquet
from test_job import PRIVATE, answers
from weighbridge_trainer.config import Config
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import run_job
from weighbridge_trainer.moments import fit, fitted_of, scale_of, standardise
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.safetensors import read_safetensors

GRAPH, WEIGHTS = linear_model(), linear_weights()
SEED = b"s" * 32
NOISE = 2.5
PATIENT = {"kind": "column", "column": "patient", "maxRows": 3}
Numbers = npt.NDArray[Any]
VECTORS = json.loads((Path(__file__).parents[3] / "test/vectors/privacy/moments.json").read_text())["settings"]


def features(*kinds: str) -> dict[str, Any]:
    return {"input": [{"kind": kind, "column": f"c{k}", "min": -10, "max": 30} for k, kind in enumerate(kinds)]}


def declared(kinds: tuple[str, ...] = ("standardise", "scale", "standardise"), **change: Any) -> dict[str, Any]:
    privacy = {**PRIVATE, "moments": {"noiseMultiplier": NOISE}, **change}
    return declaration(GRAPH, WEIGHTS, features=features(*kinds), privacy=privacy)


def config(**change: Any) -> Config:
    return config_of(declared(**change), rows=50)


def some_rows(units: Numbers | None = None, rows: int = 50) -> Rows:
    """As `RowsBuilder` leaves them: from -1 to 1 between the ends, and some beyond."""
    drawn = np.random.default_rng(3).normal(0.2, 0.5, (rows, 3)).astype(np.float32)
    return Rows({"input": drawn}, np.zeros(rows, np.int32), units)


def fitted_columns(rows: Rows) -> list[list[list[float]]]:
    return [[[float(row[0]), float(row[2])]] for row in rows.inputs["input"]]


def test_the_sums_are_those_of_the_reference() -> None:
    rows = some_rows()
    found = fit(config(), rows, SEED)
    assert found is not None
    assert list(found.noised) == reference.moments(SEED, fitted_columns(rows), NOISE, counted=False)


def test_of_units_they_are_sums_of_means_over_their_first_rows() -> None:
    names = np.concatenate([np.zeros(30, np.int64), np.arange(1, 11), np.arange(1, 11)])
    rows = some_rows(names)
    found = fit(config(unit=PATIENT), rows, SEED)
    columns = fitted_columns(rows)
    units = [[columns[row][0] for row in np.flatnonzero(names == unit)[:3]] for unit in range(11)]
    assert found is not None
    assert list(found.noised) == reference.moments(SEED, units, NOISE, counted=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38, 1.0, -1.0])
@pytest.mark.parametrize("unit", [{"kind": "row"}, PATIENT], ids=["a row", "a patient"])
def test_one_unit_moves_all_sums_together_by_no_more_than_the_noise_is_made_for(value: float, unit: Any) -> None:
    of_rows = unit["kind"] == "row"
    names = None if of_rows else np.concatenate([np.zeros(30, np.int64), np.arange(1, 21)])
    rows = some_rows(names)
    rows.inputs["input"][:30] = value
    taken = 1 if of_rows else 30
    rest = Rows({"input": rows.inputs["input"][taken:]}, rows.target[taken:], None if names is None else np.arange(20))
    # The same rows without this unit's: what "added or removed" means.
    settings = {"unit": unit, "samplingRate": 4 / len(rest.target), "steps": 2 * -(-len(rest.target) // 4)}
    fewer = config_of(declared(**settings), rows=len(rest.target))
    both = [fit(of, some, SEED) for of, some in ((config(unit=unit), rows), (fewer, rest))]
    with_it, without = (np.array(one.noised, object) for one in both if one is not None)
    scale = scale_of(NOISE, 2, not of_rows)
    moved = [int(one) / scale.ones for one in with_it - without]
    assert math.hypot(*moved) <= scale.deviation / scale.ones / NOISE
    assert max(map(abs, moved)) <= 1


@pytest.mark.parametrize("columns", [1, 7, 4096, 65_536])
@pytest.mark.parametrize("noise", [0.1, 1.0, 999.0])
def test_the_noise_is_wide_enough_to_be_rounded(columns: int, noise: float) -> None:
    scale = scale_of(noise, columns, counts_units=True)
    assert 2**20 <= scale.deviation < 2**21
    assert scale.deviation == noise * math.sqrt(2 * columns + 1) * scale.ones


def test_rows_are_standardised_by_what_was_released_and_other_columns_left_alone() -> None:
    rows, before = some_rows(), some_rows().inputs["input"]
    moments = fit(config(moments={"noiseMultiplier": 0.5}), rows, SEED)
    assert moments is not None
    standardise(config(), rows, moments)
    ones = scale_of(0.5, 2, counts_units=False).ones
    for k, (mean, deviation) in zip((0, 2), moments.fitted, strict=True):
        sums = moments.noised[k : k + 2]
        assert mean == pytest.approx(sums[0] / ones / 50)
        assert deviation == pytest.approx(math.sqrt(sums[1] / ones / 50 - mean**2))
        np.testing.assert_allclose(rows.inputs["input"][:, k], (before[:, k] - mean) / deviation, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows.inputs["input"][:, 1], before[:, 1])


@pytest.mark.parametrize("setting", VECTORS)
def test_the_gate_makes_the_same_of_the_sums(setting: dict[str, Any]) -> None:
    noised = [int(one) for one in setting["noised"]]
    columns, counts_units = len(setting["fitted"]), setting["countsUnits"]
    scale = scale_of(setting["noiseMultiplier"], columns, counts_units)
    fitted = fitted_of(noised, columns, setting["rows"], scale, counts_units)
    assert [list(pair) for pair in fitted] == setting["fitted"]


def test_a_spread_below_its_noise_is_taken_for_that_noise() -> None:
    rows = Rows({"input": np.full((50, 3), 0.25, np.float32)}, np.zeros(50, np.int32))
    moments = fit(config(), rows, SEED)
    scale = scale_of(NOISE, 2, counts_units=False)
    assert moments is not None
    for _, deviation in moments.fitted:
        assert deviation >= math.sqrt(min(1, scale.deviation / scale.ones / 50))


def test_what_does_not_fit_float32_any_more_is_refused() -> None:
    rows = some_rows()
    rows.inputs["input"][7, 2] = 3e38
    with pytest.raises(Refused) as refused:
        standardise(config(), rows, fit(config(), rows, SEED))
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT


def job(held_out: tuple[list[bytes], int] | None = None, **change: Any) -> list[Any]:
    def piece(rows: int, seed: int) -> bytes:
        x = np.random.default_rng(seed).normal(12, 4, (rows, 3))
        return parquet({**{f"c{k}": x[:, k] for k in range(3)}, "label": (x[:, 0] > 12).astype(int)})

    asked = declared(**change)
    held = None if held_out is None else ([piece(20, 9)], 20)
    data = job_frames(asked, GRAPH, WEIGHTS, [piece(30, 0), piece(20, 1)], rows=50, seed=SEED, held_out=held)
    out = io.BytesIO()
    run_job(FrameReader(io.BytesIO(data)), FrameWriter(out))
    return answers(out.getvalue())


def test_a_job_answers_with_the_sums_between_weights_and_numbers() -> None:
    *_, result, moments, numbers = job()
    assert [kind for kind, _ in (result, moments, numbers)] == [b"R", b"F", b"N"]
    x = np.concatenate([np.random.default_rng(k).normal(12, 4, (n, 3)) for k, n in ((0, 30), (1, 20))])
    # The range is -10 to 30.
    columns = [[[float(np.float32((row[k] - 10) / 20)) for k in (0, 2)]] for row in x]
    assert list(struct.unpack(">5q", moments[1])) == reference.moments(SEED, columns, NOISE, counted=False)
    # The same seed gives the same, and a metric beside it takes nothing from it.
    assert job()[-3:] == [result, moments, numbers]
    metric = {"name": "accuracy", "bound": 1, "noiseMultiplier": 1}
    assert [kind for kind, _ in job(([], 20), metric=metric)[-4:]] == [b"R", b"F", b"M", b"N"]


def test_rows_that_are_held_out_are_standardised_by_what_was_fitted_on_the_others() -> None:
    metric = {"name": "accuracy", "bound": 1, "noiseMultiplier": 1}
    *_, result, fitted, measured, _ = job(([], 20), metric=metric)
    weights, noised = read_safetensors(result[1]), struct.unpack(">5q", fitted[1])
    moments = fitted_of(noised, 2, 50, scale_of(NOISE, 2, counts_units=False), counts_units=False)
    drawn = np.random.default_rng(9).normal(12, 4, (20, 3))
    x = (drawn - 10) / 20
    for k, (mean, deviation) in zip((0, 2), moments, strict=True):
        x[:, k] = (x[:, k] - mean) / deviation
    x[:, 1] = (drawn[:, 1] + 10) / 40
    right = (x @ weights["w"].T + weights["b"]).argmax(1) == (drawn[:, 0] > 12)
    assert 0 < right.sum() < 20
    assert struct.unpack(">qq", measured[1]) == (reference.measured(SEED, list(right), 1), 0)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({**declared(), "privacy": "none"}, id="without privacy"),
        pytest.param({**declared(), "privacy": PRIVATE}, id="without noise"),
        pytest.param(declared(("scale", "scale", "scale")), id="noise for nothing"),
        pytest.param(declared(moments={"noiseMultiplier": 0}), id="no noise"),
        pytest.param(declared(moments={"noiseMultiplier": 1, "columns": 2}), id="another field"),
        pytest.param({**declared(), "features": {"input": [*features("standardise")["input"], "c1"]}}, id="a name"),
    ],
)
def test_refuses(asked: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        config_of(asked, rows=50)
    assert refused.value.reason is Reason.MODEL_REJECTED
