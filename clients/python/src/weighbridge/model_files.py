"""What lies beside the weights: model card, bill of materials, declaration, what was bought (metric, fitted features),
signature and its key. They are those whose digest the worker put into its `training-completed` record, or nothing is
written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from .canonical import json_digest
from .errors import WeighbridgeError
from .state import write_atomic

Json = dict[str, Any]

#: A closed list: names become paths.
NAMES = ("model-card.md", "model.cdx.json", "declaration.json", "model.sig", "model-signing-key.pub")
#: Where a metric was bought.
METRIC = "metric.json"
#: Where columns were standardised.
FITTED = "fitted-features.json"
_BYPRODUCT = "model-files.json"


def digest_in(receipt: Json) -> str | None:
    """The digest that the worker recorded; None where it made no files.

    :raises WeighbridgeError: RECEIPT_INVALID
    """
    try:
        entry = receipt.get("records", {}).get("training-completed")
        if entry is None:
            return None
        # A log entry is a header line and a DSSE envelope (docs/log.md).
        envelope = json.loads(base64.b64decode(entry["entry"]).split(b"\n", 1)[1])
        statement = json.loads(base64.b64decode(envelope["payload"]))
        byproducts = {one["name"]: one["digest"]["sha256"] for one in statement["predicate"]["runDetails"]["byproducts"]}
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise WeighbridgeError(
            "RECEIPT_INVALID",
            "the receipt does not hold: its training-completed record cannot be read",
            next="Nothing was written. Verify it with weighbridge.verify, and show it to the operator.",
        ) from None
    found = byproducts.get(_BYPRODUCT)
    return None if found is None else str(found)


def checked_model_files(files: Any, digest: str) -> dict[str, str]:
    """:raises WeighbridgeError: DIGEST_MISMATCH"""
    names = set(files) if isinstance(files, dict) else set()
    expected = names - {METRIC, FITTED} == set(NAMES)
    known = expected and all(isinstance(text, str) for text in files.values())
    if known and json_digest(files) == digest:
        return dict(files)
    raise WeighbridgeError(
        "DIGEST_MISMATCH",
        "the model's card and signature are not those that its record names",
        next="Show the receipt to the operator: what was logged was not delivered.",
    )


def write_model_files(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        write_atomic(folder / name, text.encode(), 0o644)


def bought_in(files: dict[str, str]) -> Json:
    """What was bought beside the weights: the `metric`, and the `features` with their fitted constants."""
    named = {"metric": METRIC, "features": FITTED}
    return {what: json.loads(files[name]) for what, name in named.items() if name in files}
