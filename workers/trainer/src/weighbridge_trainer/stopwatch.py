"""A limit on the work of what cannot be interrupted: the compiler holds no hand out for it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.1


@contextmanager
def ends_after(cpu_seconds: float, say: Callable[[], None]) -> Iterator[None]:
    """Ends the whole process if the block takes more, once it has said why: a box has one job, nobody else ends. It is
    the processor's time that counts, so that a busy machine refuses no more than a quiet one."""
    done = threading.Event()
    last = time.process_time() + cpu_seconds

    def watch() -> None:
        while not done.wait(_LOOK_SECONDS):
            if time.process_time() > last:
                say()
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
