"""The closed list of column transforms and labels, as job.json spells them (src/training/declaration). Constants only:
what they do to rows is features.py."""

import math
from dataclasses import dataclass
from typing import Any

from .fields import FieldError, Fields, as_count, as_number, as_text, as_word

Word = str | int | float
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Scale:
    """(x - low) / (high - low), one float32."""

    column: str
    low: float
    high: float
    width: int = 1


@dataclass(frozen=True)
class Standardise:
    """(x - mean) / deviation, one float32: both fitted on the rows, where a number counts as between low and high."""

    column: str
    low: float
    high: float
    width: int = 1

    @property
    def middle(self) -> float:
        return self.low / 2 + self.high / 2


@dataclass(frozen=True)
class OneHot:
    """One float32 a word, 1 at the match."""

    column: str
    vocabulary: tuple[Word, ...]

    @property
    def width(self) -> int:
        return len(self.vocabulary)


@dataclass(frozen=True)
class Category:
    """Position in the vocabulary, one integer."""

    column: str
    vocabulary: tuple[Word, ...]
    unknown: int
    width: int = 1


@dataclass(frozen=True)
class Tensor:
    """A list of numbers of one length a row."""

    column: str
    shape: Shape
    low: float
    high: float

    @property
    def width(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Text:
    """Ids of a text's tokens, cut and filled up to one length; as a mask, 1 where an id stands."""

    column: str
    tokenizer: str
    """SHA-256 of the tokenizer.json."""
    length: int
    pad: int
    mask: bool
    largest_id: int | None = None
    """Of the tokenizer, once it is there."""

    @property
    def width(self) -> int:
        return self.length


@dataclass(frozen=True)
class Image:
    """An encoded image, brought to one size, channel by channel."""

    column: str
    rows: int
    columns: int
    channels: int
    resize: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def width(self) -> int:
        return self.channels * self.rows * self.columns


Feature = Scale | Standardise | OneHot | Category | Tensor | Text | Image
MAX_LENGTH, MAX_SIDE = 1 << 16, 4_096


@dataclass(frozen=True)
class ClassLabel:
    column: str
    classes: tuple[Word, ...]


@dataclass(frozen=True)
class ClassMapLabel:
    column: str
    shape: Shape
    classes: int


@dataclass(frozen=True)
class BinaryLabel:
    columns: tuple[tuple[str, Word], ...]
    """Column and its positive word."""


@dataclass(frozen=True)
class NumbersLabel:
    columns: tuple[Scale, ...]


@dataclass(frozen=True)
class TokensLabel:
    input: str
    pad: int | None


Label = ClassLabel | ClassMapLabel | BinaryLabel | NumbersLabel | TokensLabel


def read_feature(value: Any) -> Feature:
    """:raises FieldError:"""
    fields = Fields(value)
    kind, column = fields.text("kind"), fields.text("column")
    feature: Feature
    if kind == "scale":
        feature = _scale(column, fields)
    elif kind == "standardise":
        feature = Standardise(column, *_range(fields))
    elif kind == "one-hot":
        feature = OneHot(column, _words(fields, "vocabulary"))
    elif kind == "category":
        feature = Category(column, _words(fields, "vocabulary"), fields.count("unknown", low=0))
    elif kind == "tensor":
        feature = Tensor(column, read_shape(fields, "shape"), fields.number("min"), fields.number("max"))
    elif kind in ("text", "text-mask"):
        feature = _text(column, fields, kind == "text-mask")
    elif kind == "image":
        feature = _image(column, fields)
    else:
        raise FieldError("unknown feature")
    fields.done()
    return feature


def read_label(value: Any) -> Label:
    """:raises FieldError:"""
    fields = Fields(value)
    kind = fields.text("kind")
    label: Label
    if kind == "class":
        label = ClassLabel(fields.text("column"), _words(fields, "classes", least=2))
    elif kind == "class-map":
        label = ClassMapLabel(fields.text("column"), read_shape(fields, "shape"), fields.count("classes", 2, 4096))
    elif kind == "binary":
        label = BinaryLabel(fields.many("columns", _positive))
    elif kind == "numbers":
        label = NumbersLabel(fields.many("columns", _target))
    elif kind == "tokens":
        pad = fields.any("pad")
        label = TokensLabel(fields.text("input"), None if pad is None else as_count(pad, low=0))
    else:
        raise FieldError("unknown label")
    fields.done()
    return label


def read_shape(fields: Fields, name: str) -> Shape:
    return fields.many(name, as_count, most=4)


def _scale(column: str, fields: Fields) -> Scale:
    return Scale(column, *_range(fields))


def _range(fields: Fields) -> tuple[float, float]:
    low, high = fields.number("min"), fields.number("max")
    if not low < high:
        raise FieldError("empty range")
    return low, high


def _text(column: str, fields: Fields, mask: bool) -> Text:
    digest, length = fields.text("tokenizer"), fields.count("length", high=MAX_LENGTH)
    return Text(column, digest, length, fields.count("pad", low=0), mask)


def _image(column: str, fields: Fields) -> Image:
    rows, columns = fields.count("height", high=MAX_SIDE), fields.count("width", high=MAX_SIDE)
    channels, resize = fields.count("channels", high=3), fields.one_of("resize", ("bilinear", "nearest"))
    mean, std = fields.many("mean", as_number, most=3), fields.many("std", as_number, most=3)
    if channels == 2 or len(mean) != channels or len(std) != channels or min(std) <= 0:
        raise FieldError("image channels")
    return Image(column, rows, columns, channels, resize, mean, std)


def _words(fields: Fields, name: str, least: int = 1) -> tuple[Word, ...]:
    words = fields.many(name, as_word, least)
    # One type a vocabulary: a column is text or numbers, and each word stands once.
    if len({isinstance(word, str) for word in words}) != 1 or len(set(words)) != len(words):
        raise FieldError("vocabulary")
    return words


def _positive(value: Any) -> tuple[str, Word]:
    fields = Fields(value)
    pair = as_text(fields.any("column")), as_word(fields.any("positive"))
    fields.done()
    return pair


def _target(value: Any) -> Scale:
    fields = Fields(value)
    target = _scale(fields.text("column"), fields)
    fields.done()
    return target
