"""The one error type of this package. Its codes are those of the marketplace (`src/kernel/errors.ts`)."""

from __future__ import annotations

from typing import Any


class WeighbridgeError(Exception):
    """What went wrong, as a code to switch on, and what to do next."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        next: str,
        details: dict[str, Any] | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next = next
        self.details = details or {}
        #: True when the same call may succeed later without a change.
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} ({self.code})\nnext: {self.next}"


def model_rejected(message: str, next: str = "Export the model again with weighbridge.export.") -> WeighbridgeError:
    """The files are not a model of the profile."""
    return WeighbridgeError("MODEL_REJECTED", message, next=next)


def does_not_fit(message: str, next: str) -> WeighbridgeError:
    """They are, but not for this dataset."""
    return WeighbridgeError("MODEL_DOES_NOT_FIT", message, next=next)


def bad_input(message: str, next: str) -> WeighbridgeError:
    """An argument that cannot be used."""
    return WeighbridgeError("BAD_INPUT", message, next=next)


def missing_package(what: str, extra: str) -> WeighbridgeError:
    """A part of this package that needs more than its light dependencies."""
    return WeighbridgeError("CONFIG_INVALID", f"{what} is not installed", next=f'Run: pip install "weighbridge[{extra}]".')
