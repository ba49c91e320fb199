"""Rows to numbers by the closed transforms of the declaration, with public constants only (and those of moments.py)."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .columns import does_not_fit, finite_numbers, number_lists, scaled, whole, word_index
from .config import Config, Input
from .envelope import PartOfShard
from .images import decode, levels
from .private_units import UnitNames
from .rows import Numbers
from .sealed_rows import AnyRows, SealedRows, rows_at_once
from .spool import Spool
from .stored import record_of
from .text import Tokenizers, encode
from .transforms import (
    BinaryLabel,
    Category,
    ClassLabel,
    ClassMapLabel,
    Feature,
    Image,
    Label,
    NumbersLabel,
    OneHot,
    Scale,
    Standardise,
    Text,
)

_ROWS_AT_ONCE = 65_536


class RowsBuilder:
    """Fills the rows piece by piece, so that of the Parquet bytes only one piece is in memory; with a spool also of the
    rows only a part."""

    def __init__(self, config: Config, tokenizers: Tokenizers, spool: Spool | None = None) -> None:
        self._config, self._tokenizers, self._spool = config, tokenizers, spool
        self._record = record_of(config)
        self._at_once = _ROWS_AT_ONCE if spool is None else min(_ROWS_AT_ONCE, rows_at_once(self._record))
        # Zeros, which one-hot relies on.
        self._room = self._record.room(config.rows if spool is None else min(config.rows, self._at_once))
        unit = None if config.privacy is None else config.privacy.unit_column
        self._units = None if unit is None else UnitNames(unit, config.rows)
        self._columns = list(dict.fromkeys([*_columns(config), *([] if unit is None else [unit])]))
        self._filled = 0

    def add(self, parquet: bytearray | PartOfShard) -> None:
        """:raises Refused: DATA_DOES_NOT_FIT"""
        try:
            self._add(parquet)
        except (pa.ArrowException, OSError, KeyError, ValueError, OverflowError) as error:
            if isinstance(error, pa.ArrowMemoryError):
                raise MemoryError from None
            raise does_not_fit("not Parquet with these columns") from None

    def build(self) -> AnyRows:
        """:raises Refused: DATA_DOES_NOT_FIT unless exactly the listed number of rows came."""
        if self._filled != self._config.rows:
            raise does_not_fit("fewer rows than the manifest lists")
        units = None if self._units is None else self._units.numbers
        if self._spool is not None:
            return SealedRows(self._spool, self._record, units)
        return replace(self._room, units=units)

    def _add(self, parquet: bytearray | PartOfShard) -> None:
        source = parquet if isinstance(parquet, PartOfShard) else pa.BufferReader(pa.py_buffer(parquet))
        with pq.ParquetFile(source, memory_map=False, pre_buffer=False) as file:
            schema = file.schema_arrow
            if any(len(schema.get_all_field_indices(name)) != 1 for name in self._columns):
                raise does_not_fit("a column is missing or stands twice")
            if file.metadata.num_rows > self._config.rows - self._filled:
                raise does_not_fit("more rows than the manifest lists")
            for batch in file.iter_batches(self._at_once, columns=self._columns, use_threads=False):
                self._add_batch(batch)

    def _add_batch(self, batch: pa.RecordBatch) -> None:
        stop = self._filled + batch.num_rows
        if stop > self._config.rows:
            raise does_not_fit("more rows than the manifest lists")
        begin = self._filled if self._spool is None else 0
        room = self._room.some(slice(begin, begin + batch.num_rows))
        for item in self._config.inputs:
            _fill_input(room.inputs[item.name], item, batch, self._tokenizers)
        _fill_target(room.target, self._config.label, batch)
        if self._spool is not None:
            self._spool.append(self._record.pack(room.inputs, room.target))
            for values in room.inputs.values():
                values[:] = 0
        if self._units is not None:
            self._units.add(self._filled, batch)
        self._filled = stop


def _columns(config: Config) -> list[str]:
    names = [feature.column for item in config.inputs for feature in item.features]
    match config.label:
        case ClassLabel(column=column) | ClassMapLabel(column=column):
            return [*names, column]
        case BinaryLabel(columns=pairs):
            return [*names, *(column for column, _ in pairs)]
        case NumbersLabel(columns=targets):
            return [*names, *(target.column for target in targets)]
        case _:
            return names


def _fill_input(out: Numbers, item: Input, batch: pa.RecordBatch, tokenizers: Tokenizers) -> None:
    at = 0
    for feature in item.features:
        _fill(out[:, at : at + feature.width], feature, batch.column(feature.column), tokenizers)
        at += feature.width


def _fill(out: Numbers, feature: Feature, column: pa.Array, tokenizers: Tokenizers) -> None:
    match feature:
        case Scale():
            out[:, 0] = scaled(finite_numbers(column), feature.low, feature.high)
        case Standardise():
            # As far from the middle as the ends are, for now: moments.py has the rest, once every row is here.
            out[:, 0] = scaled(finite_numbers(column), feature.middle, feature.high)
        case OneHot():
            index = word_index(column, feature.vocabulary)
            known = np.flatnonzero(index >= 0)
            out[known, index[known]] = 1
        case Category():
            index = word_index(column, feature.vocabulary)
            out[:, 0] = np.where(index < 0, feature.unknown, index)
        case Text():
            out[:] = encode(column, feature, tokenizers[feature.tokenizer])
        case Image():
            pixels = decode(column, feature)
            if out.dtype == np.float32:
                table = levels(feature)
                pixels = np.stack([table[k][pixels[:, k]] for k in range(feature.channels)], 1)
            out[:] = pixels.reshape(out.shape)
        case _:
            values = number_lists(column, feature.width)
            floats = out.dtype == np.float32
            out[:] = (scaled if floats else whole)(values, feature.low, feature.high)


def _fill_target(out: Numbers, label: Label, batch: pa.RecordBatch) -> None:
    match label:
        case ClassLabel():
            classes = word_index(batch.column(label.column), label.classes)
            if (classes < 0).any():
                raise does_not_fit("a label outside the declared classes")
            out[:] = classes
        case ClassMapLabel():
            values = number_lists(batch.column(label.column), math.prod(label.shape))
            out[:] = whole(values, 0, label.classes - 1).reshape(out.shape)
        case BinaryLabel():
            for k, (column, positive) in enumerate(label.columns):
                if batch.column(column).null_count:
                    raise does_not_fit("a label is missing")
                out[:, k] = word_index(batch.column(column), (positive,)) == 0
        case NumbersLabel():
            for k, target in enumerate(label.columns):
                out[:, k] = scaled(finite_numbers(batch.column(target.column)), target.low, target.high)
