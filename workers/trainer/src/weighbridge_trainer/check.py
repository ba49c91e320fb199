"""What the trainer would say of a model, before anybody pays for it: the frames `C`, `G` and `W` of a job on stdin, one
JSON object on stdout. For a buyer's own file on the buyer's own machine: nothing of it runs in a box, and it may say
why.

    python -m weighbridge_trainer.check
"""

import json
import sys
import time
from typing import Any

from .budgets import memory_of
from .canary import check_rows_apart
from .config import parse_config
from .frames import CONFIG, GRAPH, WEIGHTS, FrameReader
from .lower import lower
from .optimise import prepare
from .refusal import Refused
from .safetensors import read_safetensors
from .stored import bytes_of_rows
from .warm import Limits


def check(frames: FrameReader) -> dict[str, Any]:
    """Goes the way of a job up to the point where it would ask for the data key."""
    try:
        config = parse_config(frames.expect(CONFIG))
        graph, tensors = frames.expect(GRAPH), read_safetensors(frames.expect(WEIGHTS))
        lowered = lower(graph, tensors, config)
        started = time.monotonic()
        trainer = prepare(lowered.row, tensors, config, bytes_of_rows(config) > Limits().rows_bytes)
        compile_seconds = time.monotonic() - started
        check_rows_apart(lowered, tensors, config)
    except Refused as refused:
        reason = refused.reason.name.lower().replace("_", "-")
        return {"admitted": False, "reason": reason, "detail": refused.detail}
    return {
        "admitted": True,
        "calls": len(lowered.row.calls),
        "rowNumbers": lowered.row.row_elements,
        "flopsPerRow": trainer.flops_per_row,
        "memoryBytes": memory_of(trainer.segment),
        "compileSeconds": round(compile_seconds, 3),
        "steps": trainer.plan.total_steps,
        "microBatchRows": trainer.plan.micro_rows,
    }


if __name__ == "__main__":
    print(json.dumps(check(FrameReader(sys.stdin.buffer))))
