"""One job as this machine knows it, `.weighbridge/jobs/<order id>/job.json`: the form is the command line's
(`src/cli/train/job-journal.ts`). Written before the payment, with the order and its salt, so that a repeat opens the same
order, which the contract takes once."""

from __future__ import annotations

import re
from typing import Any

from .state import StateDir, read_json, write_atomic, write_json

Json = dict[str, Any]
_MODEL = "model.wbm"


def write_job(state: StateDir, journal: Json) -> Json:
    """Durable when it returns. :returns: the same"""
    write_json(state.job(journal["orderId"]) / "job.json", journal)
    return journal


def known_jobs(state: StateDir) -> list[Json]:
    """Every job that was begun on this machine, oldest first."""
    if not state.jobs.is_dir():
        return []
    names = sorted(path.name for path in state.jobs.iterdir() if re.fullmatch(r"0x[0-9a-f]{64}", path.name))
    jobs = [job for name in names if (job := read_json(state.job(name) / "job.json")) is not None]
    return sorted(jobs, key=lambda job: str(job["createdAt"]))


def find_job(state: StateDir, request: str) -> Json | None:
    """The newest job for a request that did not end without result."""
    newest = next((job for job in reversed(known_jobs(state)) if job["request"] == request), None)
    return None if newest is not None and newest.get("outcome") in ("refunded", "abandoned") else newest


def keep_model(state: StateDir, order_id: str, model: bytes) -> None:
    """What comes back of a fine-tuning is the tensors that moved: the others are here."""
    write_atomic(state.job(order_id) / _MODEL, model)


def kept_model(state: StateDir, order_id: str) -> bytes | None:
    """None for a job that another program began."""
    path = state.job(order_id) / _MODEL
    return path.read_bytes() if path.exists() else None
