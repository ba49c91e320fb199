"""Strict reading of JSON objects: every field is asked for by its type, and none may be left over."""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class FieldError(ValueError):
    """The object is not of the form that the reader asks for."""


class Fields:
    """One JSON object. `done` at the end refuses what nobody asked for."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise FieldError("not an object")
        self._rest = dict(value)

    def done(self) -> None:
        if self._rest:
            raise FieldError(f"unknown fields {sorted(self._rest)}")

    def any(self, name: str) -> Any:
        if name not in self._rest:
            raise FieldError(f"{name} is missing")
        return self._rest.pop(name)

    def optional(self, name: str) -> Any:
        """None where it is not there."""
        return self._rest.pop(name, None)

    def text(self, name: str) -> str:
        return as_text(self.any(name))

    def one_of(self, name: str, choices: Iterable[str]) -> str:
        value = self.text(name)
        if value not in choices:
            raise FieldError(f"{name} is none of its values")
        return value

    def number(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        return as_number(self.any(name), low, high)

    def positive(self, name: str) -> float:
        value = self.number(name)
        if value <= 0:
            raise FieldError(f"{name} is not above 0")
        return value

    def share(self, name: str) -> float:
        """Above 0, at most 1."""
        value = self.positive(name)
        if value > 1:
            raise FieldError(f"{name} is above 1")
        return value

    def fraction(self, name: str) -> float:
        """From 0, below 1."""
        value = self.number(name, 0)
        if value >= 1:
            raise FieldError(f"{name} is not below 1")
        return value

    def count(self, name: str, low: int = 1, high: int = 2**31 - 1) -> int:
        return as_count(self.any(name), low, high)

    def flag(self, name: str) -> bool:
        value = self.any(name)
        if type(value) is not bool:
            raise FieldError(f"{name} is not true or false")
        return value

    def many(self, name: str, read: Callable[[Any], T], least: int = 1, most: int = 4096) -> tuple[T, ...]:
        value = self.any(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise FieldError(f"{name} is not a list of {least} to {most}")
        return tuple(read(item) for item in value)


def as_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise FieldError("not a text")
    return value


def as_number(value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    # bool is an int in Python; JSON's true is no number.
    if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
        raise FieldError("not a number within its limits")
    return float(value)


def as_count(value: Any, low: int = 1, high: int = 2**31 - 1) -> int:
    if type(value) is not int or not low <= value <= high:
        raise FieldError("not a whole number within its limits")
    return value


def as_word(value: Any) -> str | int | float:
    if type(value) is str:
        return value
    as_number(value)
    return value  # type: ignore[no-any-return]
