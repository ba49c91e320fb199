"""Weighbridge: train your model on data that you never see.

import weighbridge as wb

model_file = wb.export(model, example_inputs)
weights = wb.train(model_file, dataset="0x1f3a9c02", purpose="research", epochs=20)
model.load_state_dict(weights)
"""

from __future__ import annotations

from . import _recursion_limit  # noqa: F401  (before whatever imports eth-account)
from .datasets import Dataset, DatasetSummary
from .errors import WeighbridgeError
from .export import export
from .export_onnx import from_onnx
from .inputs import inputs
from .jobs import Job
from .load_weights import load_weights
from .market import Market
from .model_file import ModelFile
from .results import StateDict
from .training import train
from .verification import Check, Verdict, verify

__all__ = [
    "Check",
    "Dataset",
    "DatasetSummary",
    "Job",
    "Market",
    "ModelFile",
    "StateDict",
    "Verdict",
    "WeighbridgeError",
    "dataset",
    "export",
    "from_onnx",
    "inputs",
    "job",
    "load_weights",
    "search",
    "train",
    "verify",
]

__version__ = "0.1.0"


def search(words: str = "", *, first: int = 20, market: Market | None = None) -> list[DatasetSummary]:
    """Datasets that hold these words, newest first. Needs no key."""
    return (market or Market()).search(words, first)


def dataset(dataset_id: str, *, market: Market | None = None) -> Dataset:
    """One dataset: its public schema, terms and price. Needs no key."""
    return (market or Market()).dataset(dataset_id)


def job(job_id: str, *, market: Market | None = None) -> Job:
    """A job that was begun before, by its id or the first 8 hex digits or more: `job(id).wait()`."""
    return Job(market or Market(), job_id)
