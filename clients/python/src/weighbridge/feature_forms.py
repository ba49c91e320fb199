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
#: What a column is usually taken for, by its type, where the model takes float32, and where it takes integers.
_OF_NUMBERS = {"image": "image", "tensor": "tensor", "string": "one-hot"}
_OF_INTEGERS = {"tensor": "tensor", "string": "text"}
#: Types of columns that a model is likely for, the likeliest first.
_TELLING = ("image", "tensor", "string")
#: Columns that an error names.
_SHOWN = 8


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


def widths_of(features: list[Json]) -> str:
    """Which column makes how many of an input's numbers."""
    said = [f"{feature['column']} makes {width_of(feature)}" for feature in features[:_SHOWN]]
    return ", ".join(said) + (f", and so on ({len(features)} columns)" if len(features) > _SHOWN else "")


def how_to_write(column: Json, takes: Json) -> str:
    """Advice for a column of which the seller declares too little.

    :param takes: the input of the model that it is for
    """
    if takes["dtype"] == "float32":
        return _advice(column, _OF_NUMBERS.get(column["type"], "scale"))
    return _advice({**column, "length": math.prod(takes["shape"])}, _OF_INTEGERS.get(column["type"], "category"))


def most_telling(columns: list[Json]) -> Json:
    """Of columns of which nothing is declared, the one that a model is most likely for: images, lists, texts."""
    return next((column for telling in _TELLING for column in columns if column["type"] == telling), columns[0])


def _advice(column: Json, kind: str) -> str:
    known: Json = {part: column[part] for part in ("shape", "length") if part in column and part in _FORMS[kind]}
    said: Json = {"kind": kind, "column": column["name"], **_FORMS[kind], **known}
    inside = ", ".join(f"{key!r}: {'...' if value is None else repr(value)}" for key, value in said.items())
    return f"Spell the feature out: {{{inside}}}."
