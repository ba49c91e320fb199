"""The closed list of features (docs/model-format.md): what each kind says, how wide it is, and how to write one."""

from __future__ import annotations

import math
from typing import Any

from .errors import bad_input

Json = dict[str, Any]

#: Of each kind, how it is written. What a reader has to fill in stands as None.
_FORMS: dict[str, Json] = {
    "scale": {"min": None, "max": None},
    "standardise": {"min": None, "max": None},
    "one-hot": {"vocabulary": None},
    "category": {"vocabulary": None, "unknown": 0},
    "tensor": {"shape": None, "min": None, "max": None},
    "text": {"tokenizer": "tokenizer.json", "length": 64, "pad": 0},
    "text-mask": {"tokenizer": "tokenizer.json", "length": 64, "pad": 0},
    "image": {
        "channels": 3,
        "height": 32,
        "width": 32,
        "resize": "bilinear",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    },
}
#: What a column is usually taken for, by its type.
_USUAL = {"image": "image", "tensor": "tensor", "string": "text"}


def assert_whole(feature: Json, columns: list[Json]) -> Json:
    """:param columns: of the schema, for advice
    :returns: the same
    :raises WeighbridgeError: BAD_INPUT if it is of no kind, or a part of it is not said
    """
    kind, column = feature.get("kind"), feature.get("column")
    form = _FORMS.get(kind) if isinstance(kind, str) else None
    if form is None:
        raise bad_input(f"a feature is of no known kind: {feature!r}", f"Its kind is one of: {', '.join(_FORMS)}.")
    missing = [name for name in ("column", *form) if name not in feature]
    if missing:
        known = next((one for one in columns if one["name"] == column), {"name": column})
        raise bad_input(f"the {kind} feature of {column!r} lacks {', '.join(missing)}", _advice(known, str(kind)))
    return feature


def width_of(feature: Json) -> int:
    """How many numbers it becomes."""
    kind = feature["kind"]
    try:
        if kind == "one-hot":
            return len(feature["vocabulary"])
        if kind == "image":
            return int(feature["channels"] * feature["height"] * feature["width"])
        if kind in ("text", "text-mask"):
            return int(feature["length"])
        return math.prod(feature["shape"]) if kind == "tensor" else 1
    except (TypeError, ValueError):
        advice = _advice({"name": feature["column"]}, kind)
        raise bad_input(f"sizes of a feature are not numbers: {feature!r}", advice) from None


def how_to_write(column: Json) -> str:
    """Advice for a column of which the seller declares too little."""
    return _advice(column, _USUAL.get(column["type"], "scale"))


def _advice(column: Json, kind: str) -> str:
    known = {"shape": column["shape"]} if "shape" in column else {}
    said = {"kind": kind, "column": column["name"], **_FORMS[kind], **{k: v for k, v in known.items() if k in _FORMS[kind]}}
    inside = ", ".join(f"{key!r}: {'...' if value is None else repr(value)}" for key, value in said.items())
    return f"Spell the feature out: {{{inside}}}."
