"""A limit on the time of work that cannot be interrupted: the compiler holds no hand out for it."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ends_after(seconds: float, say: Callable[[], None]) -> Iterator[None]:
    """Ends the whole process if the block takes longer, once it has said why: a box has one job, nobody else ends."""

    def end() -> None:
        say()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
