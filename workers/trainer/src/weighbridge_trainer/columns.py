"""Arrow columns as numbers. A seller's file is hostile too: whatever does not hold what was declared is one refusal."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .refusal import Reason, Refused
from .transforms import Word

Floats64 = npt.NDArray[np.float64]


def does_not_fit(detail: str) -> Refused:
    return Refused(Reason.DATA_DOES_NOT_FIT, detail)


def numbers(column: pa.Array) -> Floats64:
    """A numeric or boolean column as float64; null becomes NaN."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise does_not_fit("a column of numbers holds something else")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def finite_numbers(column: pa.Array) -> Floats64:
    values = numbers(column)
    if column.null_count or not np.isfinite(values).all():
        raise does_not_fit("a missing or non-finite number")
    return values


def scaled(values: Floats64, low: float, high: float) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        out = ((values - low) / (high - low)).astype(np.float32)
    if not np.isfinite(out).all():
        raise does_not_fit("a number beyond float32")
    return out


def whole(values: Floats64, low: float, high: float) -> npt.NDArray[np.int32]:
    if not ((values == np.trunc(values)) & (values >= low) & (values <= high)).all():
        raise does_not_fit("a number that is not whole or outside its bounds")
    return values.astype(np.int32)


def number_lists(column: pa.Array, width: int) -> Floats64:
    """A column of lists, each of `width` numbers: rows by width."""
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise does_not_fit("a column of lists holds something else")
    if column.null_count or not pc.all(pc.equal(pc.list_value_length(column), width)).as_py():
        raise does_not_fit("a list is missing or of another length")
    # flatten, not values: a slice of a column has values of rows outside it.
    return finite_numbers(column.flatten()).reshape(len(column), width)


def word_index(column: pa.Array, words: tuple[Word, ...]) -> npt.NDArray[np.int64]:
    """Position of each value among the words; -1 for a value outside and for null."""
    if isinstance(words[0], str):
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise does_not_fit("a column of words holds no text")
        values = pa.array(words, column.type)
    else:
        column = pa.array(numbers(column), pa.float64(), mask=_nulls(column))
        values = pa.array([float(word) for word in words], pa.float64())
    # A null among the values would match null; there is none, so null gives null.
    index = pc.fill_null(pc.index_in(column, value_set=values), -1)
    return np.asarray(index.to_numpy(zero_copy_only=False), np.int64)


def _nulls(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
