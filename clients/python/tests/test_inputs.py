"""Rows as a trained model takes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weighbridge as wb

AGE = {"kind": "scale", "column": "age", "min": 40.5, "max": 50.5}
TOWN = {"kind": "one-hot", "column": "town", "vocabulary": ["a", "b"]}
GRADE = {"kind": "category", "column": "grade", "vocabulary": [1, 2, 3], "unknown": 7}
PULSE = {"kind": "tensor", "column": "pulse", "shape": [2, 1], "min": 0, "max": 2}


def test_columns_fill_the_inputs_in_order(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "age": [40.5, 60.5],
        "town": ["b", "elsewhere"],
        "grade": [3, None],
        "pulse": [[[1], [2]], [[0], [4]]],
    }
    features: dict[str, Any] = {"x": [AGE, TOWN, PULSE], "codes": [GRADE]}
    made = wb.inputs(features, columns)
    np.testing.assert_array_equal(made["x"], np.array([[0, 0, 1, 0.5, 1], [2, 0, 0, 0, 2]], np.float32))
    np.testing.assert_array_equal(made["codes"], [[2], [7]])
    assert [str(made[name].dtype) for name in ("x", "codes")] == ["float32", "int64"]
    (tmp_path / "fitted-features.json").write_text(json.dumps(features))
    np.testing.assert_array_equal(wb.inputs(tmp_path / "fitted-features.json", columns)["x"], made["x"])


@pytest.mark.parametrize(
    ("features", "columns", "message"),
    [
        ("/nowhere/fitted-features.json", {}, "is no file of features"),
        (None, {}, "is no file of features"),
        ({"x": [AGE]}, [[1, 2]], "a list has no columns by name"),
        ({"x": [AGE]}, {}, 'no column "age"'),
    ],
)
def test_says_what_it_needs(features: Any, columns: Any, message: str) -> None:
    with pytest.raises(wb.WeighbridgeError, match=message) as caught:
        wb.inputs(features, columns)
    assert caught.value.code == "BAD_INPUT"


@pytest.mark.parametrize(
    ("feature", "values", "code"),
    [
        (AGE, [1, None], "MODEL_DOES_NOT_FIT"),
        (AGE, [1, float("nan")], "MODEL_DOES_NOT_FIT"),
        (AGE, ["a", "b"], "MODEL_DOES_NOT_FIT"),
        (PULSE, [[1, 2], [1]], "MODEL_DOES_NOT_FIT"),
        (PULSE, [[1], [2]], "MODEL_DOES_NOT_FIT"),
        ({**AGE, "column": "height"}, [1, 2], "BAD_INPUT"),
        ({**AGE, "kind": "standardise"}, [1, 2], "BAD_INPUT"),
        ({"kind": "text", "column": "age", "length": 2}, ["a", "b"], "BAD_INPUT"),
    ],
)
def test_refuses(feature: Any, values: Any, code: str) -> None:
    with pytest.raises(wb.WeighbridgeError) as refused:
        wb.inputs({"x": [feature]}, {"age": values, "pulse": values})
    assert refused.value.code == code
