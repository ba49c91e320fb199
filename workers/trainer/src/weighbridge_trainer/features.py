"""Rows to numbers by the closed transforms of the declaration, with public constants only."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .config import Config, Feature, Scale, Word
from .refusal import Reason, Refused

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Rows:
    """`x` is rows by feature width, `y` the class of each row."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int32]


class RowsBuilder:
    """Fills the rows piece by piece, so that of the Parquet bytes only one piece is in memory."""

    def __init__(self, config: Config) -> None:
        self._config = config
        width = sum(feature.width for feature in config.features)
        # zeros, not empty: pages are taken as they are filled, and one-hot relies on them.
        self._x = np.zeros((config.rows, width), np.float32)
        self._y = np.zeros(config.rows, np.int32)
        self._filled = 0

    def add(self, parquet: bytearray) -> None:
        """:raises Refused: DATA_DOES_NOT_FIT"""
        try:
            self._add(parquet)
        except (pa.ArrowException, OSError, KeyError, ValueError, OverflowError) as error:
            if isinstance(error, pa.ArrowMemoryError):
                raise MemoryError from None
            raise _does_not_fit("not Parquet with these columns") from None

    def build(self) -> Rows:
        """:raises Refused: DATA_DOES_NOT_FIT unless exactly the listed number of rows came."""
        if self._filled != self._config.rows:
            raise _does_not_fit("fewer rows than the manifest lists")
        return Rows(self._x, self._y)

    def _add(self, parquet: bytearray) -> None:
        names = list(dict.fromkeys([f.column for f in self._config.features] + [self._config.label_column]))
        with pq.ParquetFile(pa.BufferReader(pa.py_buffer(parquet)), memory_map=False, pre_buffer=False) as file:
            schema = file.schema_arrow
            if any(len(schema.get_all_field_indices(name)) != 1 for name in names):
                raise _does_not_fit("a column is missing or stands twice")
            if file.metadata.num_rows > self._config.rows - self._filled:
                raise _does_not_fit("more rows than the manifest lists")
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names, use_threads=False):
                self._add_batch(batch)

    def _add_batch(self, batch: pa.RecordBatch) -> None:
        stop = self._filled + batch.num_rows
        if stop > self._config.rows:
            raise _does_not_fit("more rows than the manifest lists")
        x, y = self._x[self._filled : stop], self._y[self._filled : stop]
        at = 0
        for feature in self._config.features:
            _fill(x[:, at : at + feature.width], feature, batch.column(feature.column))
            at += feature.width
        classes = word_index(batch.column(self._config.label_column), self._config.classes)
        if (classes < 0).any():
            raise _does_not_fit("a label outside the declared classes")
        y[:] = classes
        self._filled = stop


def _fill(out: npt.NDArray[np.float32], feature: Feature, column: pa.Array) -> None:
    if isinstance(feature, Scale):
        numbers = _numbers(column)
        if column.null_count or not np.isfinite(numbers).all():
            raise _does_not_fit("a missing or non-finite number")
        with np.errstate(over="ignore"):
            out[:, 0] = (numbers - feature.low) / (feature.high - feature.low)
        if not np.isfinite(out).all():
            raise _does_not_fit("a number beyond float32")
        return
    index = word_index(column, feature.vocabulary)
    known = np.flatnonzero(index >= 0)
    out[known, index[known]] = 1


def word_index(column: pa.Array, words: tuple[Word, ...]) -> npt.NDArray[np.int64]:
    """Position of each value among the words; -1 for a value outside and for null."""
    if isinstance(words[0], str):
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise _does_not_fit("a column of words holds no text")
        values = pa.array(words, column.type)
    else:
        column = pa.array(_numbers(column), pa.float64(), mask=_nulls(column))
        values = pa.array([float(word) for word in words], pa.float64())
    # A null among the values would match null; there is none, so null gives null.
    index = pc.fill_null(pc.index_in(column, value_set=values), -1)
    return np.asarray(index.to_numpy(zero_copy_only=False), np.int64)


def _numbers(column: pa.Array) -> npt.NDArray[np.float64]:
    """A numeric or boolean column as float64; null becomes NaN."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise _does_not_fit("a column of numbers holds something else")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _nulls(column: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)


def _does_not_fit(detail: str) -> Refused:
    return Refused(Reason.DATA_DOES_NOT_FIT, detail)
