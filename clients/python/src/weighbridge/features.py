"""From a dataset's public schema to features and labels, with the seller's declared ranges and vocabularies as the only
constants. The same defaults as the command line's (`src/training/recipes/schema-features.ts`; a test compares them)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .datasets import Dataset
from .errors import WeighbridgeError, bad_input, does_not_fit
from .feature_forms import assert_whole, how_to_write, most_telling, width_of, widths_of

Json = dict[str, Any]
#: One feature: the name of a column, encoded as its type suggests, or a feature of docs/model-format.md spelt out.
FeatureSpec = str | Mapping[str, Any]

_MAX_CLASSES = 4096
#: Where a word outside the vocabulary goes: to its first.
_UNKNOWN = 0


def features_for(
    inputs: list[Json],
    dataset: Dataset,
    label_columns: set[str],
    given: Mapping[str, Sequence[FeatureSpec]] | Sequence[FeatureSpec] | None,
) -> dict[str, list[Json]]:
    """`features` of a declaration: for every input of the graph the features that fill it.

    :raises WeighbridgeError: BAD_INPUT, MODEL_DOES_NOT_FIT
    """
    features = _features(inputs, dataset, label_columns, given)
    for declared in inputs:
        width = sum(map(width_of, features[declared["name"]]))
        if width != math.prod(declared["shape"]):
            told = widths_of(features[declared["name"]])
            raise does_not_fit(
                f"the features of {declared['name']} are {width} numbers wide, the model takes {math.prod(declared['shape'])}",
                f"Name the columns with features=..., or export a model of that width: {told}.",
            )
    return features


def _features(
    inputs: list[Json],
    dataset: Dataset,
    label_columns: set[str],
    given: Mapping[str, Sequence[FeatureSpec]] | Sequence[FeatureSpec] | None,
) -> dict[str, list[Json]]:
    if given is None:
        return {_only(inputs)["name"]: _whole_schema(_only(inputs), dataset, label_columns)}
    by_input = given if isinstance(given, Mapping) else {_only(inputs)["name"]: given}
    known = {declared["name"]: declared for declared in inputs}
    if by_input.keys() != known.keys():
        raise bad_input(
            f"features are given for {sorted(by_input)}, the model's inputs are {sorted(known)}",
            "Give a list of features for each input, by its name.",
        )
    return {name: [_spelt_out(one, known[name], dataset) for one in specs] for name, specs in by_input.items()}


def standardised(features: dict[str, list[Json]], privacy: Any) -> dict[str, list[Json]]:
    """With mean and deviation fitted on the rows where the run pays for that: of the columns that are `standardise`, or else of
    all that are `scale`.

    :param privacy: as declared
    :raises WeighbridgeError: MODEL_DOES_NOT_FIT
    """
    pays = privacy != "none" and "moments" in privacy
    kinds = {feature["kind"] for declared in features.values() for feature in declared}
    if not pays and "standardise" in kinds:
        raise does_not_fit(
            "mean and deviation of private rows are fitted with noise, or not at all",
            "Give standardise_epsilon=0.3, or so, with privacy=...; or constants: {'kind': 'scale', ...}.",
        )
    if not pays or "standardise" in kinds:
        return features
    if "scale" not in kinds:
        raise does_not_fit(
            "no column of numbers is scaled; labels and lists of numbers are never standardised",
            "Leave standardise_epsilon out, or name such columns as features.",
        )
    return {
        name: [{**one, "kind": "standardise"} if one["kind"] == "scale" else one for one in declared]
        for name, declared in features.items()
    }


def label_for(loss: str, inputs: list[Json], dataset: Dataset, given: str | Mapping[str, Any] | None) -> Json:
    """`label` of a declaration. :raises WeighbridgeError: BAD_INPUT, MODEL_DOES_NOT_FIT"""
    if isinstance(given, Mapping):
        return dict(given)
    if loss == "next-token":
        return {"kind": "tokens", "input": given or _only(inputs)["name"], "pad": None}
    name = given or dataset.label
    if name is None:
        raise bad_input("the dataset has no label column of its own", "Name the column to predict with label=...")
    column = column_of(dataset, name)
    if loss == "cross-entropy":
        return {"kind": "class", "column": name, "classes": _classes_of(column)}
    if loss == "bce":
        words = _classes_of(column)
        if len(words) != 2:
            raise does_not_fit(
                f'column "{name}" has {len(words)} classes', "Spell the label out: label={'kind': 'binary', ...}."
            )
        return {"kind": "binary", "columns": [{"column": name, "positive": words[1]}]}
    low, high = _range_of(column)
    return {"kind": "numbers", "columns": [{"column": name, "min": low, "max": high}]}


def columns_of_label(label: Json) -> set[str]:
    """Columns that must not be features too."""
    if label["kind"] in ("class", "class-map"):
        return {label["column"]}
    return {one["column"] for one in label.get("columns", [])}


def column_of(dataset: Dataset, name: str) -> Json:
    """:raises WeighbridgeError: MODEL_DOES_NOT_FIT if there is none of that name"""
    found = next((column for column in dataset.columns if column["name"] == name), None)
    if found is None:
        names = ", ".join(column["name"] for column in dataset.columns[:8])
        raise does_not_fit(f'the dataset has no column "{name}"', f"Use the columns of its schema: {names}, ...")
    return found


def _only(inputs: list[Json]) -> Json:
    if len(inputs) == 1:
        return inputs[0]
    names = ", ".join(declared["name"] for declared in inputs)
    raise bad_input(
        f"the model has {len(inputs)} inputs ({names})", "Say which columns fill which: features={input: [columns]}."
    )


def _whole_schema(declared: Json, dataset: Dataset, label_columns: set[str]) -> list[Json]:
    others = [column for column in dataset.columns if column["name"] not in label_columns]
    encode = _number_feature if declared["dtype"] == "float32" else _integer_feature
    features = [feature for feature in map(encode, others) if feature is not None]
    if not features:
        raise does_not_fit(
            "no column has a declared range or vocabulary",
            how_to_write(most_telling(others), declared)
            if others
            else "Choose a dataset that has more columns than the one to predict.",
        )
    return features


def _spelt_out(spec: FeatureSpec, declared: Json, dataset: Dataset) -> Json:
    if isinstance(spec, Mapping):
        return assert_whole(dict(spec), dataset.columns)
    column = column_of(dataset, spec)
    feature = (_number_feature if declared["dtype"] == "float32" else _integer_feature)(column)
    if feature is None:
        raise does_not_fit(
            f'the seller declares no range or vocabulary of column "{spec}"',
            how_to_write(column, declared),
        )
    return feature


def _number_feature(column: Json) -> Json | None:
    if "vocabulary" in column:
        return {"kind": "one-hot", "column": column["name"], "vocabulary": column["vocabulary"]}
    if column["type"] == "boolean":
        return {"kind": "scale", "column": column["name"], "min": 0, "max": 1}
    if column["type"] not in ("number", "integer") or "range" not in column:
        return None
    low, high = column["range"]["min"], column["range"]["max"]
    return {"kind": "scale", "column": column["name"], "min": low, "max": high} if low < high else None


def _integer_feature(column: Json) -> Json | None:
    if "vocabulary" not in column:
        return None
    words = column["vocabulary"]
    return {"kind": "category", "column": column["name"], "vocabulary": words, "unknown": _UNKNOWN}


def _classes_of(column: Json) -> list[Any]:
    if len(column.get("vocabulary", [])) >= 2:
        return list(column["vocabulary"])
    if column["type"] == "boolean":
        return [0, 1]
    if column["type"] == "integer" and "range" in column:
        low, high = column["range"]["min"], column["range"]["max"]
        if float(low).is_integer() and 2 <= high - low + 1 <= _MAX_CLASSES and float(high - low).is_integer():
            return list(range(int(low), int(high) + 1))
    raise does_not_fit(
        f'column "{column["name"]}" has no declared vocabulary or integer range of 2 to {_MAX_CLASSES} classes',
        "Choose a label column with declared classes.",
    )


def _range_of(column: Json) -> tuple[float, float]:
    if "range" in column and column["range"]["min"] < column["range"]["max"]:
        return column["range"]["min"], column["range"]["max"]
    raise WeighbridgeError(
        "MODEL_DOES_NOT_FIT",
        f'the seller declares no range of column "{column["name"]}"',
        next="Spell the label out: label={'kind': 'numbers', 'columns': [{'column': ..., 'min': ..., 'max': ...}]}.",
    )
