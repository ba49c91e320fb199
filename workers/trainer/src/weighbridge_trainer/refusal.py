"""Why a job ended without weights: a closed list, because the code of an `E` frame is all that is said."""

from enum import IntEnum


class Reason(IntEnum):
    """The value goes over the pipe; the name, in lower case, is a `RefusalReason` of src/provenance/statements.ts."""

    MODEL_REJECTED = 1
    DATA_CORRUPT = 2
    DATA_DOES_NOT_FIT = 3
    OUT_OF_MEMORY = 4
    TRAINER_FAILED = 5
    ROWS_MIX = 6
    MODEL_TOO_LARGE = 7


class Refused(Exception):
    """Ends the job. `detail` is for tests and never leaves the process: it may speak of rows."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.name}: {detail}")
        self.reason = reason
        self.detail = detail


def reject_model(detail: str) -> Refused:
    return Refused(Reason.MODEL_REJECTED, detail)
