import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge_trainer.refusal import Refused
from weighbridge_trainer.warm import read_limits, warm_up

SOURCE = Path(__file__).parents[1] / "src"

BURN = """
from weighbridge_trainer.warm import limit_cpu
limit_cpu(1)
while True:
    pass
"""


def test_a_job_has_its_cpu_seconds_and_no_more() -> None:
    ended = subprocess.run([sys.executable, "-c", BURN], timeout=120, check=False, cwd=SOURCE)
    assert ended.returncode == -signal.SIGXCPU


def test_limits_of_another_length_end_the_job() -> None:
    with pytest.raises(Refused):
        read_limits(b"")


def test_warming_up_compiles() -> None:
    warm_up()
