"""Writes operators.npz: PyTorch's outputs and gradients of every case of operator_cases.py, seed 0.

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.15.0 numpy==2.4.6
    cd workers/trainer/tests && PYTHONPATH=. /tmp/torch/bin/python golden/make_operators.py

PyTorch is no dependency of the set-up (5 GB): `npm test` compares with the committed file.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from operator_cases import cases
from torch_operators import answers

if __name__ == "__main__":
    arrays = {}
    for number, case in enumerate(cases(0)):
        for k, array in enumerate(answers(case)):
            arrays[f"{number}.{case.op}.{k}"] = array
    np.savez_compressed(Path(__file__).parent / "operators.npz", **arrays)
