"""A plain and a private job over frames in a process of its own, with the devices that its environment gives it;
prints the tensors as JSON.

    python devices_job.py [COORDINATOR COUNT NUMBER]
"""

import io
import json
import sys

import jax
import numpy as np

from models import declaration, linear_model, linear_weights
from pieces import job_frames, parquet
from test_job import answers
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import run_job
from weighbridge_trainer.safetensors import read_safetensors

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


def tensors_of(private: bool) -> dict[str, list[float]]:
    x = np.random.default_rng(0).random((ROWS, 3))
    piece = parquet({**{f"c{k}": x[:, k] for k in range(3)}, "label": (x[:, 0] > 0.5).astype(int)})
    graph, weights = linear_model(), linear_weights()
    privacy = PRIVACY if private else "none"
    declared = declaration(graph, weights, epochs=3, batchRows=50, microBatchRows=7, privacy=privacy)
    seed = bytes(range(32)) if private else None
    out = io.BytesIO()
    run_job(FrameReader(io.BytesIO(job_frames(declared, graph, weights, [piece], ROWS, seed))), FrameWriter(out))
    result = dict(answers(out.getvalue()))[b"R"]
    return {name: values.ravel().tolist() for name, values in read_safetensors(result).items()}


def main(cluster: list[str]) -> None:
    if cluster:
        coordinator, count, number = cluster
        jax.distributed.initialize(coordinator, int(count), int(number))
    about = {"devices": len(jax.devices()), "here": len(jax.local_devices())}
    print(json.dumps({**about, "plain": tensors_of(False), "private": tensors_of(True)}))


if __name__ == "__main__":
    main(sys.argv[1:])
