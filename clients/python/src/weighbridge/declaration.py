"""Finishes the declaration of a job: what the model file decides, what the caller says, and defaults for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .datasets import Dataset
from .errors import bad_input
from .features import FeatureSpec, columns_of_label, features_for, label_for, standardised
from .model_file import ModelFile
from .privacy import Metric, declared_privacy

Json = dict[str, Any]
#: A name from the closed list, or a dictionary with its `name` and what of its settings is not the default.
Named = str | Mapping[str, Any]

_ADAM = {"learningRate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
#: PyTorch's own defaults.
_OPTIMISERS: dict[str, Json] = {
    "sgd": {"learningRate": 0.01, "momentum": 0, "nesterov": False, "weightDecay": 0},
    "adam": {**_ADAM, "weightDecay": 0},
    "adamw": {**_ADAM, "weightDecay": 0.01},
}
_SCHEDULES: dict[str, Json] = {
    "constant": {},
    "cosine": {"warmupSteps": 0, "finalFraction": 0},
    "linear": {"warmupSteps": 0, "finalFraction": 0},
    "step": {"everySteps": 1000, "factor": 0.1},
}
_LOSSES: dict[str, Json] = {
    "cross-entropy": {},
    "bce": {},
    "mse": {},
    "huber": {"delta": 1},
    "next-token": {},
}
_EPOCHS = 10
_BATCH_ROWS = 32


@dataclass(frozen=True)
class JobOptions:
    """What a caller may say of a job. None leaves it to the model file, and then to the default."""

    features: Mapping[str, Sequence[FeatureSpec]] | Sequence[FeatureSpec] | None = None
    label: str | Mapping[str, Any] | None = None
    loss: Named | None = None
    optimiser: Named | None = None
    schedule: Named | None = None
    epochs: int | None = None
    batch_rows: int | None = None
    micro_batch_rows: int | None = None
    seed: int | None = None
    precision: str | None = None
    returns: str | None = None
    privacy: Any = None
    metric: str | Mapping[str, Any] | None = None
    metric_epsilon: float | None = None
    standardise_epsilon: float | None = None


def declare(model_file: ModelFile, dataset: Dataset, options: JobOptions) -> Json:
    """The whole declaration. This fills it in; the marketplace is asked to check it before anything is paid (`purchase`).

    :raises WeighbridgeError: BAD_INPUT, MODEL_DOES_NOT_FIT
    """
    template = model_file.template
    inputs = template["inputs"]
    loss = _named("loss", _LOSSES, _first(options.loss, template.get("loss"), "cross-entropy"))
    label = label_for(loss["name"], inputs, dataset, _first(options.label, template.get("label")))
    given = _first(options.features, template.get("features"))
    epochs = _first(options.epochs, template.get("epochs"), _EPOCHS)
    batch_rows = _first(options.batch_rows, template.get("batchRows"), _BATCH_ROWS)
    metric = Metric.of(options.metric, options.metric_epsilon)
    wanted = _first(options.privacy, template.get("privacy"), "none")
    privacy = declared_privacy(wanted, dataset, batch_rows, epochs, metric, options.standardise_epsilon)
    features = features_for(inputs, dataset, columns_of_label(label), given)
    return {
        "version": 1,
        **{field: template[field] for field in ("graph", "weights", "trainable", "inputs")},
        "tied": template.get("tied", {}),
        "features": standardised(features, privacy),
        "label": label,
        "loss": loss,
        "optimiser": _named("optimiser", _OPTIMISERS, _first(options.optimiser, template.get("optimiser"), "adam")),
        "schedule": _named("schedule", _SCHEDULES, _first(options.schedule, template.get("schedule"), "constant")),
        "epochs": epochs,
        "batchRows": batch_rows,
        "microBatchRows": _first(options.micro_batch_rows, template.get("microBatchRows")),
        "seed": _first(options.seed, template.get("seed"), 1),
        # A private run computes in float32: what an epsilon asks for goes before what the model file says.
        "precision": _first(options.precision, None if privacy == "none" else "float32", template.get("precision"), "float32"),
        "return": _first(options.returns, template.get("return"), "trainable"),
        "privacy": privacy,
    }


def _named(what: str, known: dict[str, Json], given: Named) -> Json:
    """With every setting spelt out. snake_case is taken as well."""
    said = {"name": given} if isinstance(given, str) else {_camel(key): value for key, value in given.items()}
    defaults = known.get(str(said.get("name")))
    if defaults is None:
        raise bad_input(f"{what} {said.get('name')!r} is not known", f"Use one of: {', '.join(known)}.")
    unknown = said.keys() - defaults.keys() - {"name"}
    if unknown:
        raise bad_input(
            f"{what} {said['name']} has no setting {', '.join(sorted(unknown))}",
            f"Its settings are: {', '.join(defaults) or 'none'}.",
        )
    return {**defaults, **said}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
