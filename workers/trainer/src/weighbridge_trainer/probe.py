"""Run by the host when a worker starts, in a box without a job: what can be reached from in here?

Prints one JSON object. The host decides what the answers mean, before any key exists. Never run it outside a box: it
tries to write, to fork and to connect.
"""

import ctypes
import errno
import json
import os
import platform
import socket
import stat
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

_ENVIRONMENT = sorted(os.environ)

import jax  # noqa: E402

from . import __version__, job  # noqa: E402, F401 - the whole trainer must import in here, and may add to the environment
from .device import choose_device, on_gpu  # noqa: E402
from .spool import SPOOL_DESCRIPTOR  # noqa: E402
from .warm import warm_up  # noqa: E402

_PLACES = ("/", "/app", "/dev", "/dev/shm", "/packages", "/proc", "/usr/lib")  # noqa: S108
_PR_GET_SECCOMP = 21
_CAPABILITY_VERSION = 0x20080522


def probe() -> dict[str, Any]:
    # First: CUDA takes the lowest descriptors that are free.
    spool = _spool()
    return {
        "name": "weighbridge-trainer",
        "version": __version__,
        "jax": version("jax"),
        "jaxlib": version("jaxlib"),
        "python": platform.python_version(),
        "threads": int(os.environ["PJRT_NPROC"]),
        "socket": _error_of(_open_socket),
        "fork": _error_of(_fork),
        "writable": [place for place in _PLACES if _error_of(lambda place=place: _write(place)) == ""],  # type: ignore[misc]
        "proc": sorted(name for name in os.listdir("/proc") if _tells(Path("/proc", name))),
        "root": sorted(os.listdir("/")),
        "etc": sorted(os.listdir("/etc")) if os.path.isdir("/etc") else [],
        "environment": _ENVIRONMENT,
        "capabilities": _capabilities(),
        "gpuNodes": sorted(name for name in os.listdir("/dev") if name.startswith("nvidia")),
        **_gpus(),
        "spool": spool,
        "seccomp": ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0),
    }


def _tells(path: Path) -> bool:
    """Whether anything is to be read there. A link leads to what is looked at anyway."""
    if path.is_symlink():
        return False
    try:
        if path.is_dir():
            return bool(os.listdir(path))
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.read(file, 1) != b""
        finally:
            os.close(file)
    except OSError:
        return False


def _gpus() -> dict[str, Any]:
    """How many there are, and what keeps them from computing as every job does: a part of CUDA that a program is
    assembled by may be absent. A box without a device file starts no platform for it."""
    try:
        choose_device()
        if not on_gpu():
            return {"gpus": 0, "gpuFault": None}
        warm_up()
        return {"gpus": len(jax.devices()), "gpuFault": None}
    except Exception as error:
        # No job has run yet: what it says is of the host alone.
        return {"gpus": 0, "gpuFault": str(error)[:300]}


def _spool() -> int | None:
    """Names that the file for sealed rows has; None without such a file."""
    try:
        seen = os.fstat(SPOOL_DESCRIPTOR)
    except OSError:
        return None
    return seen.st_nlink if stat.S_ISREG(seen.st_mode) and seen.st_size == 0 else -1


def _error_of(action: Callable[[], None]) -> str:
    """Name of the errno that stopped the action, or "" if nothing did."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "unknown")
    return ""


def _open_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(("1.1.1.1", 53))


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _write(place: str) -> None:
    Path(place, "weighbridge").write_text("")


def _capabilities() -> int:
    """The effective ones, as one number; see capget(2)."""
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None).capget(head, sets) != 0:
        raise OSError("capget")
    return int(sets[0] | sets[3] << 32)


if __name__ == "__main__":
    print(json.dumps(probe()))
