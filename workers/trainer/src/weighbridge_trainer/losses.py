"""The loss of one row, from the closed list. A row's loss is the mean over its own numbers: no other row is in it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .config import Config
from .program import Inputs, Program, Weights
from .refusal import reject_model
from .transforms import Category, ClassLabel, ClassMapLabel, Feature, Tensor, Text, TokensLabel

# Weights that train, weights that stay, one row of each input, its target, and a key for dropout or None.
RowLoss = Callable[[Weights, Weights, Inputs, Array, Array | None], Array]


def row_loss(program: Program, config: Config) -> RowLoss:
    """:raises Refused: MODEL_REJECTED if the graph's output is not what the label needs"""
    _check_output(program, config)
    return _of_output(program, config, _MEASURES[config.loss.name])


def row_correct(program: Program, config: Config) -> RowLoss:
    """The share of a row's own answers that are right: in a form as its loss has.

    :raises Refused: MODEL_REJECTED if there is no right answer to the label
    """
    _check_output(program, config)
    is_right = _RIGHT.get(config.loss.name)
    if is_right is None:
        raise reject_model("declaration: no answer to this label is right or wrong")

    return _of_output(program, config, is_right)


def _of_output(program: Program, config: Config, measure: Callable[[Array, Array, Config], Array]) -> RowLoss:
    def value(trainable: Weights, frozen: Weights, row: Inputs, target: Array, key: Array | None) -> Array:
        output = program.run({**frozen, **trainable}, row, key, config.precision)
        if isinstance(config.label, TokensLabel):
            target = row[config.label.input]
        return measure(output, target, config)

    return value


def _class_is_right(logits: Array, target: Array, _config: Config) -> Array:
    return (jnp.argmax(logits, 0) == target).mean(dtype=jnp.float32)


def _sign_is_right(output: Array, target: Array, _config: Config) -> Array:
    return ((output > 0) == (target > 0)).mean(dtype=jnp.float32)


def _next_is_right(logits: Array, tokens: Array, config: Config) -> Array:
    following, counts = _following(tokens, config)
    right = jnp.argmax(logits[:-1], -1) == following
    return (right & counts).sum() / jnp.maximum(counts.sum(), 1)


_RIGHT: dict[str, Callable[[Array, Array, Config], Array]] = {
    "cross-entropy": _class_is_right,
    "bce": _sign_is_right,
    "next-token": _next_is_right,
}


def _cross_entropy(logits: Array, target: Array, _config: Config) -> Array:
    # Classes first, as PyTorch has them; places, if there are any, after.
    places = jnp.moveaxis(logits, 0, -1)
    losses: Array = optax.softmax_cross_entropy_with_integer_labels(places, target)
    return losses.mean()


def _bce(logits: Array, target: Array, _config: Config) -> Array:
    losses: Array = optax.sigmoid_binary_cross_entropy(logits, target)
    return losses.mean()


def _mse(output: Array, target: Array, _config: Config) -> Array:
    return jnp.square(output - target).mean()


def _huber(output: Array, target: Array, config: Config) -> Array:
    losses: Array = optax.huber_loss(output, target, delta=config.loss.delta)
    return losses.mean()


def _next_token(logits: Array, tokens: Array, config: Config) -> Array:
    following, counts = _following(tokens, config)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits[:-1], following)
    return jnp.where(counts, losses, 0).sum() / jnp.maximum(counts.sum(), 1)


def _following(tokens: Array, config: Config) -> tuple[Array, Array]:
    """What comes after each token, and whether it counts."""
    pad = config.label.pad if isinstance(config.label, TokensLabel) else None
    following = tokens[1:]
    return following, jnp.ones(following.shape, jnp.bool_) if pad is None else following != pad


_MEASURES: dict[str, Callable[[Array, Array, Config], Array]] = {
    "cross-entropy": _cross_entropy,
    "bce": _bce,
    "mse": _mse,
    "huber": _huber,
    "next-token": _next_token,
}


def _check_output(program: Program, config: Config) -> None:
    shape = program.output_shape
    match config.label:
        case ClassLabel(classes=classes):
            fits = shape == (len(classes),)
        case ClassMapLabel(shape=places, classes=count):
            fits = shape == (count, *places)
        case TokensLabel(input=name):
            tokens = config.input(name)
            # A token without a logit has no loss: bounds are public, so this is known before a row is.
            fits = len(shape) == 2 and shape[0] == tokens.width and max(map(_bound, tokens.features)) < shape[1]
        case _:
            fits = shape == (len(config.label.columns),)
    if not fits:
        raise reject_model("graph: the output is not what the label needs")


def _bound(feature: Feature) -> int:
    """The largest integer that a feature can make."""
    match feature:
        case Category():
            return max(len(feature.vocabulary) - 1, feature.unknown)
        case Tensor():
            return int(feature.high)
        case Text():
            # Of the tokenizer, which is looked at when it is there: text.py.
            return -1
        case _:
            raise reject_model("declaration: tokens from numbers")


def row_keys(key: Array, rows: Array) -> Array:
    """One key a row, of the row's own number: how a batch is cut up changes no draw."""
    return jax.vmap(lambda row: jax.random.fold_in(key, row))(rows)
