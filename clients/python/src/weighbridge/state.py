"""What is kept on the user's machine, in the same `.weighbridge` directory and the same form as the command line's: what one of
the two began, the other can finish."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import WeighbridgeError, bad_input
from .network import find_upwards


class StateDir:
    """`$WEIGHBRIDGE_STATE`, else the nearest `.weighbridge` upwards, else one in the working directory. Private (0700/0600)."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        chosen = root if root is not None else os.environ.get("WEIGHBRIDGE_STATE")
        found = Path(chosen) if chosen is not None else find_upwards(Path.cwd(), Path(".weighbridge"))
        self.root = (found or Path.cwd() / ".weighbridge").absolute()

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def licences(self) -> Path:
        return self.root / "licences"

    def job(self, order_id: str) -> Path:
        return self.jobs / order_id


def write_atomic(path: Path, content: bytes, mode: int = 0o600) -> None:
    """A reader, or a restart after a power cut, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    finally:
        temporary.unlink(missing_ok=True)


def assert_writable(*paths: str | os.PathLike[str] | None) -> None:
    """Whether the files that are named can be written, asked before anything is paid: to find out afterwards would be unkind.

    :raises WeighbridgeError: BAD_INPUT
    """
    for path in paths:
        if path is not None:
            _assert_writable(path)


def _assert_writable(path: str | os.PathLike[str]) -> None:
    target = Path(path).absolute()
    if target.is_dir():
        raise bad_input(f"{path} is a directory", "Name a file in it.")
    above = next(parent for parent in target.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise bad_input(f"{path} cannot be written: {above} is not a directory of yours to write", "Name another file.")


def write_json(path: Path, value: Any) -> None:
    """Durable when it returns."""
    write_atomic(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """None if there is no such file. :raises WeighbridgeError: CONFIG_INVALID if it is damaged"""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(value, dict) or value.get("version") != 1:
        raise _damaged(path)
    return value


def _damaged(path: Path) -> WeighbridgeError:
    return WeighbridgeError(
        "CONFIG_INVALID", f"{path} is damaged", next="Restore it from a backup: it may hold the way to a paid job."
    )


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Held while the same purchase is made twice at once, so that it is paid once. That of a dead process is taken over.

    :raises WeighbridgeError: JOB_STATE when another live process holds it
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _acquire(path: Path) -> None:
    for _ in range(3):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if _is_alive(path):
                break
            path.unlink(missing_ok=True)
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(str(os.getpid()))
        return
    raise WeighbridgeError(
        "JOB_STATE",
        "the same training is already being bought",
        next=f"Wait for it to end. If nothing of Weighbridge is running, delete {path}.",
        retryable=True,
    )


def _is_alive(path: Path) -> bool:
    try:
        os.kill(int(path.read_text()), 0)
    except (ValueError, OSError) as error:
        return isinstance(error, PermissionError)
    return True
