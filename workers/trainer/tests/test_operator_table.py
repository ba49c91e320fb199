"""The table here, the list that the marketplace checks before payment and the document name the same operators."""

import re
from pathlib import Path

from operator_cases import cases
from weighbridge_trainer.operators import TABLE
from weighbridge_trainer.structural import STRUCTURAL

ROOT = Path(__file__).parents[3]
ALL = set(TABLE) | set(STRUCTURAL)


def test_the_marketplace_admits_the_same_operators() -> None:
    listed = re.findall(r"^  '(\w+)',$", (ROOT / "src/training/onnx/operators.ts").read_text(), re.MULTILINE)
    assert set(listed) == ALL
    assert listed == sorted(listed)


def test_the_document_names_the_same_operators() -> None:
    text = (ROOT / "docs/model-format.md").read_text()
    section = text.split("### Operators")[1].split("### Features")[0]
    named = [name for row in re.findall(r"^\| ([A-Z][^|]*) \|", section, re.MULTILINE) for name in row.split(", ")]
    assert sorted(named) == sorted(ALL)


def test_every_operator_is_compared_with_pytorch() -> None:
    assert {case.op for case in cases(0)} == set(TABLE)


def test_structural_operators_are_run_through_lowering() -> None:
    tests = (Path(__file__).parent / "test_operators.py").read_text() + (
        Path(__file__).parent / "models.py"
    ).read_text()
    assert [op for op in STRUCTURAL if f'"{op}"' not in tests and op != "Constant"] == []
