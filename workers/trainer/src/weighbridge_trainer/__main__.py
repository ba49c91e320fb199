"""Entry in the sandbox: `python -m weighbridge_trainer`. stdin and stdout carry frames; libraries may print nowhere.

A box is started ahead: it imports, compiles something of its own, says that it waits, and takes one job.
"""

import os
import sys
from typing import BinaryIO


def main() -> int:
    answers_to = _own_stdout()
    # After the redirection: whatever an import prints must not land between frames.
    from .frames import LIMITS, FrameReader, FrameWriter
    from .refusal import Reason, Refused

    writer = FrameWriter(answers_to)
    try:
        from .device import choose_device
        from .job import run_job
        from .warm import limit_cpu, read_limits, warm_up

        choose_device()
        warm_up()
        frames = FrameReader(sys.stdin.buffer)
        writer.idle()
        # From here on the box is one job's.
        limits = read_limits(frames.expect(LIMITS))
        limit_cpu(limits.cpu_seconds)
        run_job(frames, writer, limits)
        return 0
    except Refused as refusal:
        reason = refusal.reason
    except MemoryError:
        reason = Reason.OUT_OF_MEMORY
    except BaseException as error:
        reason = Reason.OUT_OF_MEMORY if "RESOURCE_EXHAUSTED" in str(error) else Reason.TRAINER_FAILED
    writer.error(reason)
    return 1


def _own_stdout() -> BinaryIO:
    """stdout for frames alone; descriptors 1 and 2 go nowhere, C++ libraries included."""
    answers_to = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)
    return answers_to


if __name__ == "__main__":
    code = main()
    # Not sys.exit: threads of libraries have nothing to finish, and their destructors nothing to say.
    os._exit(code)
