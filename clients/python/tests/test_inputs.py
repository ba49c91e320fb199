"""Rows as a trained model takes them."""

import hashlib
import io
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
IMAGE: dict[str, Any] = {"kind": "image", "column": "age", "channels": 3, "height": 1, "width": 2, "resize": "nearest"}
IMAGE |= {"mean": [0, 0.5, 0], "std": [1, 0.5, 2]}
VOCABULARY = {"[UNK]": 0, "to": 1, "be": 2, "or": 3, "not": 4}


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


def test_a_declaration_says_what_takes_integers_too(tmp_path: Path) -> None:
    inputs = [{"name": "x", "shape": [2], "dtype": "float32"}, {"name": "codes", "shape": [2], "dtype": "int32"}]
    declaration = {"inputs": inputs, "features": {"x": [PULSE], "codes": [PULSE]}, "label": {}}
    (tmp_path / "declaration.json").write_text(json.dumps(declaration))
    made = wb.inputs(tmp_path / "declaration.json", {"pulse": [[1, 2]]})
    np.testing.assert_array_equal(made["x"], np.array([[0.5, 1]], np.float32))
    np.testing.assert_array_equal(made["codes"], np.array([[1, 2]]))
    assert [str(made[name].dtype) for name in ("x", "codes")] == ["float32", "int64"]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(wb.WeighbridgeError, match="is no file of features"):
        wb.inputs(tmp_path / "list.json", {})


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
        ({**AGE, "kind": "histogram"}, [1, 2], "BAD_INPUT"),
        ({"kind": "text", "column": "age", "tokenizer": "ab", "length": 2, "pad": 0}, ["a", "b"], "BAD_INPUT"),
        (IMAGE, [b"no image"], "MODEL_DOES_NOT_FIT"),
        (IMAGE, [None], "MODEL_DOES_NOT_FIT"),
    ],
)
def test_refuses(feature: Any, values: Any, code: str) -> None:
    with pytest.raises(wb.WeighbridgeError) as refused:
        wb.inputs({"x": [feature]}, {"age": values, "pulse": values})
    assert refused.value.code == code


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    models = pytest.importorskip("tokenizers", reason="tokenizers is not installed: texts are NOT tested here")
    made = models.Tokenizer(models.models.WordLevel(VOCABULARY, "[UNK]"))
    made.pre_tokenizer = models.pre_tokenizers.Whitespace()
    # Whatever the file says of length and padding, the feature's own counts.
    made.enable_padding(length=7)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_texts_become_the_tokens_of_the_tokenizer(tokenizer: Path) -> None:
    digest = hashlib.sha256(tokenizer.read_bytes()).hexdigest()
    text = {"kind": "text", "column": "line", "tokenizer": digest, "length": 4, "pad": 9}
    features: dict[str, Any] = {"ids": [text], "mask": [{**text, "kind": "text-mask"}]}
    lines = {"line": ["to be or not to be", "be", ""]}
    made = wb.inputs(features, lines, tokenizers=[tokenizer])
    np.testing.assert_array_equal(made["ids"], [[1, 2, 3, 4], [2, 9, 9, 9], [9, 9, 9, 9]])
    np.testing.assert_array_equal(made["mask"], [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert str(made["ids"].dtype) == "int64"
    with pytest.raises(wb.WeighbridgeError, match="was not given"):
        wb.inputs(features, lines)
    with pytest.raises(wb.WeighbridgeError, match="a text is missing"):
        wb.inputs(features, {"line": ["to", None]}, tokenizers=[tokenizer])


def test_images_become_their_pixels_channel_by_channel(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed: images are NOT tested here")
    image = pillow.new("RGB", (2, 1))
    image.putdata([(255, 0, 0), (0, 255, 51)])
    image.save(tmp_path / "one.png")
    wide = io.BytesIO()
    image.resize((4, 2), pillow.Resampling.NEAREST).save(wide, "PNG")
    made = wb.inputs({"x": [IMAGE]}, {"age": [tmp_path / "one.png", wide.getvalue()]})["x"]
    np.testing.assert_allclose(made, [[1, 0, -1, 1, 0, 0.1]] * 2, atol=1e-7)
    grey = {**IMAGE, "channels": 1, "mean": [0], "std": [1]}
    assert wb.inputs({"x": [grey]}, {"age": [wide.getvalue()]})["x"].shape == (1, 2)
