"""Several devices, simulated on this processor, and several processes over the loopback: the result of one device.

Sums are added up in another order, so it is not the same to the last bit.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def start(devices: int, *arguments: str) -> subprocess.Popen[str]:
    env = {
        **os.environ,
        "PYTHONPATH": f"{HERE.parent / 'src'}:{HERE}",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, str(HERE / "devices_job.py"), *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)


def ended(job: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = job.communicate(timeout=900)
    assert job.returncode == 0
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return answer


def assert_same(got: dict[str, Any], expected: dict[str, Any]) -> None:
    for kind in ("plain", "private"):
        assert got[kind].keys() == expected[kind].keys()
        for name, values in expected[kind].items():
            np.testing.assert_allclose(got[kind][name], values, rtol=1e-5, atol=1e-6)


def test_devices_and_processes_give_the_result_of_one_device() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    # One of them over rows in a spool.
    jobs = [start(1), start(4, "sealed"), *(start(2, coordinator, "2", str(number)) for number in range(2))]
    one, four, first, second = (ended(job) for job in jobs)
    assert [(job["devices"], job["here"]) for job in (one, four, first)] == [(1, 1), (4, 4), (4, 2)]
    assert_same(four, one)
    assert_same(first, one)
    assert {**first} == {**second}
