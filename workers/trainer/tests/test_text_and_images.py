"""Text by a tokenizer.json, encoded images, lists of numbers and categories: rows that fit, and hostile ones."""

import hashlib
import io
import json
import struct
import zlib
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from models import config_of, declaration, float_input
from pieces import in_memory, parquet
from weighbridge_trainer.config import Config
from weighbridge_trainer.features import RowsBuilder
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.rows import Rows
from weighbridge_trainer.stored import packed, unpacked
from weighbridge_trainer.text import check_vocabularies, digests_of, read_tokenizer

WORDS = {"[PAD]": 0, "[UNK]": 1, "the": 2, "cat": 3, "sat": 4}
TOKENIZER = json.dumps(
    {
        "version": "1.0",
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
    }
).encode()
DIGEST = hashlib.sha256(TOKENIZER).hexdigest()
TEXT = {"column": "text", "tokenizer": DIGEST, "length": 5, "pad": 0}
IMAGE = {
    "kind": "image",
    "column": "image",
    "height": 4,
    "width": 6,
    "channels": 3,
    "resize": "nearest",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.25, 0.5],
}


def config(inputs: list[dict[str, Any]], features: dict[str, Any], rows: int = 1, **change: Any) -> Config:
    label = {"kind": "class", "column": "label", "classes": [0, 1]}
    return config_of(declaration(b"", b"", inputs=inputs, features=features, **{"label": label, **change}), rows=rows)


def build(config: Config, columns: dict[str, Any]) -> Rows:
    builder = RowsBuilder(config, {digest: read_tokenizer(TOKENIZER, digest) for digest in digests_of(config)})
    builder.add(bytearray(parquet({"label": [1] * config.rows, **columns})))
    return in_memory(builder.build())


def token_input(dtype: str = "int64", name: str = "tokens") -> dict[str, Any]:
    return {"name": name, "shape": [5], "dtype": dtype}


def texts() -> Config:
    inputs = [token_input(), token_input("bool", "mask")]
    return config(inputs, {"tokens": [{"kind": "text", **TEXT}], "mask": [{"kind": "text-mask", **TEXT}]}, rows=3)


def test_text_is_cut_and_filled_up() -> None:
    rows = build(texts(), {"text": ["the cat sat", "the dog", "cat cat cat cat cat cat cat"]})
    np.testing.assert_array_equal(rows.inputs["tokens"], [[2, 3, 4, 0, 0], [2, 1, 0, 0, 0], [3, 3, 3, 3, 3]])
    np.testing.assert_array_equal(rows.inputs["mask"], rows.inputs["tokens"] > 0)


@pytest.mark.parametrize("column", [[1, 2, 3], [None, "a", "b"], ["x" * (1 << 21), "a", "b"]])
def test_refuses_what_is_no_text(column: list[Any]) -> None:
    with pytest.raises(Refused) as refused:
        build(texts(), {"text": column})
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"\xff", b"[" * 100_000, TOKENIZER[:-9], TOKENIZER.replace(b"WordLevel", b"Pickle")],
)
def test_refuses_what_is_no_tokenizer(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_tokenizer(body, hashlib.sha256(body).hexdigest())
    assert refused.value.reason is Reason.MODEL_REJECTED


def test_refuses_another_tokenizer_than_declared() -> None:
    with pytest.raises(Refused, match="digest"):
        read_tokenizer(TOKENIZER + b" ", DIGEST)


def test_refuses_more_tokens_than_logits() -> None:
    label = {"kind": "tokens", "input": "tokens", "pad": 0}
    declared = config([token_input()], {"tokens": [{"kind": "text", **TEXT}]}, label=label, loss={"name": "next-token"})
    tokenizers = {DIGEST: read_tokenizer(TOKENIZER, DIGEST)}
    check_vocabularies(declared, tokenizers, (5, 5))
    with pytest.raises(Refused):
        check_vocabularies(declared, tokenizers, (5, 4))


def encoded(pixels: Any, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, kind)
    return out.getvalue()


PIXELS = np.random.default_rng(2).integers(0, 256, (4, 6, 3), np.uint8)


def images(rows: int = 1, **change: Any) -> Config:
    feature = {**IMAGE, **change}
    shape = feature["channels"], feature["height"], feature["width"]
    return config([float_input(*shape)], {"input": [feature]}, rows=rows)


def column(*values: bytes | None) -> dict[str, Any]:
    return {"image": pa.array(list(values), pa.binary())}


def as_numbers(config: Config, rows: Rows) -> Any:
    """What a run computes with."""
    (item,) = config.inputs
    return np.asarray(jax.jit(lambda values: unpacked(item, values))(packed(item, rows.inputs[item.name])))


def test_an_image_of_the_size_is_its_pixels() -> None:
    rows = build(images(), column(encoded(PIXELS)))
    expected = (PIXELS.transpose(2, 0, 1) / 255 - 0.5) / np.array([0.5, 0.25, 0.5]).reshape(3, 1, 1)
    assert rows.inputs["input"].dtype == np.uint8
    np.testing.assert_allclose(as_numbers(images(), rows)[0], np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_images_of_other_sizes_and_kinds_are_brought_to_one() -> None:
    grey = np.repeat(np.repeat(PIXELS[:, :, 0], 2, 0), 2, 1)
    of_two = images(2, channels=1, mean=[0], std=[1])
    made = build(of_two, column(encoded(grey), encoded(grey, "JPEG")))
    values = as_numbers(of_two, made)[:, 0]
    np.testing.assert_allclose(values[0], PIXELS[:, :, 0] / 255, atol=1e-6)
    assert np.abs(values[0] - values[1]).max() < 0.4


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b"not an image", id="text"),
        pytest.param(encoded(PIXELS)[:-40], id="cut"),
        pytest.param(encoded(PIXELS, "GIF"), id="another format"),
        pytest.param(png_header(1 << 20, 1 << 20), id="a bomb of 2^40 pixels"),
        pytest.param(png_header(5_000, 5_000), id="more than 2^24 pixels"),
        pytest.param(png_header(40, 40), id="fewer rows than the header says"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(17 << 20), id="17 MiB"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="PostScript, which would run a program"),
    ],
)
def test_refuses_hostile_images(data: bytes | None) -> None:
    with pytest.raises(Refused) as refused:
        build(images(), column(data))
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT


def lists(*values: Any) -> dict[str, Any]:
    return {"list": pa.array(list(values))}


def tensor(dtype: str, low: float, high: float) -> Config:
    item = {"name": "input", "shape": [2, 2], "dtype": dtype}
    feature = {"kind": "tensor", "column": "list", "shape": [2, 2], "min": low, "max": high}
    return config([item], {"input": [feature]}, rows=2)


def test_lists_of_numbers() -> None:
    floats = build(tensor("float32", 0, 10), lists([0.0, 1, 2, 3], [10, 10, 10, 10]))
    np.testing.assert_allclose(floats.inputs["input"], np.array([[0, 0.1, 0.2, 0.3], [1, 1, 1, 1]]), rtol=1e-6)
    whole = build(tensor("int64", 0, 5), lists([0, 1, 2, 3], [5, 5, 5, 5]))
    assert whole.inputs["input"].dtype == np.uint8


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(([0, 1, 2], [1, 2, 3, 4]), id="too short"),
        pytest.param((None, [1, 2, 3, 4]), id="missing"),
        pytest.param(([0, 1, None, 3], [1, 2, 3, 4]), id="a number missing"),
        pytest.param(([0, 1, 2, 6], [1, 2, 3, 4]), id="beyond its bound"),
        pytest.param(([0, 1, 2, 2.5], [1, 2, 3, 4.0]), id="not whole"),
        pytest.param((1, 2), id="no list"),
    ],
)
def test_refuses_other_lists(values: Any) -> None:
    with pytest.raises(Refused) as refused:
        build(tensor("int64", 0, 5), lists(*values))
    assert refused.value.reason is Reason.DATA_DOES_NOT_FIT


def test_categories_and_labels() -> None:
    item = {"name": "input", "shape": [1], "dtype": "int64"}
    feature = {"kind": "category", "column": "town", "vocabulary": ["Bern", "Chur"], "unknown": 2}
    label = {"kind": "binary", "columns": [{"column": "ill", "positive": "yes"}]}
    made = build(
        config([item], {"input": [feature]}, rows=3, label=label, loss={"name": "bce"}),
        {"town": ["Chur", "Genf", None], "ill": ["yes", "no", "maybe"]},
    )
    np.testing.assert_array_equal(made.inputs["input"], [[1], [2], [2]])
    np.testing.assert_array_equal(made.target, [[1], [0], [0]])
