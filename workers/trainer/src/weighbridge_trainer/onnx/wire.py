"""The protobuf wire form, read strictly by a schema (schema.py)."""

import struct
from typing import Any

from ..refusal import reject_model
from .schema import MAX_MESSAGES, MAX_NAME_LENGTH, SCHEMA, Field, Kind

Message = dict[str, Any]

_VARINT, _BYTES, _FLOAT = 0, 2, 5
_WIRE_TYPE = {
    Kind.INT: _VARINT,
    Kind.FLOAT: _FLOAT,
    Kind.TEXT: _BYTES,
    Kind.BYTES: _BYTES,
    Kind.MESSAGE: _BYTES,
}


def read_model(data: bytes) -> Message:
    """Fields by name. Repeated fields are lists, absent single fields are absent.

    :raises Refused: MODEL_REJECTED
    """
    return _Reader(data).message("Model", 0, len(data))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen = dict.fromkeys(MAX_MESSAGES, 0)

    def message(self, kind: str, at: int, end: int) -> Message:
        self._count(kind)
        schema = SCHEMA[kind]
        out: Message = {field.name: [] for field in schema.values() if _is_list(field)}
        while at < end:
            tag, at = self._varint(at, end)
            field = schema.get(tag >> 3)
            if field is None:
                raise reject_model(f"graph: {kind} field {tag >> 3} is not in the profile")
            value, at = self._value(tag & 7, at, end)
            if field.kind is not Kind.NOTE:
                self._store(out, field, tag & 7, value)
        return out

    def _value(self, wire_type: int, at: int, end: int) -> tuple[Any, int]:
        """A number, a float, or the (start, stop) of a body."""
        if wire_type == _VARINT:
            return self._varint(at, end)
        if wire_type == _FLOAT and at + 4 <= end:
            return struct.unpack_from("<f", self._data, at)[0], at + 4
        if wire_type == _BYTES:
            length, at = self._varint(at, end)
            if length <= end - at:
                return (at, at + length), at + length
        raise reject_model("graph: cut field or wire type outside the profile")

    def _store(self, out: Message, field: Field, wire_type: int, value: Any) -> None:
        if field.kind in (Kind.INTS, Kind.FLOATS):
            out[field.name] += self._numbers(field.kind, wire_type, value)
            return
        if wire_type != _WIRE_TYPE[field.kind]:
            raise reject_model(f"graph: {field.name} has another wire type")
        read = self._read(field, value)
        if field.repeated:
            out[field.name].append(read)
        elif field.name in out:
            # protobuf would merge the two: two readers, two graphs.
            raise reject_model(f"graph: {field.name} stands twice")
        else:
            out[field.name] = read

    def _read(self, field: Field, value: Any) -> Any:
        match field.kind:
            case Kind.INT:
                return _signed(value)
            case Kind.FLOAT:
                return value
            case Kind.MESSAGE:
                return self.message(field.message, *value)
            case Kind.BYTES:
                return self._data[slice(*value)]
            case _:
                return self._text(*value)

    def _numbers(self, kind: Kind, wire_type: int, value: Any) -> list[Any]:
        if wire_type == (_VARINT if kind is Kind.INTS else _FLOAT):
            return [_signed(value) if kind is Kind.INTS else value]
        if wire_type != _BYTES:
            raise reject_model("graph: numbers of another wire type")
        at, end = value
        if kind is Kind.FLOATS:
            if (end - at) % 4:
                raise reject_model("graph: packed floats")
            return list(struct.unpack_from(f"<{(end - at) // 4}f", self._data, at))
        out = []
        while at < end:
            number, at = self._varint(at, end)
            out.append(_signed(number))
        return out

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise reject_model("graph: cut within a number")
            byte = self._data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 64:
                    break
                return value, at
        raise reject_model("graph: number of more than 64 bits")

    def _text(self, at: int, end: int) -> str:
        if end - at > MAX_NAME_LENGTH:
            raise reject_model("graph: name too long")
        try:
            return self._data[at:end].decode()
        except UnicodeDecodeError:
            raise reject_model("graph: text is not UTF-8") from None

    def _count(self, kind: str) -> None:
        if kind not in self._seen:
            return
        self._seen[kind] += 1
        if self._seen[kind] > MAX_MESSAGES[kind]:
            raise reject_model(f"graph: more than {MAX_MESSAGES[kind]} of {kind}")


def _is_list(field: Field) -> bool:
    return field.repeated or field.kind in (Kind.INTS, Kind.FLOATS)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
