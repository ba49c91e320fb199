"""Rows in a spool: a run over them ends in the very bits of one over rows in memory, and what lies on the disk is of no
use to anybody. Real: files, ciphers, whole jobs. The host's part (the file without a name) is in test/medium."""

import dataclasses
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import private_cases
import test_optimise
from models import adam, declaration, inline, linear_model, linear_weights, node
from pieces import job_frames, parquet
from private_cases import SEED, privacy_of
from test_job import PRIVATE, answers
from weighbridge_trainer.config import Config
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import run_job
from weighbridge_trainer.journal import Journal
from weighbridge_trainer.optimise import prepare, train
from weighbridge_trainer.private_train import prepare_private, train_private
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.sealed_rows import AnyRows, SealedRows
from weighbridge_trainer.spool import TAG_BYTES, Spool
from weighbridge_trainer.stored import record_of
from weighbridge_trainer.warm import Limits

GRAPH, WEIGHTS = linear_model(), linear_weights()
PATIENT = {"kind": "column", "column": "patient", "maxRows": 3}
Bytes = dict[str, bytes]


@pytest.fixture
def disk() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def records(rows: int, width: int = 24) -> Any:
    return np.random.default_rng(1).integers(0, 256, (rows, width), np.uint8)


def spooled(disk: int, rows: Rows, config: Config) -> SealedRows:
    record = record_of(config)
    spool = Spool(disk, record.bytes)
    for first in range(0, len(rows.target), 7):
        some = rows.some(slice(first, first + 7))
        spool.append(record.pack(some.inputs, some.target))
    return SealedRows(spool, record, rows.units)


@pytest.mark.parametrize("numbers", [[0, 1, 2, 3, 4], [1], [0, 2, 3, 4, 9], [], list(range(10))])
def test_gives_back_what_was_written(disk: int, numbers: list[int]) -> None:
    written, spool = records(10), Spool(disk, 24, begin=100)
    spool.append(written[:4])
    spool.append(written[4:])
    read = np.zeros((len(numbers) + 2, 24), np.uint8)
    spool.read(np.array(numbers, np.int64), read)
    np.testing.assert_array_equal(read, np.concatenate([written[numbers], np.zeros((2, 24), np.uint8)]))
    assert spool.end == 100 + 10 * (24 + TAG_BYTES)


def test_nothing_that_was_written_stands_on_the_disk_and_the_same_row_twice_looks_different(disk: int) -> None:
    same = np.repeat(records(1), 2, axis=0)
    for begin in (0, 1_000):
        Spool(disk, 24, begin).append(same)
    sealed = os.pread(disk, 2_000, 0)
    assert same.tobytes()[:8] not in sealed
    rows = {sealed[at : at + 24] for at in (0, 40, 1_000, 1_040)}
    assert len(rows) == 4


def flip(disk: int) -> None:
    (byte,) = os.pread(disk, 1, 130)
    os.pwrite(disk, bytes([byte ^ 1]), 130)


def swap(disk: int) -> None:
    third, fourth = os.pread(disk, 40, 120), os.pread(disk, 40, 160)
    os.pwrite(disk, fourth + third, 120)


def cut(disk: int) -> None:
    os.ftruncate(disk, 399)


@pytest.mark.parametrize("damage", [flip, swap, cut])
def test_a_byte_that_is_not_what_was_written_ends_the_run(disk: int, damage: Callable[[int], None]) -> None:
    """That is the worker's disk, so it must not be said of the seller's file."""
    spool, read = Spool(disk, 24), np.zeros((10, 24), np.uint8)
    spool.append(records(10))
    spool.read(np.arange(10), read)
    damage(disk)
    with pytest.raises(Refused) as refused:
        spool.read(np.arange(10), read)
    assert refused.value.reason is Reason.TRAINER_FAILED


def test_rows_that_were_never_written_are_refused(disk: int) -> None:
    spool = Spool(disk, 24)
    spool.append(records(3))
    with pytest.raises(Refused):
        spool.read(np.array([3]), np.zeros((1, 24), np.uint8))


def test_a_disk_that_is_full() -> None:
    full = os.open("/dev/full", os.O_RDWR)
    try:
        with pytest.raises(Refused) as refused:
            Spool(full, 24).append(records(1))
        assert refused.value.reason is Reason.TRAINER_FAILED
    finally:
        os.close(full)


def bits(tensors: dict[str, Any]) -> Bytes:
    return {name: values.tobytes() for name, values in tensors.items()}


def dropout(**change: Any) -> private_cases.Case:
    """Draws by the number of the row, not by its place in a pool."""
    nodes = [
        node("Dropout", ["input", "half", "on"], ["d"]),
        node("Gemm", ["d", "w"], ["z"]),
    ]
    more = [inline("half", np.array(0.5, np.float32)), inline("on", np.array(True))]
    return private_cases.case(nodes, {"w": (6, 3)}, more, **change)


def words() -> Rows:
    rows = private_cases.some_rows()
    return Rows({"input": np.abs(rows.inputs["input"]).astype(np.uint8) % 4}, rows.target)


def plain(made: private_cases.Case, rows: AnyRows, journal: Journal | None = None) -> Bytes:
    trainer = prepare(*made, spooled=isinstance(rows, SealedRows))
    return bits(train(trainer, rows, lambda _step, _of: None, journal))


@pytest.mark.parametrize(
    ("made", "rows", "pool_bytes"),
    [
        pytest.param(test_optimise.mlp(), test_optimise.some_rows(), 1 << 20, id="a pool for all steps of a dispatch"),
        pytest.param(test_optimise.mlp(), test_optimise.some_rows(), 600, id="for few of them"),
        pytest.param(dropout(privacy="none"), private_cases.some_rows(), 600, id="dropout"),
        pytest.param(private_cases.embedded(privacy="none"), words(), 1, id="words, a step at a time"),
    ],
)
def test_plain(
    made: private_cases.Case, rows: Rows, pool_bytes: int, disk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge_trainer.plan._POOL_BYTES", pool_bytes)
    assert plain(made, spooled(disk, rows, made[2])) == plain(made, rows)


def test_goes_on_where_a_box_with_more_memory_stopped(disk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its dispatches end elsewhere, within this one's."""
    monkeypatch.setattr("weighbridge_trainer.plan._POOL_BYTES", 600)
    made, rows, kept = test_optimise.mlp(optimiser=adam(0.01)), test_optimise.some_rows(), list[bytes]()
    whole = plain(made, spooled(disk, rows, made[2]), Journal(None, 1e-9, kept.append))
    assert len(kept) == 12
    assert plain(made, rows, Journal(kept[5])) == whole


def private(made: private_cases.Case, rows: AnyRows, capacity: int | None = None) -> Bytes:
    program, weights, config = made
    assert config.privacy is not None
    trainer = prepare_private(program, weights, config, config.privacy, isinstance(rows, SealedRows))
    if capacity is not None:
        trainer = dataclasses.replace(trainer, plan=dataclasses.replace(trainer.plan, capacity=capacity))
    return bits(train_private(trainer, rows, SEED, lambda _step, _of: None))


UNITS = privacy_of({"kind": "column", "column": "patient", "maxRows": 3})


@pytest.mark.parametrize(
    ("made", "capacity", "pool_bytes"),
    [
        pytest.param(private_cases.mlp(), 3, 600, id="more rows than there was room for"),
        pytest.param(dropout(privacy=UNITS), None, 600, id="units and dropout"),
    ],
)
def test_private(
    made: private_cases.Case, capacity: int | None, pool_bytes: int, disk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge_trainer.plan._POOL_BYTES", pool_bytes)
    rows = private_cases.some_rows()
    if capacity is None:
        rows = dataclasses.replace(rows, units=np.arange(len(rows.target)) // 4)
    assert private(made, spooled(disk, rows, made[2]), capacity) == private(made, rows, capacity)


def patients(rows: int, seed: int) -> bytes:
    x = np.random.default_rng(seed).normal(12, 4, (rows, 3))
    columns: dict[str, Any] = {f"c{k}": x[:, k] for k in range(3)}
    return parquet({**columns, "patient": np.arange(rows) // 4, "label": (x[:, 0] > 12).astype(int)})


def job(limits: Limits) -> list[tuple[bytes, bytes]]:
    """Everything that a job may buy: columns that are standardised, and a metric."""
    metric = {"name": "accuracy", "bound": 1, "noiseMultiplier": 1}
    features = [{"kind": "standardise", "column": f"c{k}", "min": -10, "max": 30} for k in range(3)]
    privacy = {**PRIVATE, "unit": PATIENT, "moments": {"noiseMultiplier": 1}, "metric": metric}
    asked = declaration(GRAPH, WEIGHTS, features={"input": features}, privacy=privacy)
    held_out = ([patients(20, 9)], 20)
    data = job_frames(asked, GRAPH, WEIGHTS, [patients(30, 0), patients(20, 1)], 50, seed=SEED, held_out=held_out)
    out = io.BytesIO()
    run_job(FrameReader(io.BytesIO(data)), FrameWriter(out), limits)
    return answers(out.getvalue())


def test_a_whole_job_says_the_same(disk: int) -> None:
    # Three numbers and a label in float32 and int32: seventy rows of sixteen bytes.
    in_memory = job(Limits(rows_bytes=70 * 16, spool=-1))
    assert [kind for kind, _ in in_memory[-4:]] == [b"R", b"F", b"M", b"N"]
    assert job(Limits(rows_bytes=70 * 16 - 1, spool=disk)) == in_memory
    assert os.fstat(disk).st_size == 70 * (16 + TAG_BYTES)
