"""An index is held against its table before a row is read, by what its features can make; and weights that start at
zero hide nothing from the canary."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from models import (
    LINEAR_WEIGHTS,
    config_of,
    declaration,
    external,
    graph,
    inline,
    linear_model,
    linear_weights,
    model,
    node,
    value,
)
from weighbridge_trainer.canary import check_rows_apart
from weighbridge_trainer.lower import lower
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.safetensors import Floats, write_safetensors
from weighbridge_trainer.text import Tokenizers, read_tokenizer, with_largest_ids

WEIGHTS: dict[str, Floats] = {"table": np.ones((6, 4), np.float32), "w": np.ones((4, 2), np.float32)}


def check(
    nodes: list[bytes],
    features: list[dict[str, Any]],
    constants: list[bytes] | None = None,
    tokenizers: Tokenizers | None = None,
) -> None:
    """Words of a row, through `nodes` to `index`, looked up and added up: two classes."""
    after = [
        node("Gather", ["table", "index"], ["rows"]),
        node("ReduceSum", ["rows", "axis"], ["sum"], keepdims=0),
        node("MatMul", ["sum", "w"], ["logits"]),
    ]
    width = sum(feature.get("width", 1) for feature in features)
    initial = [external("table", (6, 4)), external("w", (4, 2)), inline("axis", np.array([1])), *(constants or [])]
    data = model(
        graph([*nodes, *after], initial, [value("words", ["batch", width], 7)], [value("logits", ["batch", 2])])
    )
    change = {
        "trainable": ["table", "w"],
        "inputs": [{"name": "words", "shape": [width], "dtype": "int64"}],
        "features": {"words": [{k: v for k, v in feature.items() if k != "width"} for feature in features]},
    }
    config = config_of(declaration(data, write_safetensors(WEIGHTS), **change))
    lower(data, WEIGHTS, config if tokenizers is None else with_largest_ids(config, tokenizers))


def category(words: int, unknown: int = 0) -> dict[str, Any]:
    return {"kind": "category", "column": f"c{words}", "vocabulary": list(range(words)), "unknown": unknown}


def tensor(high: int, low: int = 0) -> dict[str, Any]:
    return {"kind": "tensor", "column": "t", "shape": [2], "min": low, "max": high, "width": 2}


SAME = [node("Identity", ["words"], ["index"])]
OFFSET = [node("Add", ["words", "offset"], ["index"])]


@pytest.mark.parametrize(
    ("nodes", "features", "constants"),
    [
        pytest.param(SAME, [tensor(5)], [], id="as large as the table"),
        pytest.param(SAME, [tensor(5, -6)], [], id="from its end"),
        pytest.param(OFFSET, [category(2), category(4)], [inline("offset", np.array([0, 2]))], id="a table a column"),
        pytest.param(
            [node("Sub", ["last", "words"], ["index"])], [tensor(5)], [inline("last", np.array(5))], id="backwards"
        ),
        pytest.param(
            [node("Clip", ["words", "low", "high"], ["index"])],
            [tensor(1000)],
            [inline("low", np.array(0)), inline("high", np.array(5))],
            id="clipped by the graph itself",
        ),
    ],
)
def test_an_index_within_its_table_is_taken(nodes: Any, features: Any, constants: Any) -> None:
    check(nodes, features, constants)


@pytest.mark.parametrize(
    ("nodes", "features", "constants", "detail"),
    [
        pytest.param(SAME, [tensor(6)], [], "may lie outside", id="one too many"),
        pytest.param(SAME, [tensor(5, -7)], [], "may lie outside", id="before the first"),
        pytest.param(SAME, [category(4, unknown=6)], [], "may lie outside", id="the unknown word"),
        pytest.param(
            OFFSET, [category(2), category(4)], [inline("offset", np.array([0, 3]))], "may lie outside", id="an offset"
        ),
        pytest.param(
            [node("Cast", ["words"], ["f"], to=1), node("Exp", ["f"], ["g"]), node("Cast", ["g"], ["index"], to=7)],
            [tensor(1)],
            [],
            "nothing is known",
            id="from floats",
        ),
        pytest.param(
            [node("Mul", ["words", "far"], ["product"]), node("Identity", ["product"], ["index"])],
            [tensor(8)],
            [inline("far", np.array(2**29))],
            "nothing is known",
            id="beyond what an integer holds, where both ends come to 0",
        ),
        pytest.param(
            [node("Identity", ["six"], ["index"])],
            [tensor(1)],
            [inline("six", np.array([[6]]))],
            "may lie outside",
            id="a constant",
        ),
    ],
)
def test_an_index_outside_is_refused(nodes: Any, features: Any, constants: Any, detail: str) -> None:
    with pytest.raises(Refused, match=detail) as refused:
        check(nodes, features, constants)
    assert refused.value.reason is Reason.MODEL_REJECTED


def test_a_parameter_of_the_place_in_the_batch_does_not_hide_at_zero() -> None:
    weights = {**LINEAR_WEIGHTS, "offset": np.zeros((3, 2), np.float32)}
    data = linear_model(
        [
            node("Shape", ["logits"], ["rows"], start=0, end=1),
            node("Slice", ["offset", "zero", "rows"], ["part"]),
            node("Add", ["logits", "part"], ["z"]),
        ],
        [external("offset", (3, 2)), inline("zero", np.array([0]))],
        output="z",
    )
    config = config_of(declaration(data, linear_weights()))
    with pytest.raises(Refused) as refused:
        check_rows_apart(lower(data, weights, config), weights, config)
    assert refused.value.reason is Reason.ROWS_MIX


@pytest.mark.parametrize(("words", "fits"), [(6, True), (7, False)])
def test_a_text_reaches_as_far_as_its_tokenizer(words: int, fits: bool) -> None:
    vocabulary = {"[UNK]": 0, **{f"w{k}": k for k in range(1, words)}}
    made = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    body = json.dumps({"version": "1.0", "model": made}).encode()
    digest = hashlib.sha256(body).hexdigest()
    text = {"kind": "text", "column": "t", "tokenizer": digest, "length": 2, "pad": 0, "width": 2}
    tokenizers = {digest: read_tokenizer(body, digest)}
    if fits:
        return check(SAME, [text], tokenizers=tokenizers)
    with pytest.raises(Refused, match="outside of its table"):
        check(SAME, [text], tokenizers=tokenizers)
