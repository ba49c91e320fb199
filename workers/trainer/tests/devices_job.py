"""A plain and a private job over frames in a process of its own, with the devices that its environment gives it;
prints the tensors as JSON. Where there are several, they draw the noise, as GPUs do.

    python devices_job.py [sealed | COORDINATOR COUNT NUMBER]
"""

import dataclasses
import io
import json
import sys
import tempfile

import jax
import numpy as np

from models import declaration, linear_model, linear_weights
from pieces import job_frames, parquet
from test_job import answers
from weighbridge_trainer import private_train
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import run_job
from weighbridge_trainer.placement import placement
from weighbridge_trainer.safetensors import read_safetensors
from weighbridge_trainer.warm import Limits

ROWS = 120
PRIVACY = {
    "epsilon": 8,
    "delta": 1e-5,
    "noiseMultiplier": 0.5,
    "clippingNorm": 0.1,
    "samplingRate": 50 / ROWS,
    "steps": 9,
    "unit": {"kind": "row"},
}


def tensors_of(private: bool, limits: Limits) -> dict[str, list[float]]:
    x = np.random.default_rng(0).random((ROWS, 3))
    piece = parquet({**{f"c{k}": x[:, k] for k in range(3)}, "label": (x[:, 0] > 0.5).astype(int)})
    graph, weights = linear_model(), linear_weights()
    privacy = PRIVACY if private else "none"
    declared = declaration(graph, weights, epochs=3, batchRows=50, microBatchRows=7, privacy=privacy)
    seed = bytes(range(32)) if private else None
    out = io.BytesIO()
    frames = job_frames(declared, graph, weights, [piece], ROWS, seed)
    run_job(FrameReader(io.BytesIO(frames)), FrameWriter(out), limits)
    result = dict(answers(out.getvalue()))[b"R"]
    return {name: values.ravel().tolist() for name, values in read_safetensors(result).items()}


def main(arguments: list[str]) -> None:
    sealed = arguments == ["sealed"]
    if arguments and not sealed:
        coordinator, count, number = arguments
        jax.distributed.initialize(coordinator, int(count), int(number))
    if len(jax.devices()) > 1:
        setattr(private_train, "placement", lambda: dataclasses.replace(placement(), on_gpu=True))  # noqa: B010
    about = {"devices": len(jax.devices()), "here": len(jax.local_devices())}
    with tempfile.TemporaryFile() as spool:
        limits = Limits(rows_bytes=0, spool=spool.fileno()) if sealed else Limits()
        print(json.dumps({**about, "plain": tensors_of(False, limits), "private": tensors_of(True, limits)}))


if __name__ == "__main__":
    main(sys.argv[1:])
