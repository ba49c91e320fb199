"""Rows to numbers: the closed transforms, and rows that do not fit."""

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import config_of, declaration, float_input
from pieces import in_memory, parquet
from weighbridge_trainer.config import Config
from weighbridge_trainer.features import RowsBuilder
from weighbridge_trainer.optimise import shaped
from weighbridge_trainer.placement import Placement
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows

FEATURES = [
    {"kind": "scale", "column": "age", "min": 0, "max": 100},
    {"kind": "one-hot", "column": "town", "vocabulary": ["Bern", "Chur", "Olten"]},
    {"kind": "one-hot", "column": "grade", "vocabulary": [3, 1]},
    {"kind": "scale", "column": "smokes", "min": 0, "max": 1},
]
COLUMNS: dict[str, list[Any]] = {
    "id": ["a", "b", "c"],
    "age": [50.0, 0.0, 125.0],
    "town": ["Chur", "Genf", None],
    "grade": [1, 3, 7],
    "smokes": [True, False, True],
    "sick": ["no", "yes", "yes"],
}


def config(rows: int = 3, **change: Any) -> Config:
    base: dict[str, Any] = {
        "inputs": [float_input(7)],
        "features": {"input": FEATURES},
        "label": {"kind": "class", "column": "sick", "classes": ["no", "yes"]},
    }
    return config_of(declaration(b"", b"", **{**base, **change}), rows=rows)


def build(files: list[bytes], config: Config) -> Rows:
    builder = RowsBuilder(config, {})
    for file in files:
        builder.add(bytearray(file))
    return in_memory(builder.build())


def changed(**columns: list[Any]) -> bytes:
    return parquet({**COLUMNS, **columns})


def test_transforms() -> None:
    rows = build([parquet(COLUMNS)], config())
    expected = [[0.5, 0, 1, 0, 0, 1, 1], [0, 0, 0, 0, 1, 0, 0], [1.25, 0, 0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(rows.inputs["input"], np.array(expected, np.float32))
    np.testing.assert_array_equal(rows.target, [0, 1, 1])


def test_rows_are_in_memory_once() -> None:
    read = shaped(build([parquet(COLUMNS)], config()), config())
    placed = Placement(None).rows(read)
    assert placed[0]["input"].unsafe_buffer_pointer() == read[0]["input"].ctypes.data
    assert placed[1].unsafe_buffer_pointer() == read[1].ctypes.data


def test_pieces_follow_one_another() -> None:
    rows = build([parquet(COLUMNS), parquet(COLUMNS)], config(rows=6))
    np.testing.assert_array_equal(rows.inputs["input"][:3], rows.inputs["input"][3:])


def test_number_types() -> None:
    scale = config(features={"input": FEATURES[:1]}, inputs=[float_input(1)])
    for column in (
        pa.array([1, 2, 3], pa.int8()),
        pa.array([1, 2, 3], pa.uint64()),
        pa.array([1, 2, 3], pa.float32()),
        pa.array([decimal.Decimal("1.00"), decimal.Decimal("2"), decimal.Decimal("3")], pa.decimal128(10, 2)),
    ):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"age": column, "sick": COLUMNS["sick"]}), sink)
        rows = build([bytes(sink.getvalue())], scale)
        np.testing.assert_allclose(rows.inputs["input"][:, 0], [0.01, 0.02, 0.03])


def test_numbers_as_classes() -> None:
    labelled = config(
        label={"kind": "class", "column": "grade", "classes": [7, 3, 1]},
        features={"input": FEATURES[:2]},
        inputs=[float_input(4)],
    )
    np.testing.assert_array_equal(build([parquet(COLUMNS)], labelled).target, [2, 1, 0])


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"a,b\n1,2\n", id="no Parquet"),
        pytest.param(parquet(COLUMNS)[:-20], id="cut Parquet"),
        pytest.param(parquet({name: COLUMNS[name] for name in COLUMNS if name != "age"}), id="column missing"),
        pytest.param(parquet({name: values[:2] for name, values in COLUMNS.items()}), id="a row too few"),
        pytest.param(parquet({name: values * 2 for name, values in COLUMNS.items()}), id="rows too many"),
        pytest.param(changed(age=[1.0, None, 2.0]), id="null in a number"),
        pytest.param(changed(age=[1.0, float("nan"), 2.0]), id="NaN"),
        pytest.param(changed(age=[1.0, float("inf"), 2.0]), id="infinity"),
        pytest.param(changed(age=[1.0, 1e300, 2.0]), id="beyond float32"),
        pytest.param(changed(age=["50", "0", "12"]), id="text where numbers belong"),
        pytest.param(changed(age=[datetime.date(2020, 1, 1)] * 3), id="dates where numbers belong"),
        pytest.param(changed(town=[1, 2, 3]), id="numbers where words belong"),
        pytest.param(changed(grade=["1", "3", "7"]), id="words where numbers belong"),
        pytest.param(changed(sick=["no", "maybe", "yes"]), id="label outside its classes"),
        pytest.param(changed(sick=["no", None, "yes"]), id="label missing"),
    ],
)
def test_refuses(file: bytes) -> None:
    with pytest.raises(Refused) as refused:
        build([file], config())
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT


def test_refuses_a_column_name_that_stands_twice() -> None:
    sink = pa.BufferOutputStream()
    table = pa.table([pa.array([1.0]), pa.array([2.0]), pa.array(["no"])], names=["age", "age", "sick"])
    pq.write_table(table, sink)
    with pytest.raises(Refused):
        build([bytes(sink.getvalue())], config(rows=1, features={"input": FEATURES[:1]}, inputs=[float_input(1)]))


def test_no_byte_of_a_file_crashes_it() -> None:
    """A seller's file is hostile too: whatever Parquet's reader finds in it is one refusal or an honest reading."""
    good = parquet(COLUMNS)
    rng, reasons = np.random.default_rng(1), set()
    for _ in range(300):
        data = bytearray(good)
        for at in rng.integers(0, len(data), 3):
            data[at] = int(rng.integers(0, 256))
        try:
            build([bytes(data)], config())
        except Refused as refused:
            reasons.add(refused.reason)
    assert reasons == {Reason.DATA_DOES_NOT_FIT}
