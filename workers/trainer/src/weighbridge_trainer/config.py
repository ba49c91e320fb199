"""The `C` frame: the model declaration (src/training/model-declaration.ts) and the public facts of the dataset."""

import json
import math
from dataclasses import dataclass
from typing import Any

from .refusal import Reason, Refused, reject_model

Word = str | int | float


@dataclass(frozen=True)
class Scale:
    """(x - low) / (high - low), one float32."""

    column: str
    low: float
    high: float
    width: int = 1


@dataclass(frozen=True)
class OneHot:
    """One float32 a word, 1 at the match."""

    column: str
    vocabulary: tuple[Word, ...]

    @property
    def width(self) -> int:
        return len(self.vocabulary)


Feature = Scale | OneHot


@dataclass(frozen=True)
class Optimiser:
    name: str
    learning_rate: float
    momentum: float


@dataclass(frozen=True)
class Config:
    graph_digest: str
    weights_digest: str
    trainable: tuple[str, ...]
    input_name: str
    input_shape: tuple[int, ...]
    features: tuple[Feature, ...]
    label_column: str
    classes: tuple[Word, ...]
    optimiser: Optimiser
    epochs: int
    batch_rows: int
    seed: int
    pieces: int
    rows: int


def parse_config(body: bytes) -> Config:
    """The host validated the declaration with its schema; here only what the trainer relies on is looked at again.

    :raises Refused: MODEL_REJECTED for a declaration that the trainer cannot take, TRAINER_FAILED for another fault
    """
    try:
        fields = json.loads(body)
        declaration = fields["declaration"]
        config = _config(declaration, fields)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused(Reason.TRAINER_FAILED, "config") from None
    if declaration["version"] != 1 or declaration["loss"] != "cross-entropy" or declaration["privacy"] != "none":
        raise reject_model("declaration: version, loss or privacy")
    if math.prod(config.input_shape) != sum(feature.width for feature in config.features):
        raise reject_model("declaration: features do not fill the input")
    if len(set(config.trainable)) != len(config.trainable):
        raise reject_model("declaration: trainable twice")
    return config


def _config(declaration: dict[str, Any], fields: dict[str, Any]) -> Config:
    optimiser = declaration["optimiser"]
    return Config(
        graph_digest=declaration["graph"],
        weights_digest=declaration["weights"],
        trainable=tuple(declaration["trainable"]),
        input_name=declaration["input"]["name"],
        input_shape=tuple(declaration["input"]["shape"]),
        features=tuple(_feature(feature) for feature in declaration["features"]),
        label_column=declaration["label"]["column"],
        classes=tuple(declaration["label"]["classes"]),
        optimiser=Optimiser(optimiser["name"], float(optimiser["learningRate"]), float(optimiser.get("momentum", 0))),
        epochs=_count(declaration["epochs"]),
        batch_rows=_count(declaration["batchRows"]),
        seed=int(declaration["seed"]),
        pieces=_count(fields["pieces"]),
        rows=_count(fields["rows"]),
    )


def _feature(fields: dict[str, Any]) -> Feature:
    if fields["kind"] == "scale":
        low, high = float(fields["min"]), float(fields["max"])
        if not low < high:
            raise reject_model("declaration: empty range")
        return Scale(fields["column"], low, high)
    if fields["kind"] == "one-hot":
        return OneHot(fields["column"], tuple(fields["vocabulary"]))
    raise reject_model("declaration: unknown feature")


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("not a count")
    return value
