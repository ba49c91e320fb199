"""The receipt of a job: about this very order, and verified, before anything is opened by it (`src/cli/train/collect.ts`)."""

from __future__ import annotations

import warnings
from typing import Any

from .canonical import canonical_json
from .errors import WeighbridgeError
from .market import Market
from .verification import judge

Json = dict[str, Any]


def receipt_of(market: Market, journal: Json) -> tuple[bytes, Json]:
    """:returns: its exact bytes, and what it says of the training
    :raises WeighbridgeError: RECEIPT_INVALID naming the first check that fails"""
    found = market.api.receipt(journal["orderId"])
    try:
        about, training = found["order"], found["training"]
        same = about["orderId"] == journal["orderId"] and about["order"]["jobDigest"] == journal["order"]["jobDigest"]
    except (KeyError, TypeError):
        same = False
    if not same:
        raise _bad_receipt("it is about another job, or there is none")
    receipt = canonical_json(found) + b"\n"
    verdict = judge(receipt, market.network.facts)
    if verdict is None:
        warnings.warn(
            "nobody has verified the receipt: there is no Node, or no weighbridge program, on this machine. Whether these "
            "weights are what was logged is the marketplace's word until weighbridge.verify says so where there are both.",
            stacklevel=2,
        )
    elif not verdict:
        failed = verdict.failed
        raise _bad_receipt("its verdict contradicts itself" if failed is None else f"{failed.name}: {failed.detail}")
    return receipt, training


def _bad_receipt(what: str) -> WeighbridgeError:
    return WeighbridgeError(
        "RECEIPT_INVALID",
        f"the receipt does not hold: {what}",
        next="Nothing was written. Try again; if it stays so, do not use this marketplace, and keep the job directory.",
    )
