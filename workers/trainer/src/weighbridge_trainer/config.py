"""The `C` frame: the model declaration (src/training/model-declaration.ts) and the public facts of the dataset."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from .fields import FieldError, Fields, as_count, as_text
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
    Tensor,
    Text,
    TokensLabel,
    read_feature,
    read_label,
    read_shape,
)

_DTYPES = ("float32", "int32", "int64", "bool")
_FLOAT_FEATURES = (Scale, OneHot, Image)
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
class Optimiser:
    name: str
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Schedule:
    name: str
    warmup_steps: int = 0
    final_fraction: float = 0.0
    every_steps: int = 1
    factor: float = 1.0


@dataclass(frozen=True)
class Metric:
    """A number about rows that are held out, with noise of its own."""

    name: str
    bound: float
    """A row counts as so much at most."""
    noise_multiplier: float


@dataclass(frozen=True)
class Privacy:
    """DP-SGD as declared; the host holds the numbers against epsilon, delta and the seller's terms."""

    noise_multiplier: float
    clipping_norm: float
    sampling_rate: float
    steps: int
    unit_column: str | None = None
    unit_max_rows: int = 1
    metric: Metric | None = None


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
        optimiser=_optimiser(fields.any("optimiser")),
        schedule=_schedule(fields.any("schedule")),
        epochs=fields.count("epochs", high=10_000),
        batch_rows=fields.count("batchRows", high=65_536),
        micro_batch_rows=None if micro is None else as_count(micro, high=65_536),
        seed=fields.count("seed", 0, 2**32 - 1),
        precision=fields.one_of("precision", ("float32", "bfloat16")),
        returns_all=fields.one_of("return", ("trainable", "all")) == "all",
        privacy=_privacy(fields.any("privacy")),
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
    loss = Loss(name, _positive(fields, "delta")) if name == "huber" else Loss(name)
    fields.done()
    return loss


def _optimiser(value: Any) -> Optimiser:
    fields = Fields(value)
    name = fields.one_of("name", ("sgd", "adam", "adamw"))
    rate, decay = _positive(fields, "learningRate"), fields.number("weightDecay", 0)
    if name == "sgd":
        momentum, nesterov = _fraction(fields, "momentum"), fields.flag("nesterov")
        optimiser = Optimiser(name, rate, decay, momentum, nesterov)
    else:
        betas = _fraction(fields, "beta1"), _fraction(fields, "beta2")
        optimiser = Optimiser(name, rate, decay, 0.0, False, *betas, _positive(fields, "epsilon"))
    fields.done()
    return optimiser


def _schedule(value: Any) -> Schedule:
    fields = Fields(value)
    name = fields.one_of("name", ("constant", "cosine", "linear", "step"))
    if name == "step":
        schedule = Schedule(name, every_steps=fields.count("everySteps"), factor=_share(fields, "factor"))
    elif name == "constant":
        schedule = Schedule(name)
    else:
        warmup = fields.count("warmupSteps", low=0)
        schedule = Schedule(name, warmup, fields.number("finalFraction", 0, 1))
    fields.done()
    return schedule


def _privacy(value: Any) -> Privacy | None:
    if value == "none":
        return None
    fields = Fields(value)
    # Epsilon and delta follow from the rest; the host checked that they do.
    fields.number("epsilon", 0)
    fields.number("delta", 0, 1)
    noise, norm = fields.number("noiseMultiplier", 0.1, 1e3), fields.number("clippingNorm", 1e-6, 1e6)
    rate, steps = _share(fields, "samplingRate"), fields.count("steps", high=10_000_000)
    unit, metric = Fields(fields.any("unit")), _metric(fields.optional("metric"))
    fields.done()
    if unit.one_of("kind", ("row", "column")) == "row":
        unit.done()
        return Privacy(noise, norm, rate, steps, metric=metric)
    privacy = Privacy(noise, norm, rate, steps, unit.text("column"), unit.count("maxRows", high=256), metric)
    unit.done()
    return privacy


def _metric(value: Any) -> Metric | None:
    if value is None:
        return None
    fields = Fields(value)
    name = fields.one_of("name", ("accuracy", "loss"))
    metric = Metric(name, _positive(fields, "bound"), fields.number("noiseMultiplier", 0.1, 1e3))
    fields.done()
    if name == "accuracy" and metric.bound != 1:
        raise FieldError("the bound of an accuracy is not 1")
    return metric


def _positive(fields: Fields, name: str) -> float:
    value = fields.number(name)
    if value <= 0:
        raise FieldError(f"{name} is not above 0")
    return value


def _share(fields: Fields, name: str) -> float:
    value = _positive(fields, name)
    if value > 1:
        raise FieldError(f"{name} is above 1")
    return value


def _fraction(fields: Fields, name: str) -> float:
    value = fields.number(name, 0)
    if value >= 1:
        raise FieldError(f"{name} is not below 1")
    return value


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
