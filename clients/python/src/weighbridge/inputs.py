"""Rows as the inputs of a trained model: the transforms of docs/model-format.md, for whoever uses the model."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .encoded_inputs import pixels, token_ids
from .errors import bad_input, does_not_fit
from .tokenizers import Tokenizers

Json = dict[str, Any]
Numbers = npt.NDArray[Any]


def inputs(
    features: Mapping[str, Sequence[Json]] | str | os.PathLike[str],
    columns: Mapping[str, Sequence[Any]] | Any,
    *,
    tokenizers: Sequence[str | os.PathLike[str]] = (),
) -> dict[str, Numbers]:
    """Columns of rows as a model was trained on them, by input: float32, or int64 for places in a vocabulary and tokens.
    Each row is one line of numbers: what the model takes in another shape (images, say) is `reshape`d.

    :param features: `features` of a result of :func:`weighbridge.train`, or the path of its `fitted-features.json`
    :param columns: values by column name: a dictionary of lists, or a data frame; images as PNG or JPEG bytes, or as paths
    :param tokenizers: the `tokenizer.json` files that the features name
    :raises WeighbridgeError: BAD_INPUT, MODEL_DOES_NOT_FIT for values that no run would take, CONFIG_INVALID for
        texts or images without `pip install "weighbridge[features]"`
    """
    by_input = features if isinstance(features, Mapping) else _read(features)
    given = Tokenizers.read(tokenizers).by_digest
    return {name: np.concatenate([_made(one, columns, given) for one in some], axis=1) for name, some in by_input.items()}


def _read(path: str | os.PathLike[str]) -> dict[str, list[Json]]:
    try:
        read: dict[str, list[Json]] = json.loads(Path(path).read_text())
    except (OSError, TypeError, ValueError) as error:
        raise bad_input(
            f"{path} is no file of features ({error})", "Give fitted-features.json of a training, or `features` of its result."
        ) from error
    return read


def _made(feature: Json, columns: Any, tokenizers: Mapping[str, bytes]) -> Numbers:
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
        return _scaled(_numbers(name, values, math.prod(feature["shape"])), feature)
    if kind == "one-hot":
        return np.equal.outer(_places(values, feature["vocabulary"]), np.arange(len(feature["vocabulary"]))).astype(np.float32)
    if kind == "category":
        places = _places(values, feature["vocabulary"])
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
    return scaled


def _numbers(name: str, values: Any, width: int) -> Numbers:
    try:
        numbers = np.asarray([np.ravel(value) for value in values], np.float64).reshape(-1, width)
    except (TypeError, ValueError):
        numbers = np.full((1, width), np.nan)
    if len(numbers) != len(values) or not np.isfinite(numbers).all():
        raise does_not_fit(f'column "{name}" holds something else than {width} finite numbers a row', "Leave such rows out.")
    return numbers


def _places(values: Any, vocabulary: Sequence[Any]) -> npt.NDArray[np.int64]:
    """Of each value in the vocabulary; -1 outside of it."""
    known = {word: place for place, word in enumerate(vocabulary)}
    return np.array([known.get(value, -1) for value in values], np.int64)
