"""RFC 8785 canonical JSON and its digest: the bytes that digests and signatures are taken over."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785

#: Of everything that is read here; a library that this package stands on lifts Python's own limit.
_MAX_DEPTH = 64


def parse_json(data: bytes) -> Any:
    """:raises ValueError: for bytes that are no JSON, or nested more deeply than anything of ours"""
    depth = 0
    in_string = escaped = False
    for byte in data:
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise ValueError("nested too deeply")
        elif byte in b"]}":
            depth -= 1
    return json.loads(data.decode("utf-8"))


def canonical_json(value: Any) -> bytes:
    """The one spelling of a JSON value."""
    return rfc8785.dumps(value)


def json_digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of a value, 64 hex digits."""
    return sha256_hex(canonical_json(value))


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 hex digits, no prefix."""
    return hashlib.sha256(data).hexdigest()
