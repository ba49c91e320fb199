"""What of a run is private, as it is declared: held against the terms and what is left of the budget (docs/privacy.md)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .accounting import curve_epsilon, epsilon_of, noise_for, run_curve
from .datasets import Dataset
from .errors import WeighbridgeError, bad_input

Json = dict[str, Any]

_UNIT_ROWS = 8
_BILLION = 1_000_000_000
_MICROS = 1_000_000
# A loss beyond this says that a row was hopeless, and no more.
_LOSS_BOUND = 4
# Of half a column's range: a mean that is further off may be worse than the middle.
_MUCH_NOISE = 0.1
_SETTINGS = {"epsilon", "clippingNorm", "unit"}


@dataclass(frozen=True)
class Metric:
    """A number about rows that the seller holds out, bought beside the weights."""

    name: str
    epsilon: float
    bound: float

    @classmethod
    def of(cls, wanted: str | Mapping[str, Any] | None, epsilon: float | None) -> Metric | None:
        """:raises WeighbridgeError: BAD_INPUT"""
        if wanted is None and epsilon is None:
            return None
        said = {"name": wanted} if isinstance(wanted, str) else dict(wanted or {})
        name, bound = said.pop("name", None), said.pop("bound", None)
        known = name == "loss" or (name == "accuracy" and bound is None)
        if known and not said and _is_positive(epsilon) and (bound is None or _is_positive(bound)):
            return cls(str(name), float(epsilon or 0), 1 if name == "accuracy" else float(bound or _LOSS_BOUND))
        raise bad_input(
            f"it is not clear which metric to buy: {wanted!r}",
            'Give metric="accuracy", metric="loss" or metric={"name": "loss", "bound": 4}, with metric_epsilon=0.5.',
        )


def declared_privacy(
    wanted: Any,
    dataset: Dataset,
    batch_rows: int,
    epochs: int,
    metric: Metric | None = None,
    standardise_epsilon: float | None = None,
) -> Any:
    """`privacy` of the declaration: "none"; all that an epsilon decides; or what was spelt out in full. Held against the
    seller's terms here, before anything is paid.

    :raises WeighbridgeError: PRIVACY_REFUSED, BAD_INPUT, MODEL_DOES_NOT_FIT
    """
    budget = dataset.terms["privacy"].get("budget")
    spelt_out = isinstance(wanted, Mapping) and "noiseMultiplier" in wanted
    buys = metric is not None or standardise_epsilon is not None
    if buys and (wanted == "none" or spelt_out):
        raise bad_input(
            "a metric and standardised columns go with an epsilon",
            "Give privacy=3, or so; a spelt-out privacy spells them out too.",
        )
    if wanted == "none":
        if dataset.terms["privacy"].get("trainingWithoutPrivacy") is True:
            return wanted
        most = "" if budget is None else f", {budget['maxEpsilonPerJob']} at most"
        raise _refused("the terms allow no training without privacy", f"Give privacy=... with an epsilon{most}.")
    if budget is None:
        raise _refused("the terms sell no privacy budget", "Leave privacy out, or use other data.")
    declared = dict(wanted) if spelt_out else _with_noise(wanted, budget, dataset.row_count, batch_rows, epochs)
    if buys:
        declared = _with_bought(declared, metric, standardise_epsilon, dataset)
    protected = budget.get("unitColumn")
    if protected is not None and declared["unit"].get("column") != protected:
        raise _refused(f'the terms protect all rows of one "{protected}" together', "Leave the unit to the terms.")
    if declared.get("delta") != budget["delta"]:
        raise _refused(f"the terms count at a delta of {budget['delta']}", f"Declare delta {budget['delta']}.")
    if declared["epsilon"] > budget["maxEpsilonPerJob"]:
        raise _refused(
            f"a run may take epsilon {budget['maxEpsilonPerJob']}, this one takes {declared['epsilon']}",
            "Take more noise: fewer epochs, or a smaller epsilon.",
        )
    return declared


def assert_left(declared: Any, dataset: Dataset, balance: Json) -> None:
    """What the marketplace would refuse after the payment.

    :param balance: `privacyBalance` of the dataset: losses of its shards, in billionths
    :raises WeighbridgeError: BUDGET_EXHAUSTED
    """
    if declared == "none":
        return
    budget = dataset.terms["privacy"]["budget"]
    once = (declared.get(name, {}).get("noiseMultiplier") for name in ("metric", "moments"))
    run = run_curve(declared["samplingRate"], declared["noiseMultiplier"], declared["steps"], *once)
    for shard in balance["shards"]:
        taken = [(int(a) + int(b)) / _BILLION for a, b in zip(shard["spent"], shard["reserved"], strict=True)]
        if curve_epsilon([a + b for a, b in zip(taken, run, strict=True)], budget["delta"]) > budget["epsilon"]:
            spent = curve_epsilon(taken, budget["delta"])
            raise WeighbridgeError(
                "BUDGET_EXHAUSTED",
                f"the rows have {budget['epsilon']} epsilon for everybody, {spent:.3f} of it is taken: the run does not fit",
                next="Nothing was paid. Take a smaller epsilon, or wait for a version with new rows.",
            )


def warn_of_noise(declaration: Json, row_count: int) -> None:
    """Constants that are mostly noise cost as much as good ones: said before they are paid for."""
    moments = {} if declaration["privacy"] == "none" else declaration["privacy"].get("moments", {})
    columns = sum(one["kind"] == "standardise" for some in declaration["features"].values() for one in some)
    noise = moments.get("noiseMultiplier", 0) * math.sqrt(2 * columns) / row_count
    if noise > _MUCH_NOISE:
        warnings.warn(
            f"the means of {columns} columns are off by about {noise:.2g} of half their ranges: {row_count} rows are few for "
            "that. Standardise fewer columns, or scale by constants.",
            stacklevel=3,
        )


def _with_noise(wanted: Any, budget: Json, row_count: int, batch_rows: int, epochs: int) -> Json:
    delta = budget["delta"]
    said = {_camel(key): value for key, value in wanted.items()} if isinstance(wanted, Mapping) else {"epsilon": wanted}
    epsilon = said.get("epsilon")
    if not _is_positive(epsilon) or said.keys() - _SETTINGS:
        raise bad_input(
            f"privacy {wanted!r} is not known",
            'Give "none", an epsilon, or {"epsilon": 3, "clipping_norm": 1.0, "unit": {"column": "patient", "max_rows": 8}}.',
        )
    rows = min(batch_rows, row_count)
    sampling_rate, steps = rows / row_count, epochs * math.ceil(row_count / rows)
    noise = noise_for(epsilon=float(said["epsilon"]), delta=delta, sampling_rate=sampling_rate, steps=steps)
    return {
        "epsilon": epsilon,
        "delta": delta,
        "noiseMultiplier": noise,
        "clippingNorm": said.get("clippingNorm", 1),
        "samplingRate": sampling_rate,
        "steps": steps,
        "unit": _unit(said.get("unit"), budget.get("unitColumn")),
    }


def _with_bought(declared: Json, metric: Metric | None, standardise_epsilon: float | None, dataset: Dataset) -> Json:
    if metric is not None and not any(piece.get("holdout") is True for piece in dataset.manifest["pieces"]):
        raise WeighbridgeError(
            "MODEL_DOES_NOT_FIT",
            "the seller holds no rows out: there is nothing to measure with",
            next="Leave metric out, or train on a dataset that has such rows.",
        )
    delta = declared["delta"]

    def noise(epsilon: float) -> float:
        return noise_for(epsilon=epsilon, delta=delta, sampling_rate=1, steps=1)

    if standardise_epsilon is not None and not _is_positive(standardise_epsilon):
        raise bad_input(f"standardise_epsilon {standardise_epsilon!r} is no epsilon", "Give a number above 0.")
    bought: Json = {}
    if metric is not None:
        bought["metric"] = {"name": metric.name, "bound": metric.bound, "noiseMultiplier": noise(metric.epsilon)}
    if standardise_epsilon is not None:
        bought["moments"] = {"noiseMultiplier": noise(standardise_epsilon)}
    total = epsilon_of(
        sampling_rate=declared["samplingRate"],
        noise_multiplier=declared["noiseMultiplier"],
        steps=declared["steps"],
        delta=delta,
        metric_noise=bought.get("metric", {}).get("noiseMultiplier"),
        moments_noise=bought.get("moments", {}).get("noiseMultiplier"),
    )
    # In whole millionths, as orders pay.
    return {**declared, "epsilon": math.ceil(total * _MICROS) / _MICROS, **bought}


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _unit(said: Any, protected: str | None) -> Json:
    if said is None and protected is not None:
        return {"kind": "column", "column": protected, "maxRows": _UNIT_ROWS}
    if said is None or said == "row":
        return {"kind": "row"}
    try:
        return {"kind": "column", "column": str(said["column"]), "maxRows": int(said["max_rows"])}
    except (KeyError, TypeError, ValueError):
        raise bad_input(
            f"the privacy unit {said!r} is not known", 'Give "row", or {"column": "patient", "max_rows": 8}.'
        ) from None


def _refused(message: str, next: str) -> WeighbridgeError:
    return WeighbridgeError("PRIVACY_REFUSED", message, next=next)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
