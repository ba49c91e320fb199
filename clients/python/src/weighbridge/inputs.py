"""Rows as the inputs of a trained model: the transforms of docs/model-format.md, for whoever uses the model."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .encoded_inputs import pixels, token_ids
from .errors import WeighbridgeError, bad_input, does_not_fit
from .tokenizers import Tokenizers

Json = dict[str, Any]
Numbers = npt.NDArray[Any]


def inputs(
    features: Mapping[str, Sequence[Json]] | str | os.PathLike[str],
    columns: Mapping[str, Sequence[Any]] | Any,
    *,
    tokenizers: Sequence[str | os.PathLike[str]] = (),
    integers: Collection[str] = (),
) -> dict[str, Numbers]:
    """Columns of rows as a model was trained on them, by input: float32, or int64 for places in a vocabulary, tokens and
    `integers`.
    Each row is one line of numbers: what the model takes in another shape (images, say) is `reshape`d.

    :param features: `features` of a result of :func:`weighbridge.train`, or the path of its
        `fitted-features.json`, or of its `declaration.json` where nothing was fitted
    :param columns: values by column name: a dictionary of lists, or a data frame; images as PNG or JPEG bytes, or as paths
    :param tokenizers: the `tokenizer.json` files that the features name
    :param integers: inputs that the model takes as int32, int64 or bool: lists of numbers (`tensor`) are scaled for float32
        and left as they are for these. A `declaration.json` says which, features alone do not
    :raises WeighbridgeError: BAD_INPUT, MODEL_DOES_NOT_FIT for values that no run would take, CONFIG_INVALID for
        texts or images without `pip install "weighbridge[features]"`
    """
    by_input, declared = (features, set()) if isinstance(features, Mapping) else _read(features)
    whole = declared.union(integers)
    given = Tokenizers.read(tokenizers).by_digest
    return {
        name: np.concatenate([_made(one, columns, given, name in whole) for one in some], axis=1)
        for name, some in by_input.items()
    }


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, list[Json]], set[str]]:
    """Features by input of either file, and the inputs that take integers, which a declaration says."""
    try:
        read: Any = json.loads(Path(path).read_text())
        if not isinstance(read, dict):
            raise TypeError("no object")
    except (OSError, TypeError, ValueError) as error:
        raise bad_input(
            f"{path} is no file of features ({error})",
            "Give fitted-features.json or declaration.json of a training, or `features` of its result.",
        ) from error
    if not isinstance(read.get("features"), dict):
        return read, set()
    return read["features"], {one["name"] for one in read["inputs"] if one["dtype"] != "float32"}


def _made(feature: Json, columns: Any, tokenizers: Mapping[str, bytes], whole: bool) -> Numbers:
    kind, name = feature["kind"], feature["column"]
    try:
        values = columns[name]
    except KeyError:
        raise bad_input(f'there is no column "{name}"', "Give every column that the features name.") from None
    except (TypeError, IndexError):
        raise bad_input(
            f"a {type(columns).__name__} has no columns by name", "Give a dictionary of lists, or a data frame."
        ) from None
    if kind == "scale":
        return _scaled(_numbers(name, values, 1), feature)
    if kind == "tensor":
        lists = _numbers(name, values, math.prod(feature["shape"]))
        return _whole(lists, feature) if whole else _scaled(lists, feature)
    if kind == "one-hot":
        places = _places(name, values, feature["vocabulary"])
        return np.equal.outer(places, np.arange(len(feature["vocabulary"]))).astype(np.float32)
    if kind == "category":
        places = _places(name, values, feature["vocabulary"])
        places[places < 0] = feature["unknown"]
        return places[:, None]
    if kind == "standardise":
        raise bad_input(
            f'mean and deviation of column "{name}" are not here', "Give the features that came back with the weights."
        )
    if kind in ("text", "text-mask"):
        return token_ids(name, values, feature, tokenizers)
    if kind == "image":
        return pixels(name, values, feature)
    raise bad_input(f'a feature is of no known kind: "{kind}"', "Give the features that came back with the weights.")


def _scaled(values: Numbers, feature: Json) -> Numbers:
    low, high = float(feature["min"]), float(feature["max"])
    with np.errstate(over="ignore"):
        scaled: Numbers = ((values - low) / (high - low)).astype(np.float32)
    if not np.isfinite(scaled).all():
        raise _not_taken(feature["column"], "numbers within float32")
    return scaled


def _whole(values: Numbers, feature: Json) -> Numbers:
    low, high = feature["min"], feature["max"]
    if not ((values == np.trunc(values)) & (values >= low) & (values <= high)).all():
        raise _not_taken(feature["column"], f"whole numbers from {low} to {high}")
    return values.astype(np.int64)


def _numbers(name: str, values: Any, width: int) -> Numbers:
    try:
        made = [np.ravel(value) for value in values]
        # NumPy reads "1.5" as a number, a run does not.
        texts = any(part.dtype.kind in "US" or any(isinstance(one, str) for one in part.flat) for part in made)
        numbers = np.asarray(made, np.float64).reshape(-1, width)
    except (TypeError, ValueError):
        texts, numbers = True, np.empty((0, width))
    if texts or len(numbers) != len(values) or not np.isfinite(numbers).all():
        raise _not_taken(name, f"{width} finite numbers a row")
    return numbers


def _places(name: str, values: Any, vocabulary: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Of each value in the vocabulary; -1 outside of it, and for a missing one."""
    known = {word: place for place, word in enumerate(vocabulary)}
    of_words = isinstance(vocabulary[0], str)
    # A data frame's missing value is not equal to itself.
    present = [value for value in values if value is not None and value == value]
    if any(isinstance(value, str) is not of_words for value in present):
        raise _not_taken(name, "words" if of_words else "numbers")
    return np.array([known.get(value, -1) for value in values], np.int64)


def _not_taken(name: str, wanted: str) -> WeighbridgeError:
    return does_not_fit(f'column "{name}" holds something else than {wanted}', "Leave such rows out.")
