"""Rows lie in memory in the smallest type that public constants allow, and a run computes with the very same
numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from models import config_of, declaration
from weighbridge_trainer.config import Config, Input
from weighbridge_trainer.images import levels
from weighbridge_trainer.optimise import abstract_rows
from weighbridge_trainer.stored import stored_type, unpacked
from weighbridge_trainer.transforms import Image, Text

# src/training/declaration/stored-bytes.spec.ts asks the same before payment.
CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "stored.json").read_text("utf-8"))
OF = {case["name"]: case["features"] for case in CASES}
(ONE_HOT,), (IMAGE,) = OF["words alone"], OF["an image"]
TEXT = {"column": "t", "tokenizer": "ab" * 32, "length": 4, "pad": 0}


def config(dtype: str, width: int, features: list[dict[str, Any]]) -> Config:
    inputs = [{"name": "input", "shape": [width], "dtype": dtype}]
    return config_of(declaration(b"", b"", inputs=inputs, features={"input": features}))


def category(words: int, unknown: int) -> dict[str, Any]:
    return {"kind": "category", "column": f"c{words}", "vocabulary": list(range(words)), "unknown": unknown}


def whole(low: int, high: int) -> dict[str, Any]:
    return {"kind": "tensor", "column": "w", "shape": [2], "min": low, "max": high}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_the_smallest_type_that_holds_them(case: dict[str, Any]) -> None:
    made = config(case["dtype"], case["width"], case["features"])
    assert stored_type(made.inputs[0]) == np.dtype(case["stored"])
    assert abstract_rows(made)[0]["input"].dtype == np.dtype(case["stored"])


def test_a_text_of_a_tokenizer_that_is_there() -> None:
    made = config("int64", 4, [{"kind": "text", **TEXT}])
    for largest, expected in ((255, np.uint8), (256, np.uint16), (65_536, np.int32)):
        (text,) = made.inputs[0].features
        assert isinstance(text, Text)
        known = replace(made.inputs[0], features=(replace(text, largest_id=largest),))
        assert stored_type(known) == expected


@pytest.mark.parametrize(
    ("item", "values", "expected"),
    [
        pytest.param(
            config("int64", 1, [category(256, 0)]).inputs[0], np.arange(256, dtype=np.uint8), np.arange(256), id="words"
        ),
        pytest.param(
            config("int32", 2, [whole(-128, 0)]).inputs[0],
            np.arange(-128, 0, dtype=np.int8),
            np.arange(-128, 0),
            id="signs",
        ),
        pytest.param(config("float32", 2, [ONE_HOT]).inputs[0], np.eye(2, dtype=np.uint8), np.eye(2), id="one-hot"),
    ],
)
def test_unpacks_to_the_same_numbers(item: Input, values: Any, expected: Any) -> None:
    got = jax.jit(lambda packed: unpacked(item, packed))(values)
    assert got.dtype == (np.float32 if item.dtype == "float32" else np.int32)
    np.testing.assert_array_equal(got, expected)


def test_every_level_of_an_image_is_what_numpy_makes_of_it_bit_by_bit() -> None:
    (item,) = config("float32", 45, [IMAGE]).inputs
    image = item.features[0]
    assert isinstance(image, Image)
    pixels = np.random.default_rng(1).integers(0, 256, (300, 45), np.uint8)
    mean, std = (np.array(values, np.float32).reshape(3, 1) for values in (image.mean, image.std))
    expected = (pixels.reshape(-1, 3, 15).astype(np.float32) / np.float32(255) - mean) / std
    got = jax.jit(lambda packed: unpacked(item, packed))(pixels)
    np.testing.assert_array_equal(got, expected.reshape(300, 45))
    assert levels(image).shape == (3, 256)
