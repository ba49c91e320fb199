"""What the trainer would say of a model, before anybody pays for it: the frames `C`, `G` and `W` of a job on stdin, one
JSON object on stdout. For a buyer's own file on the buyer's own machine: nothing of it runs in a box, and it may say
why.

    python -m weighbridge_trainer.check
"""

import json
import sys
import time
from typing import Any

import jax
import numpy as np

from .canary import check_rows_apart
from .config import Config, parse_config
from .features import target_form
from .frames import CONFIG, GRAPH, WEIGHTS, FrameReader
from .losses import row_loss
from .lower import lower
from .optimise import prepare
from .program import Program
from .refusal import Refused
from .safetensors import Floats, read_safetensors


def check(frames: FrameReader) -> dict[str, Any]:
    """Goes the way of a job up to the point where it would ask for the data key."""
    try:
        config = parse_config(frames.expect(CONFIG))
        graph, tensors = frames.expect(GRAPH), read_safetensors(frames.expect(WEIGHTS))
        lowered = lower(graph, tensors, config)
        check_rows_apart(lowered, tensors, config)
        started = time.monotonic()
        trainer = prepare(lowered.row, tensors, config)
        compile_seconds = time.monotonic() - started
    except Refused as refused:
        reason = refused.reason.name.lower().replace("_", "-")
        return {"admitted": False, "reason": reason, "detail": refused.detail}
    memory = trainer.segment.memory_analysis()  # type: ignore[attr-defined]
    return {
        "admitted": True,
        "calls": len(lowered.row.calls),
        "rowNumbers": lowered.row.row_elements,
        "flopsPerRow": _flops_per_row(lowered.row, tensors, config),
        "memoryBytes": memory.argument_size_in_bytes + memory.temp_size_in_bytes + memory.generated_code_size_in_bytes,
        "compileSeconds": round(compile_seconds, 3),
        "steps": trainer.plan.total_steps,
        "microBatchRows": trainer.plan.micro_rows,
    }


def _flops_per_row(program: Program, tensors: dict[str, Floats], config: Config) -> float:
    """Forward and backward of one row, as the compiler counts them."""
    trainable = {name: tensors[name] for name in config.trainable}
    frozen = {name: values for name, values in tensors.items() if name not in trainable}
    gradient = jax.grad(row_loss(program, config))
    key = jax.random.key(0) if program.is_random else None
    dtypes = {"float32": np.float32, "bool": np.bool_}
    row = {item.name: jax.ShapeDtypeStruct(item.shape, dtypes.get(item.dtype, np.int32)) for item in config.inputs}
    shape, dtype = target_form(config.label)
    cost = jax.jit(gradient).lower(trainable, frozen, row, jax.ShapeDtypeStruct(shape, dtype), key).cost_analysis()
    return float((cost or {}).get("flops", 0.0))


if __name__ == "__main__":
    print(json.dumps(check(FrameReader(sys.stdin.buffer))))
