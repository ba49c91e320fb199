"""A whole job over the frames, in this process and as the process that the sandbox starts."""

import io
import json
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import LINEAR_WEIGHTS, declaration, linear_model, linear_weights
from pieces import frame, job_frames, parquet, seal
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import _paced, run_job
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.safetensors import read_safetensors

SOURCE = Path(__file__).parents[1] / "src"
GRAPH, WEIGHTS = linear_model(), linear_weights()


def piece(rows: int, seed: int = 0) -> bytes:
    x = np.random.default_rng(seed).random((rows, 3))
    columns: dict[str, Any] = {f"c{k}": x[:, k] for k in range(3)}
    return parquet({**columns, "label": (x[:, 0] > 0.5).astype(int)})


def frames(**change: Any) -> bytes:
    return job_frames(declaration(GRAPH, WEIGHTS, **change), GRAPH, WEIGHTS, [piece(30), piece(20, 1)], rows=50)


LIMITS = frame(b"L", struct.pack(">III?Q", 3_600, 240, 0, False, 1 << 31))
IDLE = (b"I", b"")


def answers(data: bytes) -> list[tuple[bytes, bytes]]:
    out, at = [], 0
    while at < len(data):
        length, kind = struct.unpack_from(">I1s", data, at)
        out.append((kind, data[at + 5 : at + 5 + length]))
        at += 5 + length
    assert at == len(data)
    return out


def run(data: bytes) -> list[tuple[bytes, bytes]]:
    out = io.BytesIO()
    run_job(FrameReader(io.BytesIO(data)), FrameWriter(out))
    return answers(out.getvalue())


def process(data: bytes, limits: bytes = LIMITS) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "weighbridge_trainer"]
    return subprocess.run(command, input=limits + data, capture_output=True, check=False, timeout=300, cwd=SOURCE)


# A limit that even an honest model passes.
HURRIED = frame(b"L", struct.pack(">III?Q", 3_600, 0, 0, False, 1 << 31))


@pytest.fixture(scope="module")
def ended() -> dict[str, subprocess.CompletedProcess[bytes]]:
    """Processes as the sandbox starts them, side by side: each needs seconds to begin."""
    with ThreadPoolExecutor() as pool:
        started = {
            "once": pool.submit(process, frames()),
            "again": pool.submit(process, frames()),
            "refused": pool.submit(process, frames(graph="0" * 64)),
            "hurried": pool.submit(process, frames(), HURRIED),
        }
        return {name: job.result() for name, job in started.items()}


def test_answers_progress_weights_and_public_numbers() -> None:
    *progress, result, numbers = run(frames())
    assert {kind for kind, _ in progress} == {b"P"}
    assert progress[-1][1] == struct.pack(">II", 26, 26)
    assert result[0] == b"R"
    assert {name: t.shape for name, t in read_safetensors(result[1]).items()} == {"b": (2,), "w": (2, 3)}
    assert not np.array_equal(read_safetensors(result[1])["w"], LINEAR_WEIGHTS["w"])
    assert numbers == (b"N", struct.pack(">IQ", 2, 50))


PRIVATE = {
    "epsilon": 8,
    "delta": 1e-5,
    "noiseMultiplier": 1.5,
    "clippingNorm": 1,
    "samplingRate": 4 / 50,
    "steps": 26,
    "unit": {"kind": "row"},
}


def private_frames(seed: bytes | None) -> bytes:
    declared = declaration(GRAPH, WEIGHTS, privacy=PRIVATE)
    return job_frames(declared, GRAPH, WEIGHTS, [piece(30), piece(20, 1)], rows=50, seed=seed)


def test_a_private_job_is_decided_by_its_secret_seed() -> None:
    once, again, other = (run(private_frames(seed))[-2:] for seed in (b"s" * 32, b"s" * 32, b"t" * 32))
    assert once == again
    assert once[0] != other[0]
    assert once[1] == (b"N", struct.pack(">IQ", 2, 50))


@pytest.mark.parametrize("seed", [None, b"", b"s" * 31])
def test_a_private_job_without_its_seed_ends(seed: bytes | None) -> None:
    with pytest.raises(Refused) as refused:
        run(private_frames(seed))
    assert refused.value.reason == Reason.TRAINER_FAILED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", Reason.TRAINER_FAILED, id="closed pipe"),
        pytest.param(frame(b"C", b"{}"), Reason.TRAINER_FAILED, id="empty config"),
        pytest.param(frame(b"G", GRAPH), Reason.TRAINER_FAILED, id="frames out of order"),
        pytest.param(struct.pack(">I1s", 1 << 31, b"C"), Reason.TRAINER_FAILED, id="huge frame"),
        pytest.param(frame(b"Y", b""), Reason.TRAINER_FAILED, id="unknown frame"),
        pytest.param(frames()[:-20], Reason.TRAINER_FAILED, id="cut within the data"),
        pytest.param(frames()[:-5], Reason.TRAINER_FAILED, id="cut before its end"),
        pytest.param(frames()[:-5] + frame(b"D", b"\1"), Reason.TRAINER_FAILED, id="more data than its end"),
        pytest.param(frames(graph="0" * 64), Reason.MODEL_REJECTED, id="another graph than declared"),
        pytest.param(frames(weights="0" * 64), Reason.MODEL_REJECTED, id="other weights than declared"),
        pytest.param(frames(privacy="epsilon"), Reason.MODEL_REJECTED, id="privacy that is not there yet"),
        pytest.param(frames(trainable=["w", "w"]), Reason.MODEL_REJECTED, id="trainable twice"),
        pytest.param(frames(features={"input": []}), Reason.MODEL_REJECTED, id="features that do not fill the input"),
        pytest.param(
            frames(label={"kind": "class", "column": "c1", "classes": [0, 1]}), Reason.DATA_DOES_NOT_FIT, id="label"
        ),
        pytest.param(frames().replace(seal(piece(30))[1][0][0], bytes(4112)), Reason.DATA_CORRUPT, id="chunk zeroed"),
    ],
)
def test_refuses(data: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        run(data)
    assert refused.value.reason is reason


def test_a_hostile_model_is_refused_before_the_key_is_read() -> None:
    data = frames(graph="0" * 64)
    stream = io.BytesIO(data)
    with pytest.raises(Refused):
        run_job(FrameReader(stream), FrameWriter(io.BytesIO()))
    assert data.index(frame(b"K", bytes(range(32)))) == stream.tell()


Ended = dict[str, subprocess.CompletedProcess[bytes]]


def test_the_process_says_frames_and_nothing_else(ended: Ended) -> None:
    done, refused = ended["once"], ended["refused"]
    assert done.returncode == 0
    assert done.stderr == b""
    assert answers(done.stdout)[0] == IDLE
    assert [kind for kind, _ in answers(done.stdout)][-2:] == [b"R", b"N"]
    assert answers(refused.stdout) == [IDLE, (b"E", bytes([Reason.MODEL_REJECTED]))]
    assert refused.stderr == b""


def test_whatever_a_library_prints_goes_nowhere() -> None:
    says = "import os; from weighbridge_trainer.__main__ import _own_stdout as own; frames = own(); print('a row')"
    says += "; [os.write(fd, b'a row') for fd in (1, 2)]; frames.write(b'a frame'); frames.flush()"
    done = subprocess.run([sys.executable, "-c", says], capture_output=True, check=True, timeout=60, cwd=SOURCE)
    assert (done.stdout, done.stderr) == (b"a frame", b"")


@pytest.mark.parametrize(("seconds_a_step", "told"), [(0, 2), (1e-3, 5), (0.125, 501), (1, 1_000)])
def test_progress_is_told_by_the_clock(monkeypatch: pytest.MonkeyPatch, seconds_a_step: float, told: int) -> None:
    """A thousand steps: how many frames come says how long the run took, and nothing else."""
    now, heard = 50.0, []

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    monkeypatch.setattr("weighbridge_trainer.job.time", Clock)
    progress = _paced(lambda step, _of: heard.append(step))
    for step in range(1, 1_001):
        progress(step, 1_000)
        now += seconds_a_step
    assert len(heard) == told
    assert heard[-1] == 1_000


def test_a_model_that_takes_too_long_to_prepare_is_told_so(ended: Ended) -> None:
    """One frame, and it has ended by itself."""
    done = ended["hurried"]
    assert answers(done.stdout) == [IDLE, (b"E", bytes([Reason.MODEL_TOO_LARGE]))]
    assert done.returncode == 1


def test_two_processes_give_the_same_weights(ended: Ended) -> None:
    first, second = ended["once"], ended["again"]
    assert dict(answers(first.stdout))[b"R"] == dict(answers(second.stdout))[b"R"]


def test_reasons_are_those_of_the_log() -> None:
    statements = (Path(__file__).parents[3] / "src/provenance/statements.ts").read_text()
    for reason in Reason:
        assert f"'{reason.name.lower().replace('_', '-')}'" in statements
    assert json.dumps([int(reason) for reason in Reason]) == "[1, 2, 3, 4, 5, 6, 7]"


def test_a_job_that_is_sent_the_frames_of_its_columns_alone() -> None:
    """As it is with all frames; and without one of them it is refused, not trained on zeros."""
    rng = np.random.default_rng(1)
    x = rng.random((400, 3))
    used: dict[str, Any] = {f"c{k}": x[:, k] for k in range(3)}
    wide = parquet({**used, **{f"w{k}": rng.random(400) for k in range(60)}, "label": (x[:, 0] > 0.5).astype(int)})
    about = pq.ParquetFile(pa.BufferReader(wide)).metadata.row_group(0)
    extents = [(0, 1), (len(wide) - 65_536, len(wide))]
    for column in (about.column(k) for k in range(about.num_columns)):
        if column.path_in_schema in (*used, "label"):
            start = column.dictionary_page_offset or column.data_page_offset
            extents.append((start, start + column.total_compressed_size))
    chosen = sorted({frame for a, b in extents for frame in range((a + 8) // 4096, (b + 7) // 4096 + 1)})
    assert len(chosen) < len(seal(wide)[1]) / 2

    def job(frames_sent: list[int] | None) -> bytes:
        return job_frames(declaration(GRAPH, WEIGHTS), GRAPH, WEIGHTS, [wide], rows=400, chosen=frames_sent)

    answered = run(job(chosen))
    assert answered == run(job(None))
    for missing in chosen[1], chosen[-1]:
        with pytest.raises(Refused) as refused:
            run(job([index for index in chosen if index != missing]))
        assert refused.value.reason is Reason.DATA_CORRUPT
