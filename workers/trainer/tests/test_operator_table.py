"""The table here and the list that the marketplace checks before payment name the same operators, each tested."""

import re
from pathlib import Path

from weighbridge_trainer.operators import TABLE

ROOT = Path(__file__).parents[3]
LOWERED_AWAY = {"Constant", "Shape"}


def test_the_marketplace_admits_the_same_operators() -> None:
    listed = re.findall(r"^  '(\w+)',$", (ROOT / "src/training/onnx/operators.ts").read_text(), re.MULTILINE)
    assert set(listed) == set(TABLE) | LOWERED_AWAY
    assert listed == sorted(listed)


def test_every_operator_has_a_test() -> None:
    tests = (Path(__file__).parent / "test_operators.py").read_text()
    assert [op for op in TABLE if f'"{op}"' not in tests] == []
