"""The `C` frame: the model declaration (src/training/model-declaration.ts) and the public facts of the dataset."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from .fields import FieldError, Fields, as_count, as_text
from .optimiser_config import Optimiser, Schedule, read_optimiser, read_schedule
from .privacy_config import Privacy, read_privacy
from .refusal import Reason, Refused, reject_model
from .transforms import (
    BinaryLabel,
    ClassLabel,
    ClassMapLabel,
    Feature,
    Image,
    Label,
    NumbersLabel,
    OneHot,
    Scale,
    Shape,
    Standardise,
    Tensor,
    Text,
    TokensLabel,
    read_feature,
    read_label,
    read_shape,
)

_DTYPES = ("float32", "int32", "int64", "bool")
_FLOAT_FEATURES = (Scale, Standardise, OneHot, Image)
_LABELS_OF: dict[str, tuple[type, ...]] = {
    "cross-entropy": (ClassLabel, ClassMapLabel),
    "bce": (BinaryLabel,),
    "mse": (NumbersLabel,),
    "huber": (NumbersLabel,),
    "next-token": (TokensLabel,),
}


@dataclass(frozen=True)
class Input:
    """One graph input and the features that fill a row of it, in order, row-major."""

    name: str
    shape: Shape
    dtype: str
    features: tuple[Feature, ...]

    @property
    def width(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Loss:
    name: str
    delta: float = 1.0


@dataclass(frozen=True)
class HeldOut:
    """Pieces of rows that do not train; they come after those that do."""

    pieces: int
    rows: int


@dataclass(frozen=True)
class Config:
    graph_digest: str
    weights_digest: str
    trainable: tuple[str, ...]
    inputs: tuple[Input, ...]
    label: Label
    loss: Loss
    optimiser: Optimiser
    schedule: Schedule
    epochs: int
    batch_rows: int
    micro_batch_rows: int | None
    seed: int
    precision: str
    returns_all: bool
    privacy: Privacy | None
    pieces: int
    rows: int
    held_out: HeldOut | None = None
    """Only where a metric is bought."""

    def of_held_out(self, held_out: HeldOut) -> "Config":
        """The same features and labels of other rows."""
        return replace(self, pieces=held_out.pieces, rows=held_out.rows, held_out=None)

    def input(self, name: str) -> Input:
        return next(item for item in self.inputs if item.name == name)


def parse_config(body: bytes) -> Config:
    """The host validated the declaration with its schema and its fit check; here it is read again, as strictly.

    :raises Refused: MODEL_REJECTED for a declaration that the trainer cannot take, TRAINER_FAILED for another fault
    """
    try:
        fields = Fields(json.loads(body))
        declaration, pieces, rows = fields.any("declaration"), fields.count("pieces"), fields.count("rows")
        held_out = _held_out(fields.optional("heldOut"))
        fields.done()
    except (ValueError, RecursionError):
        raise Refused(Reason.TRAINER_FAILED, "config") from None
    try:
        config = replace(_config(Fields(declaration), pieces, rows), held_out=held_out)
    except (FieldError, TypeError) as error:
        raise reject_model(f"declaration: {error}") from None
    _check_agreement(config)
    return config


def _held_out(value: Any) -> HeldOut | None:
    if value is None:
        return None
    fields = Fields(value)
    held_out = HeldOut(fields.count("pieces"), fields.count("rows"))
    fields.done()
    return held_out


def _config(fields: Fields, pieces: int, rows: int) -> Config:
    if fields.any("version") != 1:
        raise FieldError("version")
    # Second names for tensors: they concern whoever loads the file.
    Fields(fields.any("tied"))
    features = Fields(fields.any("features"))
    inputs = fields.many("inputs", lambda value: _input(value, features), most=16)
    features.done()
    micro = fields.any("microBatchRows")
    config = Config(
        graph_digest=fields.text("graph"),
        weights_digest=fields.text("weights"),
        trainable=fields.many("trainable", as_text, most=10_000),
        inputs=inputs,
        label=read_label(fields.any("label")),
        loss=_loss(fields.any("loss")),
        optimiser=read_optimiser(fields.any("optimiser")),
        schedule=read_schedule(fields.any("schedule")),
        epochs=fields.count("epochs", high=10_000),
        batch_rows=fields.count("batchRows", high=65_536),
        micro_batch_rows=None if micro is None else as_count(micro, high=65_536),
        seed=fields.count("seed", 0, 2**32 - 1),
        precision=fields.one_of("precision", ("float32", "bfloat16")),
        returns_all=fields.one_of("return", ("trainable", "all")) == "all",
        privacy=read_privacy(fields.any("privacy")),
        pieces=pieces,
        rows=rows,
    )
    fields.done()
    return config


def _input(value: Any, features: Fields) -> Input:
    fields = Fields(value)
    name = fields.text("name")
    shape, dtype = read_shape(fields, "shape"), fields.one_of("dtype", _DTYPES)
    fields.done()
    return Input(name, shape, dtype, features.many(name, read_feature))


def _loss(value: Any) -> Loss:
    fields = Fields(value)
    name = fields.one_of("name", _LABELS_OF)
    loss = Loss(name, fields.positive("delta")) if name == "huber" else Loss(name)
    fields.done()
    return loss


def _check_agreement(config: Config) -> None:
    """:raises Refused: MODEL_REJECTED"""
    if len({item.name for item in config.inputs}) != len(config.inputs):
        raise reject_model("declaration: input twice")
    if len(set(config.trainable)) != len(config.trainable):
        raise reject_model("declaration: trainable twice")
    if not isinstance(config.label, _LABELS_OF[config.loss.name]):
        raise reject_model("declaration: the loss is of another label")
    for item in config.inputs:
        _check_input(item)
    _check_privacy(config)
    if isinstance(config.label, TokensLabel):
        _check_tokens(config, config.label)


def _check_privacy(config: Config) -> None:
    if (config.privacy is None or config.privacy.metric is None) != (config.held_out is None):
        raise reject_model("declaration: a metric without rows that are held out, or the other way round")
    standardised = any(isinstance(one, Standardise) for item in config.inputs for one in item.features)
    if (config.privacy is not None and config.privacy.moments_noise is not None) != standardised:
        raise reject_model("declaration: mean and deviation of a column without noise, or noise for none")
    if config.privacy is None:
        return
    if config.precision != "float32":
        raise reject_model("declaration: private training is in float32")
    batch_rows = min(config.batch_rows, config.rows)
    steps = config.epochs * -(-config.rows // batch_rows)
    if config.privacy.sampling_rate != batch_rows / config.rows or config.privacy.steps != steps:
        raise reject_model("declaration: sampling rate or steps are not those of the batch and the epochs")


def _check_input(item: Input) -> None:
    if item.width != sum(feature.width for feature in item.features):
        raise reject_model("declaration: features do not fill the input")
    for feature in item.features:
        if item.dtype not in _dtypes_of(feature):
            raise reject_model("declaration: a feature of another type than its input")
        if isinstance(feature, Tensor):
            _check_bounds(feature, item.dtype)


def _dtypes_of(feature: Feature) -> tuple[str, ...]:
    if isinstance(feature, Tensor):
        return _DTYPES
    if isinstance(feature, _FLOAT_FEATURES):
        return ("float32",)
    masks = ("bool",) if isinstance(feature, Text) and feature.mask else ()
    return ("int32", "int64", *masks)


def _check_bounds(feature: Tensor, dtype: str) -> None:
    limit = {"float32": math.inf, "bool": 1.0}.get(dtype, 2.0**31 - 1)
    whole = dtype == "float32" or (feature.low.is_integer() and feature.high.is_integer())
    ordered = feature.low < feature.high if dtype == "float32" else feature.low <= feature.high
    if not (whole and ordered and -limit - 1 <= feature.low and feature.high <= limit):
        raise reject_model("declaration: bounds of a tensor")


def _check_tokens(config: Config, label: TokensLabel) -> None:
    named = [item for item in config.inputs if item.name == label.input]
    if not named or named[0].dtype not in ("int32", "int64") or len(named[0].shape) != 1 or named[0].width < 2:
        raise reject_model("declaration: the label is not an input of tokens")
