"""`weighbridge.train`: signs, pays, submits, waits, and gives back a `state_dict`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .declaration import JobOptions, Named, declare
from .features import FeatureSpec
from .jobs import Job
from .market import Market
from .model_file import ModelFile
from .privacy import assert_left, warn_of_noise
from .purchase import purchase
from .results import StateDict
from .state import assert_writable
from .tokenizers import Tokenizers


def train(
    model_file: ModelFile | str | os.PathLike[str],
    *,
    dataset: str,
    purpose: str | None = None,
    features: Mapping[str, Sequence[FeatureSpec]] | Sequence[FeatureSpec] | None = None,
    tokenizers: Sequence[str | os.PathLike[str]] = (),
    label: str | Mapping[str, Any] | None = None,
    loss: Named | None = None,
    optimiser: Named | None = None,
    schedule: Named | None = None,
    epochs: int | None = None,
    batch_rows: int | None = None,
    micro_batch_rows: int | None = None,
    seed: int | None = None,
    precision: str | None = None,
    returns: str | None = None,
    privacy: Any = None,
    metric: str | Mapping[str, Any] | None = None,
    metric_epsilon: float | None = None,
    standardise_epsilon: float | None = None,
    out: str | Path | None = None,
    receipt: str | Path | None = None,
    deadline_minutes: int = 60,
    again: bool = False,
    progress: bool = True,
    market: Market | None = None,
) -> StateDict:
    """Trains a model on a dataset that you never see.

    The same call again goes on where it was interrupted and pays nothing twice; a training that is done is fetched again.

    :param model_file: what :func:`weighbridge.export` gave, or the path of a `.wbm`
    :param dataset: its id, or the first 8 hex digits or more
    :param purpose: what you train for: one of the purposes that the seller's terms allow, word for word
    :param features: column names or spelt-out features, in the order in which they fill the input; by input name where
        the model has several. Default: every column that the seller declares a range or vocabulary of, in schema order
    :param tokenizers: `tokenizer.json` files that text features name, by file name: ``{"kind": "text", "column": "note",
        "tokenizer": "tokenizer.json", "length": 64, "pad": 0}``. Those that the model file has in it need not be given
    :param label: a column name, or a spelt-out label. Default: the dataset's own
    :param loss: cross-entropy (default), bce, mse, huber, next-token
    :param optimiser: adam (default), adamw, sgd; or ``{"name": "sgd", "learning_rate": 0.1}``
    :param privacy: "none" (default), where the seller allows it; or an epsilon, ``privacy=3``: then the run is differentially
        private, with the noise that this takes, and costs the seller's price for it. ``{"epsilon": 3, "clipping_norm": 1.0,
        "unit": {"column": "patient", "max_rows": 8}}`` says more
    :param metric: "accuracy" or "loss": also buy this number, measured with noise on rows that the seller holds out of
        training; it is `metric` of the result. ``{"name": "loss", "bound": 4}`` says how much a row counts at most
    :param metric_epsilon: what the metric may take of the privacy budget; the order pays for it with the rest
    :param standardise_epsilon: what a mean and a deviation of the columns that are scaled may take of the privacy budget: they
        are fitted on the rows, with noise; `features` of the result has them, for :func:`weighbridge.inputs`
    :param returns: "trainable" (default) sends the trained tensors home alone; "all" sends every one. The result is whole
        either way
    :param out: also write the returned file there (safetensors), and model card, bill of materials and signature beside it
    :param receipt: also write the receipt there
    :param again: pay for another run though the same one is done
    :returns: the whole state of the model: ``model.load_state_dict(result)`` takes it with ``strict=True``
    :raises WeighbridgeError: with a code, and what to do next
    """
    assert_writable(out, receipt)
    at = market if market is not None else Market()
    file = model_file if isinstance(model_file, ModelFile) else ModelFile.load(model_file)
    read = Tokenizers.read(tokenizers).and_carried(file.tokenizers)
    options = JobOptions(
        features=read.in_features(features),
        label=label,
        loss=loss,
        optimiser=optimiser,
        schedule=schedule,
        epochs=epochs,
        batch_rows=batch_rows,
        micro_batch_rows=micro_batch_rows,
        seed=seed,
        precision=precision,
        returns=returns,
        privacy=privacy,
        metric=metric,
        metric_epsilon=metric_epsilon,
        standardise_epsilon=standardise_epsilon,
    )
    found = at.dataset(dataset)
    declaration = declare(file, found, options)
    needed = read.needed_by(declaration["features"])
    if declaration["privacy"] != "none":
        assert_left(declaration["privacy"], found, at.api.privacy_balance(found.id))
        warn_of_noise(declaration, found.row_count)
    journal = purchase(at, found, file, declaration, purpose, deadline_minutes, again=again, tokenizers=needed)
    return Job(at, journal["orderId"], journal).wait(out=out, receipt=receipt, progress=progress)
