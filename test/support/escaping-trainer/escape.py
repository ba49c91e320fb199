"""What a trainer under a stranger's command would try. Runs in a box, without a job, and prints a JSON list a line: for each
attempt its name as it begins, then also the name of the error that stopped it, or "" if nothing did; at the end what it
learned and took. docs/sandbox.md lists the attempts.

On stdin comes a JSON object: the host's paths to read; the names of the attempts, if not all are wanted; whether to take every
capability first, in namespaces of its own. Never run it outside a box.
"""

import contextlib
import ctypes
import errno
import json
import mmap
import os
import platform
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
# Calls without a function in libc, by architecture.
ADD_KEY, KEYCTL, BPF, PERF = (217, 219, 280, 241) if ARM else (248, 250, 321, 298)
USERFAULTFD, TGKILL, SHMGET = (282, 131, 194) if ARM else (323, 234, 29)
IO_URING_SETUP, PIDFD_OPEN, CLONE3 = 425, 434, 435
CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWUTS = 0x1000_0000, 0x2_0000, 0x400_0000
PTRACE_ATTACH, RLIMIT_CPU = 16, 0
AT_FDCWD, AT_EMPTY_PATH, UFFD_USER_MODE_ONLY = -100, 0x1000, 1
# A file on the worker's disk, and what may be written to it (sandbox-escape.spec.ts).
SPOOL, SPOOL_BYTES = 6, 16 << 20


def stopped(attempt: Callable[[], Any]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "unknown")
    except MemoryError:
        return "ENOMEM"
    return ""


def call(function: Any, *args: Any) -> None:
    if function(*args) == -1:
        raise OSError(ctypes.get_errno(), "refused")


def syscall(number: int, *args: Any) -> None:
    call(LIBC.syscall, number, *args)


def connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.connect(address)


def read(path: str) -> None:
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.read(1)


def write_beside() -> None:
    """Succeeds if one place takes a file."""
    for place in ("/", "/app", "/dev", "/dev/shm", "/packages", "/proc", "/python", "/usr/lib"):
        with contextlib.suppress(OSError), open(f"{place}/x", "wb"):
            return
    raise OSError(errno.EROFS, "refused everywhere")


def link_beside() -> None:
    """Within one file system, so that no kernel refuses it for another reason."""
    with open("/tmp/weights", "wb"):
        os.link("/tmp/weights", "/tmp/link")


def fill_disk() -> tuple[str, int]:
    total, block = 0, bytes(1 << 20)
    try:
        for number in range(1 << 12):
            with open(f"/tmp/bomb.{number}", "wb", buffering=0) as file:
                total += file.write(block)
    except OSError as error:
        return errno.errorcode[error.errno or 0], total
    finally:
        for name in os.listdir("/tmp"):
            os.unlink(f"/tmp/{name}")
    return "", total


def fill_memory() -> tuple[str, int]:
    held: list[mmap.mmap] = []
    try:
        while len(held) < 1 << 16:
            held.append(mmap.mmap(-1, 16 << 20))
    except (OSError, MemoryError):
        return "ENOMEM", len(held) * (16 << 20)
    finally:
        for part in held:
            part.close()
    return "", len(held) * (16 << 20)


def fill_threads() -> tuple[str, int]:
    done, started = threading.Event(), 0
    try:
        while started < 1 << 14:
            threading.Thread(target=done.wait, daemon=True).start()
            started += 1
    except (RuntimeError, MemoryError):
        return "ENOMEM", started
    finally:
        done.set()
    return "", started


def tell(*words: Any) -> None:
    print(json.dumps(words), flush=True)


def escape(host_paths: list[str], wanted: list[str] | None) -> None:
    parent = os.getppid()
    attempts: dict[str, Callable[[], Any]] = {
        "socket IPv4": lambda: connect(socket.AF_INET, ("1.1.1.1", 443)),
        "socket IPv6": lambda: connect(socket.AF_INET6, ("2606:4700:4700::1111", 443)),
        "socket unix": lambda: connect(socket.AF_UNIX, "/run/systemd/notify"),
        "socket netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
        "socket pair": lambda: socket.socketpair(),
        "ptrace": lambda: call(LIBC.ptrace, PTRACE_ATTACH, parent, 0, 0),
        "read another process's memory": lambda: call(LIBC.process_vm_readv, parent, 0, 0, 0, 0, 0),
        "mount": lambda: call(LIBC.mount, b"none", b"/tmp", b"tmpfs", 0, None),
        "unmount": lambda: call(LIBC.umount2, b"/usr/lib", 2),
        "pivot the root": lambda: os.chroot("/tmp"),
        "new namespaces": lambda: call(LIBC.unshare, CLONE_NEWUSER),
        "enter a namespace": lambda: call(LIBC.setns, 0, 0),
        "clone3": lambda: syscall(CLONE3, 0, 0),
        "io_uring": lambda: syscall(IO_URING_SETUP, 8, bytes(120)),
        "keyring: read": lambda: syscall(KEYCTL, 0, -4, 0),
        "keyring: add": lambda: syscall(ADD_KEY, b"user", b"weighbridge", b"x", 1, -4),
        "bpf": lambda: syscall(BPF, 0, 0, 0),
        "perf events": lambda: syscall(PERF, 0, 0, -1, -1, 0),
        "userfaultfd": lambda: syscall(USERFAULTFD, UFFD_USER_MODE_ONLY),
        "memory outside the limit: memfd": lambda: os.memfd_create("x"),
        "memory outside the limit: System V": lambda: syscall(SHMGET, 0, 4096, 0o1600),
        "fork": lambda: os.fork() == 0 and os._exit(0),
        "start a program": lambda: os.posix_spawn("/python/bin/python3", ["python3", "-c", ""], {}),
        "signal to the parent": lambda: os.kill(parent, signal.SIGKILL),
        "signal to everybody": lambda: os.kill(-1, signal.SIGKILL),
        "signal to a thread of the parent": lambda: syscall(TGKILL, parent, parent, int(signal.SIGKILL)),
        "hold the parent by a descriptor": lambda: syscall(PIDFD_OPEN, parent, 0),
        "lower the parent's limits": lambda: call(LIBC.prlimit, parent, RLIMIT_CPU, bytes(16), None),
        "change the host name": lambda: call(LIBC.sethostname, b"x", 1),
        "change the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, 0.0),
        "take back another user": lambda: os.setuid(0),
        "symlink": lambda: os.symlink("/etc/passwd", "/tmp/link"),
        "hard link": link_beside,
        "device": lambda: os.mknod("/tmp/device", 0o60600, os.makedev(254, 0)),
        "the terminal": lambda: os.open("/dev/tty", os.O_RDWR),
        "write beside /tmp": write_beside,
        "name the spool": lambda: call(LIBC.linkat, SPOOL, b"", AT_FDCWD, b"/tmp/spool", AT_EMPTY_PATH),
        "look beside the spool": lambda: os.open("..", os.O_RDONLY, dir_fd=SPOOL),
        "make the spool a program of root's": lambda: os.fchmod(SPOOL, 0o4755),
        "more of the worker's disk than its share": lambda: os.pwrite(SPOOL, b"x", SPOOL_BYTES),
        **{f"read {path}": lambda path=path: read(path) for path in host_paths},
    }
    for name, attempt in attempts.items():
        if wanted is None or name in wanted:
            # Said beforehand, so that one that never returns, or ends all, is known by its name.
            tell("attempt", name)
            tell("attempt", name, stopped(attempt))


def bombs() -> dict[str, int]:
    (disk, disk_bytes), (memory, memory_bytes), (threads, started) = fill_disk(), fill_memory(), fill_threads()
    for name, error in (("disk bomb", disk), ("memory bomb", memory), ("thread bomb", threads)):
        tell("attempt", name, error)
    return {"diskBytes": disk_bytes, "memoryBytes": memory_bytes, "threads": started}


def about() -> dict[str, Any]:
    with open("/proc/cpuinfo") as file:
        processor = file.read()
    return {
        "environment": sorted(os.environ),
        "hostName": os.uname().nodename,
        "user": [os.getuid(), os.getgid()],
        "timeZone": time.tzname[0],
        "processor": processor,
        "root": sorted(os.listdir("/")),
        "usr": sorted(os.listdir("/usr")),
        # Where the host's own interpreter stands, if that is the trainer's.
        "programs": sorted(os.listdir("/usr/bin")) if os.path.isdir("/usr/bin") else [],
        "proc": sorted(os.listdir("/proc")),
        "dev": sorted(os.listdir("/dev")),
    }


def main() -> None:
    asked = json.load(sys.stdin)
    wanted = asked.get("attempts")
    if asked.get("capable"):
        call(LIBC.unshare, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS)
    escape(asked.get("paths", []), wanted)
    if wanted is None:
        tell("used", bombs())
        tell("about", about())


main()
