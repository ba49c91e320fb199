"""`.wbm`: written and read as one spelling. What TypeScript says of the same tricks is in src/training/wbm/zip.spec.ts."""

import io
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fakes import model_file
from weighbridge import ModelFile, WeighbridgeError
from weighbridge.canonical import canonical_json, sha256_hex
from weighbridge.onnx_profile import refuse_unknown_operators
from weighbridge.tensors import write_tensors

GOOD = model_file().to_bytes()
PARTS = {
    "graph.onnx": model_file().graph,
    "weights.safetensors": model_file().weights,
    "job.json": canonical_json(model_file().template) + b"\n",
}


def test_gives_back_what_was_put_in(tmp_path: Path) -> None:
    model_file().save(tmp_path / "model.wbm")
    again = ModelFile.load(tmp_path / "model.wbm")
    assert again == model_file()
    assert again.to_bytes() == GOOD
    assert list(again.initial) == ["a.weight", "b.weight"]
    assert "6 parameters trained, 4 frozen" in repr(again)


def test_says_which_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(WeighbridgeError, match=r"none\.wbm cannot be read"):
        ModelFile.load(tmp_path / "none.wbm")


def archive(parts: dict[str, bytes], comment: bytes = b"", **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as writer:
        for name, data in parts.items():
            writer.writestr(zipfile.ZipInfo(name), data, compress_type=options.get("compression"))
        writer.comment = comment
    return out.getvalue()


def job(**changes: Any) -> dict[str, bytes]:
    return {**PARTS, "job.json": canonical_json({**model_file().template, **changes}) + b"\n"}


def patched(at: int, form: str, value: int) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(form, data, at, value)
    return bytes(data)


def test_is_what_zipfile_writes() -> None:
    assert archive(PARTS) == GOOD


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("nothing", b""),
        ("a picture", b"GIF89a" * 100),
        ("cut", GOOD[:-1]),
        ("more behind it", GOOD + b"x"),
        ("more before it", b"x" + GOOD),
        ("compressed", archive(PARTS, compression=zipfile.ZIP_DEFLATED)),
        ("a comment", archive(PARTS, comment=b"hi")),
        ("a fourth member", archive({**PARTS, "x": b""})),
        ("a member less", archive({name: PARTS[name] for name in list(PARTS)[:2]})),
        ("another order", archive(dict(reversed(PARTS.items())))),
        ("a path", archive({"../graph.onnx": b"", **{name: PARTS[name] for name in list(PARTS)[1:]}})),
        ("encrypted", patched(6, "<H", 1)),
        ("a data descriptor", patched(6, "<H", 8)),
        ("another time", patched(10, "<H", 1)),
        ("another CRC", patched(14, "<I", 1)),
        ("zip64", patched(22, "<I", 0xFFFFFFFF)),
        ("another offset", patched(len(GOOD) - 6, "<I", 0)),
        ("not JSON", archive({**PARTS, "job.json": b"{"})),
        ("a list", archive({**PARTS, "job.json": b"[]\n"})),
        ("not canonical", archive({**PARTS, "job.json": json.dumps(model_file().template, indent=1).encode()})),
        ("a key twice", archive({**PARTS, "job.json": PARTS["job.json"][:-2] + b',"version":1}\n'})),
        ("not UTF-8", archive({**PARTS, "job.json": b'{"version":1,"graph":"\xff"}\n'})),
        ("deep nesting", archive({**PARTS, "job.json": b"[" * 100_000})),
        ("another version", archive(job(version=2))),
        ("another graph", archive(job(graph="00" * 32))),
        ("other weights", archive(job(weights="00" * 32))),
        ("no inputs", archive({**PARTS, "job.json": canonical_json({"version": 1}) + b"\n"})),
    ],
)
def test_refuses(name: str, data: bytes) -> None:
    with pytest.raises(WeighbridgeError) as caught:
        ModelFile.from_bytes(data)
    assert caught.value.code == "MODEL_REJECTED"


def test_refuses_every_change_of_a_byte() -> None:
    for at in range(len(GOOD)):
        changed = bytearray(GOOD)
        changed[at] ^= 1
        with pytest.raises(WeighbridgeError):
            ModelFile.from_bytes(bytes(changed))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wäight", np.ones(1, np.float32)),
        ("__metadata__", np.ones(1, np.float32)),
        ('a"b', np.ones(1, np.float32)),
        ("", np.ones(1, np.float32)),
        ("w", np.ones(1, np.float64)),
        ("w", np.ones(0, np.float32)),
        ("w", np.array([np.nan], np.float32)),
        ("w", np.array([np.inf], np.float32)),
    ],
)
def test_weights_that_no_file_may_hold(name: str, value: Any) -> None:
    with pytest.raises(WeighbridgeError) as caught:
        write_tensors({name: value})
    assert caught.value.code == "MODEL_REJECTED"


def words(root: Path, name: str = "words.json") -> Path:
    (root / name).write_text('{"model": {}}')
    return root / name


TEXT = {"kind": "text", "column": "note", "tokenizer": "words.json", "length": 3, "pad": 0}


def test_is_whole_with_its_tokenizers(tmp_path: Path) -> None:
    whole = model_file().with_features({"input": [TEXT]}, [words(tmp_path)])
    body = (tmp_path / "words.json").read_bytes()
    again = ModelFile.from_bytes(whole.to_bytes())
    assert again == whole
    assert again.tokenizers == (body,)
    assert again.template["features"] == {"input": [{**TEXT, "tokenizer": sha256_hex(body)}]}


def test_a_tokenizer_that_is_missing_idle_or_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeighbridgeError, match="not given"):
        model_file().with_features({"input": [{**TEXT, "tokenizer": "0" * 64}]})
    with pytest.raises(WeighbridgeError, match="no feature names"):
        model_file().with_features({"input": []}, [words(tmp_path)])
    whole = model_file().with_features({"input": [TEXT]}, [words(tmp_path)])
    for tokenizers in ((), (b"{}",), (*whole.tokenizers, b"{}")):
        with pytest.raises(WeighbridgeError):
            ModelFile.from_bytes(replace(whole, tokenizers=tokenizers).to_bytes())


def test_operators_of_no_table_are_refused_where_they_are_exported() -> None:
    def graph(*names: str) -> Any:
        nodes = [SimpleNamespace(domain=domain, op_type=name) for domain, _, name in (one.rpartition(".") for one in names)]
        return SimpleNamespace(node=nodes)

    refuse_unknown_operators(graph("Gemm", "Relu", "Constant", "SequenceAt"))
    for given, said in ((["Gemm", "TopK", "CumSum"], "CumSum, TopK"), (["com.stranger.Gemm"], "com.stranger.Gemm")):
        with pytest.raises(WeighbridgeError, match=said) as refused:
            refuse_unknown_operators(graph(*given))
        assert refused.value.code == "MODEL_REJECTED"
