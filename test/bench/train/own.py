"""The trainer, measured as it runs: sampling, clipping, noise, update and whatever lies between two dispatches. A command a
line on stdin, an answer a line on stdout, both JSON. Run with the trainer's sources on the path.

    {"do": "prepare", "net": NAME, "file": WBM, "batch": B, "classes": C, "private": bool} -> {"prepareSeconds"}
    {"do": "measure", "net": NAME, "private": bool, "seconds": S}                         -> {"samplesPerSecond"}
    {"do": "compile", "config": C, "graph": BASE64, "weights": BASE64}                    -> {"compileSeconds"}
    {"do": "memory", "rows": N, "columns": N, "rowsBytes": N}           -> {"peakBytes", "seconds", "rowsPerSecond"}
"""

import base64
import contextlib
import dataclasses
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from weighbridge_trainer.canary import check_rows_apart
from weighbridge_trainer.check import check
from weighbridge_trainer.device import choose_device
from weighbridge_trainer.config import Config, parse_config
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.frames import FrameReader
from weighbridge_trainer.lower import lower
from weighbridge_trainer.optimise import prepare, train
from weighbridge_trainer.private_train import prepare_private, train_private
from weighbridge_trainer.safetensors import read_safetensors
from weighbridge_trainer.spool import SPOOL_DESCRIPTOR
from weighbridge_trainer.warm import warm_up

ROWS = 8_192
PIECES = 16
MANY_ROWS_BATCH = 256
READY: dict[tuple[str, bool], Any] = {}


def declaration(template: dict[str, Any], batch: int, classes: int, private: bool) -> dict[str, Any]:
    (item,) = template["inputs"]
    whole = {"kind": "tensor", "column": "x", "shape": item["shape"], "min": 0, "max": 1}
    if item["dtype"] != "float32":
        whole["max"] = 127
    privacy = {
        "epsilon": 8,
        "delta": 1e-5,
        "noiseMultiplier": 1,
        "clippingNorm": 1,
        "samplingRate": batch / ROWS,
        "steps": -(-ROWS // batch),
        "unit": {"kind": "row"},
    }
    return {
        **template,
        "features": {item["name"]: [whole]},
        "label": {"kind": "class", "column": "y", "classes": list(range(classes))},
        "loss": {"name": "cross-entropy"},
        "optimiser": {"name": "sgd", "learningRate": 0.1, "momentum": 0, "nesterov": False, "weightDecay": 0},
        "schedule": {"name": "constant"},
        "epochs": 1,
        "batchRows": batch,
        "microBatchRows": None,
        "seed": 1,
        "precision": "float32",
        "return": "trainable",
        "privacy": privacy if private else "none",
    }


def ready(net: str, file: str, batch: int, classes: int, private: bool) -> float:
    with zipfile.ZipFile(file) as archive:
        graph, weights = archive.read("graph.onnx"), read_safetensors(archive.read("weights.safetensors"))
        template = json.loads(archive.read("job.json"))
    declared = declaration(template, batch, classes, private)
    config = parse_config(json.dumps({"declaration": declared, "pieces": 1, "rows": ROWS}).encode())
    begun = time.perf_counter()
    lowered = lower(graph, weights, config)
    check_rows_apart(lowered, weights, config)
    if config.privacy is None:
        plain = prepare(lowered.row, weights, config)
        run: Any = lambda _seed: train(_fresh(plain), rows, _ignore)
    else:
        made = prepare_private(lowered.row, weights, config, config.privacy)
        run = lambda seed: train_private(_fresh(made), rows, seed, _ignore)
    taken = time.perf_counter() - begun
    rows = rows_of(config, classes)
    READY[net, private] = run
    return taken


def _fresh(made: Any) -> Any:
    """A run gives its first weights away; here it is run again."""
    trainable, state = jax.tree.map(lambda value: jnp.array(value, copy=True), (made.trainable, made.state))
    return dataclasses.replace(made, trainable=trainable, state=state)


def rows_of(config: Config, classes: int) -> Rows:
    draw = np.random.default_rng(0)
    (item,) = config.inputs
    shape = (ROWS, item.width)
    floats = item.dtype == "float32"
    x = draw.random(shape, np.float32) if floats else draw.integers(0, 128, shape, np.int32)
    return Rows({item.name: x}, draw.integers(0, classes, ROWS).astype(np.int32))


def measure(net: str, private: bool, seconds: float) -> float:
    """Whole epochs, as a job runs them."""
    run = READY[net, private]
    run(bytes(32))
    times: list[float] = []
    while sum(times) < seconds or len(times) < 3:
        begun = time.perf_counter()
        run(len(times).to_bytes(32, "big"))
        times.append(time.perf_counter() - begun)
    return ROWS / float(np.median(times))


def memory(rows: int, columns: int, rowsBytes: int, tests: Path) -> dict[str, float]:  # noqa: N803
    """A whole job of the real process over `rows`, encrypted in sixteen pieces; how much memory it took at most, and how
    fast it trained. Rows of more than `rowsBytes` are sealed in a file, as the sandbox gives it one."""
    begun = time.perf_counter()
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as spool:
        command = [
            "/bin/sh",
            "-c",
            f'exec "$@" {SPOOL_DESCRIPTOR}<>"$0"',
            spool.name,
            sys.executable,
            "-m",
            "weighbridge_trainer",
        ]
        job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert job.stdin is not None and job.stdout is not None
        with ThreadPoolExecutor(2) as pool:
            feeding = pool.submit(_feed, job.stdin, rows, columns, rowsBytes, tests)
            answering = pool.submit(_heard, job.stdout)
            peak = 0
            while job.poll() is None:
                peak = max(peak, _peak_bytes(job.pid))
                time.sleep(0.02)
            feeding.result()
    heard = answering.result()
    if job.returncode != 0 or heard[-1][0] != b"N":
        raise RuntimeError("the job over many rows failed")
    steps = [(int.from_bytes(body[:4], "big"), at) for kind, body, at in heard if kind == b"P"]
    (first, began), (last, ended) = steps[0], steps[-1]
    rate = (last - first) * MANY_ROWS_BATCH / (ended - began)
    return {"peakBytes": peak, "seconds": time.perf_counter() - begun, "rowsPerSecond": rate}


def _heard(stdout: BinaryIO) -> list[tuple[bytes, bytes, float]]:
    """What it answered, and when."""
    heard = []
    while head := stdout.read(5):
        length, kind = struct.unpack(">I1s", head)
        heard.append((kind, stdout.read(length), time.perf_counter()))
    return heard


def compiling(config: dict[str, Any], graph: str, weights: str) -> float:
    """What a box spends on compiling the model, in a process that is as warm as a box."""
    warm_up()
    bodies = {b"C": json.dumps(config).encode(), b"G": base64.b64decode(graph), b"W": base64.b64decode(weights)}
    frames = b"".join(struct.pack(">I1s", len(body), kind) + body for kind, body in bodies.items())
    answer = check(FrameReader(io.BytesIO(frames)))
    return float(answer["compileSeconds"])


def _feed(stdin: BinaryIO, rows: int, columns: int, rows_bytes: int, tests: Path) -> None:
    sys.path.insert(0, str(tests))
    from models import declaration as declared
    from models import (
        external,
        float_input,
        graph,
        model,
        node,
        scales,
        value,
        write_safetensors,
    )
    from pieces import DATA_KEY, frame, parquet, seal

    names = [f"c{k}" for k in range(columns)]
    weights = write_safetensors({"w": np.zeros((2, columns), np.float32), "b": np.zeros(2, np.float32)})
    nodes = [node("Gemm", ["input", "w", "b"], ["logits"], transB=1)]
    initial = [external("w", (2, columns)), external("b", (2,))]
    body = model(graph(nodes, initial, [value("input", ["batch", columns])], [value("logits", ["batch", 2])]))
    change = {
        "inputs": [float_input(columns)],
        "features": {"input": scales(columns)},
        "epochs": 1,
        "batchRows": MANY_ROWS_BATCH,
    }
    config = {"declaration": declared(body, weights, **change), "pieces": PIECES, "rows": rows}
    stdin.writelines(
        frame(kind, data)
        for kind, data in (
            (b"L", struct.pack(">III?Q", 3_600, 240, 0, False, rows_bytes)),
            (b"C", json.dumps(config).encode()),
            (b"G", body),
            (b"W", weights),
            (b"K", DATA_KEY),
        )
    )
    draw = np.random.default_rng(0)
    for number in range(PIECES):
        size = rows // PIECES + (rows % PIECES if number == 0 else 0)
        table = {name: pa.array(draw.random(size)) for name in names}
        head, chunks = seal(parquet({**table, "label": pa.array(draw.integers(0, 2, size))}), 1 << 20)
        stdin.write(frame(b"H", head))
        stdin.writelines(frame(b"D", bytes([last]) + sealed) for sealed, last in chunks)
    stdin.write(frame(b"X", b""))
    stdin.close()


def _peak_bytes(process: int) -> int:
    """Of its own address space: what its parent held when it was forked is not counted."""
    with contextlib.suppress(OSError), open(f"/proc/{process}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _ignore(_step: int, _of: int) -> None:
    pass


def answer(command: dict[str, Any]) -> dict[str, Any]:
    match command.pop("do"):
        case "prepare":
            return {"prepareSeconds": ready(**command)}
        case "measure":
            return {"samplesPerSecond": measure(**command)}
        case "compile":
            return {"compileSeconds": compiling(**command)}
        case _:
            return memory(**command, tests=Path(sys.argv[1]))


if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cuda" if "--gpu" in sys.argv else "cpu"
    choose_device()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
