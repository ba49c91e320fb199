"""`tokenizer.json` files (Hugging Face `tokenizers`), which text features name and which travel beside the graph."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .canonical import sha256_hex
from .errors import WeighbridgeError, bad_input
from .features import FeatureSpec

Json = dict[str, Any]
Features = Mapping[str, Sequence[FeatureSpec]] | Sequence[FeatureSpec]

#: As the marketplace takes them.
MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class Tokenizers:
    by_digest: dict[str, bytes]
    digest_of: dict[str, str]
    """By the name of the file: what a feature may write in the digest's place."""

    @classmethod
    def read(cls, files: Sequence[str | os.PathLike[str]]) -> Tokenizers:
        """:raises WeighbridgeError: MODEL_REJECTED for one that is no JSON, or too large"""
        bodies = {Path(file).name: Path(file).read_bytes() for file in files}
        for name, body in bodies.items():
            _check(name, body)
        return cls(
            {sha256_hex(body): body for body in bodies.values()}, {name: sha256_hex(body) for name, body in bodies.items()}
        )

    def and_carried(self, bodies: Sequence[bytes]) -> Tokenizers:
        """With those that a model file has in it, which nobody named."""
        return Tokenizers({**{sha256_hex(body): body for body in bodies}, **self.by_digest}, self.digest_of)

    def in_features(self, given: Features | None) -> Features | None:
        """The features with digests where they name files."""
        if given is None:
            return None
        if isinstance(given, Mapping):
            return {name: [self._named(one) for one in specs] for name, specs in given.items()}
        return [self._named(one) for one in given]

    def needed_by(self, features: Mapping[str, Sequence[Json]]) -> list[bytes]:
        """Those that the features name, each once.

        :raises WeighbridgeError: BAD_INPUT if one is missing, or given for nothing
        """
        named = sorted({one["tokenizer"] for specs in features.values() for one in specs if "tokenizer" in one})
        idle = [name for name, digest in self.digest_of.items() if digest not in named]
        if idle:
            raise bad_input(f"no feature names the tokenizer {idle[0]}", f'Write "tokenizer": "{idle[0]}" into a text feature.')
        missing = [digest for digest in named if digest not in self.by_digest]
        if missing:
            raise bad_input(
                f"a feature names a tokenizer that was not given ({missing[0]})", 'Give tokenizers=["tokenizer.json"].'
            )
        return [self.by_digest[digest] for digest in named]

    def _named(self, feature: FeatureSpec) -> FeatureSpec:
        if isinstance(feature, str) or feature.get("tokenizer") not in self.digest_of:
            return feature
        return {**feature, "tokenizer": self.digest_of[feature["tokenizer"]]}


def _check(name: str, body: bytes) -> None:
    refused = f"it has {len(body)} bytes, at most {MAX_BYTES} are taken" if len(body) > MAX_BYTES else None
    if refused is None:
        try:
            json.loads(body.decode())
        except ValueError:
            refused = "it is not JSON"
    if refused is not None:
        raise WeighbridgeError("MODEL_REJECTED", f"{name}: {refused}", next="Give a tokenizer.json of Hugging Face tokenizers.")
