"""What `wb.inputs` makes of values (clients/python) is what a run makes of the same ones, bit by bit: a buyer's model
sees after training what it was trained on. And what no run takes, `wb.inputs` does not take either."""

import hashlib
import io
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from models import config_of, declaration
from pieces import in_memory, parquet
from test_text_and_images import TOKENIZER
from weighbridge_trainer.config import Config
from weighbridge_trainer.features import RowsBuilder
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.stored import unpacked
from weighbridge_trainer.text import digests_of, read_tokenizer

sys.path.append(str(Path(__file__).parents[3] / "clients/python/src"))

import weighbridge as wb

DRAW = np.random.default_rng(9)
ROWS = 64
DIGEST = hashlib.sha256(TOKENIZER).hexdigest()
TEXT = {"column": "x", "tokenizer": DIGEST, "length": 5, "pad": 9}


def config(feature: dict[str, Any], dtype: str, width: int, rows: int) -> Config:
    declared = declaration(
        b"",
        b"",
        inputs=[{"name": "input", "shape": [width], "dtype": dtype}],
        features={"input": [feature]},
        label={"kind": "class", "column": "label", "classes": [0, 1]},
    )
    return config_of(declared, rows=rows)


def of_a_run(feature: dict[str, Any], dtype: str, width: int, values: Any) -> Any:
    """What a run computes with."""
    declared = config(feature, dtype, width, len(values))
    builder = RowsBuilder(declared, {digest: read_tokenizer(TOKENIZER, digest) for digest in digests_of(declared)})
    builder.add(bytearray(parquet({"x": values, "label": [1] * len(values)})))
    (item,) = declared.inputs
    return np.asarray(unpacked(item, jnp.asarray(in_memory(builder.build()).inputs["input"])))


def of_the_client(tmp_path: Path, feature: dict[str, Any], dtype: str, values: Any) -> Any:
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes(TOKENIZER)
    integers = ["input"] if dtype != "float32" else []
    return wb.inputs({"input": [feature]}, {"x": values}, tokenizers=[tokenizer], integers=integers)["input"]


def scale(low: float, high: float) -> dict[str, Any]:
    return {"kind": "scale", "column": "x", "min": low, "max": high}


def words(kind: str, *vocabulary: Any) -> dict[str, Any]:
    unknown = {"unknown": 7} if kind == "category" else {}
    return {"kind": kind, "column": "x", "vocabulary": list(vocabulary), **unknown}


def tensor(shape: list[int], low: float, high: float) -> dict[str, Any]:
    return {"kind": "tensor", "column": "x", "shape": shape, "min": low, "max": high}


def image(channels: int, resize: str) -> dict[str, Any]:
    mean, std = [0.485, 0.456, 0.406][:channels], [0.229, 0.224, 0.225][:channels]
    size = {"channels": channels, "height": 5, "width": 7}
    return {"kind": "image", "column": "x", **size, "resize": resize, "mean": mean, "std": std}


def large() -> bytes:
    out = io.BytesIO()
    Pillow.new("1", (4_097, 4_096)).save(out, "PNG")
    return out.getvalue()


def encoded(height: int, width: int, form: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Pillow.fromarray(DRAW.integers(0, 256, (height, width, 3), np.uint8)).convert(mode).save(out, form)
    return out.getvalue()


SPREAD = (DRAW.standard_normal(ROWS) * 10.0 ** DRAW.integers(-30, 30, ROWS)).tolist()
IMAGES = [
    *(encoded(h, w, form) for h, w, form in ((5, 7, "PNG"), (50, 31, "PNG"), (2, 2, "PNG"), (64, 48, "JPEG"))),
    *(encoded(9, 9, "PNG", mode) for mode in ("L", "RGBA", "P", "1")),
]
LINES = ["the cat sat", "the dog", "cat " * 40, "", "  the\tcat ", "THE CAT", "el niño 猫", "[PAD] [UNK]"]

CASES: dict[str, tuple[dict[str, Any], str, int, Any]] = {
    "numbers of all sizes": (scale(-3.25, 1e4), "float32", 1, SPREAD),
    "numbers of a narrow range": (scale(1e6, 1e6 + 0.1), "float32", 1, (1e6 + DRAW.random(ROWS)).tolist()),
    "whole numbers": (scale(-5, 12), "float32", 1, [*range(-9, 20), 2**53 + 1, -(2**62)]),
    "flags": (scale(0, 1), "float32", 1, [True, False, True]),
    "decimals": (scale(0, 7), "float32", 1, [Decimal("0.10"), Decimal("3.33"), Decimal("-1.00")]),
    "words, one by one": (words("one-hot", "a", "b", "é"), "float32", 3, ["b", "é", "e\u0301", "A", "", None]),
    "numbers as words": (words("one-hot", 3, 1, 2.5), "float32", 3, [1.0, 2.5, 3.0, 2.0, None]),
    "flags as words": (words("one-hot", 0, 1), "float32", 2, [True, False, None]),
    "places": (words("category", "a", "b"), "int64", 1, ["b", "a", "c", None]),
    "places of numbers": (words("category", 10, 20, 30), "int32", 1, [30, 10, 11, None]),
    "lists": (tensor([2, 3], -1, 9), "float32", 6, DRAW.standard_normal((ROWS, 6)).tolist()),
    "lists of whole numbers": (tensor([4], -3, 300), "int64", 4, DRAW.integers(-3, 301, (ROWS, 4)).tolist()),
    "lists of flags": (tensor([3], 0, 1), "bool", 3, DRAW.integers(0, 2, (ROWS, 3)).tolist()),
    "tokens": ({"kind": "text", **TEXT}, "int64", 5, LINES),
    "a mask": ({"kind": "text-mask", **TEXT}, "int64", 5, LINES),
    "a mask of flags": ({"kind": "text-mask", **TEXT}, "bool", 5, LINES),
    **{
        f"images, {channels} channels, {resize}": (image(channels, resize), "float32", channels * 35, IMAGES)
        for channels in (1, 3)
        for resize in ("nearest", "bilinear")
    },
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_numbers_as_in_a_run(tmp_path: Path, name: str) -> None:
    feature, dtype, width, values = CASES[name]
    expected, made = of_a_run(feature, dtype, width, values), of_the_client(tmp_path, feature, dtype, values)
    assert made.dtype == {"float32": np.float32}.get(dtype, np.int64)
    np.testing.assert_array_equal(made, expected)
    assert len(np.unique(expected)) > 1


@pytest.mark.parametrize(
    ("feature", "dtype", "width", "values"),
    [
        pytest.param(scale(0, 1), "float32", 1, [1.0, 1e300], id="a number beyond float32"),
        pytest.param(scale(0, 1), "float32", 1, [1.0, None], id="a missing number"),
        pytest.param(scale(0, 1), "float32", 1, [1.0, float("inf")], id="an infinite number"),
        pytest.param(scale(0, 1), "float32", 1, ["1.5", "2"], id="numbers as text"),
        pytest.param(words("one-hot", "a", "b"), "float32", 2, [1, 2], id="numbers where words belong"),
        pytest.param(words("category", 1, 2), "int64", 1, ["1", "2"], id="text where numbers belong"),
        pytest.param(tensor([2], 0, 5), "int64", 2, [[0, 1], [2, 6]], id="a whole number beyond its bound"),
        pytest.param(tensor([2], 0, 5), "int64", 2, [[0, 1], [2, 2.5]], id="a number that is not whole"),
        pytest.param(tensor([2], 0, 5), "float32", 2, [[0, 1], [2]], id="a list of another length"),
        pytest.param(tensor([2], 0, 1e-30), "float32", 2, [[0.0, 1], [2, 1e30]], id="lists beyond float32"),
        pytest.param({"kind": "text", **TEXT}, "int64", 5, ["a", None], id="a missing text"),
        pytest.param({"kind": "text", **TEXT}, "int64", 5, ["x" * (2**20 + 1), "a"], id="a text of 2^20 characters"),
        pytest.param(image(3, "nearest"), "float32", 105, [IMAGES[0], b"GIF89a"], id="no image"),
        pytest.param(image(3, "nearest"), "float32", 105, [IMAGES[0], None], id="a missing image"),
        pytest.param(image(1, "nearest"), "float32", 35, [IMAGES[0], large()], id="an image of more than 2^24 pixels"),
    ],
)
def test_neither_takes(tmp_path: Path, feature: dict[str, Any], dtype: str, width: int, values: Any) -> None:
    with pytest.raises(Refused) as refused:
        of_a_run(feature, dtype, width, pa.array(values))
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT
    with pytest.raises(wb.WeighbridgeError) as caught:
        of_the_client(tmp_path, feature, dtype, values)
    assert caught.value.code == "MODEL_DOES_NOT_FIT"
