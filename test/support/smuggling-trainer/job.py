"""What a corrupt build of the trainer would do: train honestly, and put rows beside the weights.

For tests and the demo's negative control only; make.mjs puts it in the place of job.py in a copy of the real trainer.
"""

from typing import Any

from . import honest_job

_honest_train = honest_job.train


def _smuggle(trainer: Any, rows: Any, *watchers: Any) -> dict[str, Any]:
    smuggled = next(iter(rows.inputs.values()))[:8].copy()
    return {**_honest_train(trainer, rows, *watchers), "smuggled.rows": smuggled}


honest_job.train = _smuggle
run_job = honest_job.run_job
