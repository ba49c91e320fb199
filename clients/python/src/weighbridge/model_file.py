"""`.wbm`: a model as one file. docs/model-format.md describes it; `src/training/wbm` reads it in TypeScript."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from .canonical import canonical_json, parse_json, sha256_hex
from .errors import WeighbridgeError, bad_input, model_rejected
from .tensors import Array, read_tensors
from .tokenizers import MAX_BYTES as MAX_TOKENIZER_BYTES
from .tokenizers import Tokenizers

_MEMBERS = ("graph.onnx", "weights.safetensors", "job.json")
_MAX_BYTES = {"graph.onnx": 4 << 20, "weights.safetensors": 256 << 20, "job.json": 8 << 20}
_LOCAL_HEADER = struct.Struct("<IHHHHHIIIHH")


@dataclass(frozen=True)
class ModelFile:
    """A model: its graph, its first weights, and what of a training job it decides itself."""

    #: `job.json`: the declaration as far as the model decides it, and the buyer's defaults for the rest.
    template: dict[str, Any]
    #: `graph.onnx`, without weights
    graph: bytes
    #: `weights.safetensors`
    weights: bytes
    #: `tokenizer.json` files that the template's features name, by ascending digest
    tokenizers: tuple[bytes, ...] = ()

    @classmethod
    def build(cls, template: dict[str, Any], graph: bytes, weights: bytes) -> ModelFile:
        """Binds the parts together: the template names the others by their digests."""
        for name, part in (("graph.onnx", graph), ("weights.safetensors", weights)):
            if len(part) > _MAX_BYTES[name]:
                raise model_rejected(
                    f"{name} of this model has {len(part) >> 20} MiB, at most {_MAX_BYTES[name] >> 20} are taken",
                    "Train a smaller model.",
                )
        bound = {**template, "version": 1, "graph": sha256_hex(graph), "weights": sha256_hex(weights)}
        return cls(bound, graph, weights)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ModelFile:
        """Reads a `.wbm`. :raises WeighbridgeError: BAD_INPUT, MODEL_REJECTED"""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise bad_input(f"{os.fspath(path)} cannot be read ({error.strerror})", "Check the path.") from error
        return cls.from_bytes(data)

    @classmethod
    def from_bytes(cls, data: bytes) -> ModelFile:
        """Opens the bytes of a `.wbm`, strictly. :raises WeighbridgeError: MODEL_REJECTED"""
        members = _read_members(data)
        template = _read_template(members["job.json"])
        for member, field in (("graph.onnx", "graph"), ("weights.safetensors", "weights")):
            if template.get(field) != sha256_hex(members[member]):
                raise model_rejected(f"job.json names another {member} than the one beside it")
        tokenizers = tuple(members[_tokenizer_name(digest)] for digest in _tokenizers_in(template))
        return cls(template, members["graph.onnx"], members["weights.safetensors"], tokenizers)

    def with_features(
        self, features: dict[str, list[dict[str, Any]]], tokenizers: Sequence[str | os.PathLike[str]] = ()
    ) -> ModelFile:
        """The same model with the columns that fill its inputs, and the tokenizers that they name: then the file is all that a
        job needs of it.

        :param features: spelt-out features by input; a text feature names its tokenizer by file name
        :param tokenizers: the `tokenizer.json` files
        :raises WeighbridgeError: BAD_INPUT if one is missing, or given for nothing; MODEL_REJECTED
        """
        read = Tokenizers.read(tokenizers)
        named = cast(dict[str, list[dict[str, Any]]], read.in_features(features))
        return replace(self, template={**self.template, "features": named}, tokenizers=tuple(read.needed_by(named)))

    def to_bytes(self) -> bytes:
        """The bytes of the `.wbm`: the same for the same model, on every machine."""
        return _write_members(
            {
                "graph.onnx": self.graph,
                "weights.safetensors": self.weights,
                "job.json": canonical_json(self.template) + b"\n",
                **{_tokenizer_name(sha256_hex(body)): body for body in self.tokenizers},
            }
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the `.wbm`. :raises WeighbridgeError: BAD_INPUT"""
        target = Path(path)
        try:
            target.write_bytes(self.to_bytes())
        except OSError as error:
            raise bad_input(f"{target} cannot be written ({error.strerror})", "Name another file.") from error
        return target

    @cached_property
    def initial(self) -> dict[str, Array]:
        """The first weights, by name. A tied weight stands under one of its names."""
        return read_tensors(self.weights)

    @property
    def trainable(self) -> list[str]:
        """Names of the tensors that training moves."""
        return list(self.template["trainable"])

    @property
    def tied(self) -> dict[str, str]:
        """Other names of a weight that is used twice, each with the name that it stands under."""
        return dict(self.template.get("tied", {}))

    def __repr__(self) -> str:
        trained = sum(self.initial[name].size for name in self.trainable)
        frozen = sum(tensor.size for tensor in self.initial.values()) - trained
        inputs = ", ".join(f"{i['name']}{i['shape']}" for i in self.template["inputs"])
        return f"<ModelFile {inputs}: {trained:,} parameters trained, {frozen:,} frozen>"


def _write_members(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)  # 1980-01-01
            info.create_system = 3  # what it is on Linux, on every machine
            archive.writestr(info, data)
    return out.getvalue()


def _read_members(data: bytes) -> dict[str, bytes]:
    """Takes the members one after the other, and then asks whether these are the very bytes that the writer makes of them:
    no trick of a zip survives that."""
    members: dict[str, bytes] = {}
    at = 0
    for name in _MEMBERS:
        members[name], at = _read_member(data, at, name, _MAX_BYTES[name])
    # Behind job.json stands what its features name, and nothing else.
    for digest in _tokenizers_in(_read_template(members["job.json"])):
        name = _tokenizer_name(digest)
        members[name], at = _read_member(data, at, name, MAX_TOKENIZER_BYTES)
        if sha256_hex(members[name]) != digest:
            raise model_rejected("job.json names another tokenizer than the one beside it")
    if _write_members(members) != data:
        raise _not_a_model_file("it is a zip of another form: stored, in order, nothing else")
    return members


def _tokenizers_in(template: dict[str, Any]) -> list[str]:
    try:
        features = [feature for specs in template.get("features", {}).values() for feature in specs]
        return sorted({str(feature["tokenizer"]) for feature in features if "tokenizer" in feature})
    except (AttributeError, TypeError):
        raise model_rejected("job.json: features of another form") from None


def _tokenizer_name(digest: str) -> str:
    return f"tokenizer-{digest}.json"


def _read_member(data: bytes, at: int, name: str, max_bytes: int) -> tuple[bytes, int]:
    end = at + _LOCAL_HEADER.size
    if len(data) < end:
        raise _not_a_model_file(f"it ends before {name}")
    signature, _, flags, method, _, _, crc, _, size, name_bytes, _ = _LOCAL_HEADER.unpack_from(data, at)
    if signature != 0x04034B50 or data[end : end + name_bytes] != name.encode():
        raise _not_a_model_file(f"{name} is not where it must be")
    if flags != 0 or method != 0:
        raise _not_a_model_file(f"{name} is compressed, encrypted or streamed")
    if size > max_bytes:
        raise _not_a_model_file(f"{name} has {size} bytes, at most {max_bytes} are taken")
    start = end + name_bytes
    member = data[start : start + size]
    if len(member) < size or zlib.crc32(member) != crc:
        raise _not_a_model_file(f"{name} is cut or changed")
    return member, start + size


def _read_template(data: bytes) -> dict[str, Any]:
    try:
        value = parse_json(data)
        canonical = canonical_json(value) + b"\n"
    except ValueError as error:
        raise model_rejected("job.json is not JSON") from error
    if not isinstance(value, dict) or value.get("version") != 1:
        raise model_rejected("job.json is not a declaration of version 1")
    if canonical != data:
        raise model_rejected("job.json is not in canonical form (RFC 8785)")
    missing = {"graph", "weights", "trainable", "inputs"} - value.keys()
    if missing:
        raise model_rejected(f"job.json lacks {', '.join(sorted(missing))}")
    return value


def _not_a_model_file(what: str) -> WeighbridgeError:
    return model_rejected(f"this is not a model file: {what}")
