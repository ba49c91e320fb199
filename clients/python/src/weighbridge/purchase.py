"""From a model and a dataset to a paid, submitted job. Every step that costs is in the job's journal before it happens, so the
same call goes on where it was interrupted and pays once (`src/cli/train`)."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .canonical import json_digest
from .contracts import typed_digest
from .datasets import Dataset, check_dataset
from .errors import WeighbridgeError, bad_input
from .identity import new_identity
from .journal import find_job, keep_model, write_job
from .licence import obtain_licence
from .market import Market
from .model_file import ModelFile
from .money import format_wei
from .state import lock

Json = dict[str, Any]

#: Time that a run needs at the very least: opening an order with less of it would only lock money.
_MIN_LEFT_SECONDS = 60
#: As the command line takes them.
_DEADLINE_MINUTES = range(2, 43_201)
#: An offer that changes more often than this while it is ordered against is not one to buy by.
_ATTEMPTS = 3
_MICROS = 1_000_000


def purchase(
    market: Market,
    dataset: Dataset,
    model_file: ModelFile,
    declaration: Json,
    purpose: str | None,
    deadline_minutes: int,
    *,
    again: bool,
    tokenizers: Sequence[bytes] = (),
) -> Json:
    """:returns: the journal of a job that is paid and submitted
    :raises WeighbridgeError: what a step says"""
    agreed = _purpose_of(purpose, dataset)
    if deadline_minutes not in _DEADLINE_MINUTES:
        raise bad_input(
            f"deadline_minutes: {deadline_minutes!r} is no such time",
            f"Give a whole number of minutes from {_DEADLINE_MINUTES[0]} to {_DEADLINE_MINUTES[-1]}.",
        )
    request = json_digest(
        {
            "chainId": market.network.chain_id,
            "marketplace": market.network.marketplace,
            "buyer": market.account.address,
            "keyId": dataset.id,
            "declaration": declaration,
            "purpose": agreed,
        }
    )
    with lock(market.state.jobs / f"{request}.lock"):
        earlier = find_job(market.state, request)
        if earlier is not None and earlier.get("outcome") == "settled" and again:
            earlier = None
        paid = None if earlier is None else pay_once(market, earlier)
        # Prepared against the offer that the chain holds now: if that changes under our hands, it is prepared again.
        for _ in range(_ATTEMPTS):
            if paid is not None:
                break
            fresh = _prepare(market, dataset, model_file, declaration, agreed, request, deadline_minutes, tokenizers)
            paid = pay_once(market, fresh)
        if paid is None:
            raise WeighbridgeError(
                "OFFER_MISMATCH",
                "the seller's offer changed each time that it was about to be paid",
                next="Nothing was paid. Try again later.",
                retryable=True,
            )
        return submit_once(market, paid)


def pay_once(market: Market, journal: Json) -> Json | None:
    """Pays the order into escrow, once: the chain is asked before anything is sent, and the contract refuses a second opening.

    :returns: None if the order can never be opened any more, or its money went back: a new one may be made
    """
    if "outcome" in journal or journal["submitted"]:
        return journal
    chain, order, order_id = market.chain, journal["order"], journal["orderId"]
    state = chain.order_state(order_id)
    left_seconds = int(order["deadline"]) - chain.now()
    if state == "none":
        # Both for good: the deadline is in the order, and the contract takes orders against the listed offer only.
        if left_seconds <= 0 or chain.offer_of(order["keyId"]) != order["offer"]:
            _end(market, journal, "abandoned")
            return None
        if left_seconds < _MIN_LEFT_SECONDS:
            raise WeighbridgeError(
                "DEADLINE_PASSED",
                f"the interrupted job's deadline is {left_seconds} seconds away, nothing was paid for it",
                next="Try again in a minute: a new job begins then.",
                retryable=True,
            )
    elif state == "refunded":
        _end(market, journal, "refunded")
        return None
    elif left_seconds < 0:
        # Paid, never submitted, and too late now: nobody else will ask for the money.
        chain.refund_expired(order, order_id)
        _end(market, journal, "refunded")
        return None
    opened = chain.open(order, journal["offer"], order_id, amount_of(journal["offer"], int(order["epsilonMicros"])))
    return write_job(market.state, {**journal, "opened": opened})


def submit_once(market: Market, journal: Json) -> Json:
    """Hands the paid order to the marketplace. Its repeat is answered with the same job."""
    if journal["submitted"]:
        return journal
    market.api.submit_job({key: journal[key] for key in ("order", "declaration", "recipient")})
    return write_job(market.state, {**journal, "submitted": True})


def amount_of(offer: Json, epsilon_micros: int) -> int:
    """What a run costs in wei, as the contract computes it: the price, and the price of its privacy loss, rounded up. A run
    without privacy (0) may reveal anything, and costs as much as the one that may reveal most."""
    charged = epsilon_micros or int(offer["maxEpsilonMicros"])
    return int(offer["price"]) - (-int(offer["pricePerEpsilon"]) * charged // _MICROS)


def epsilon_micros_of(declaration: Json) -> int:
    """The privacy loss of a run as its order names it, in millionths, rounded up; 0 for a run without privacy."""
    privacy = declaration["privacy"]
    return 0 if privacy == "none" else math.ceil(privacy["epsilon"] * _MICROS)


def _end(market: Market, journal: Json, outcome: str) -> None:
    write_job(market.state, {**journal, "outcome": outcome})


def _prepare(
    market: Market,
    dataset: Dataset,
    model_file: ModelFile,
    declaration: Json,
    purpose: str,
    request: str,
    deadline_minutes: int,
    tokenizers: Sequence[bytes],
) -> Json:
    """Everything that a job needs before it is paid. Nothing of it costs anything."""
    deployed, account, state, api, chain = market.deployed, market.account, market.state, market.api, market.chain
    offer_digest = check_dataset(dataset, deployed, chain)
    operator = _operator_of(dataset.offer, market)
    epsilon_micros = epsilon_micros_of(declaration)
    _expect_balance(market, amount_of(dataset.offer, epsilon_micros))
    deadline = chain.now() + deadline_minutes * 60
    for body in (model_file.graph, model_file.weights, *tokenizers):
        api.put_blob(body)
    # The marketplace looks at the model when it is submitted, which is after the payment: it is asked before as well.
    api.check_model(dataset.id, declaration)
    licence = obtain_licence(dataset, purpose, deadline, market=deployed, account=account, state=state, api=api, chain=chain)
    order = {
        "keyId": dataset.id,
        "offer": offer_digest,
        "buyer": account.address,
        "operator": operator,
        "licence": licence,
        "jobDigest": f"0x{json_digest(declaration)}",
        "epsilonMicros": str(epsilon_micros),
        "deadline": str(deadline),
        "salt": "0x" + secrets.token_hex(32),
    }
    order_id = typed_digest(deployed, "Order", order)
    recipient = new_identity(state.job(order_id))
    keep_model(state, order_id, model_file.to_bytes())
    journal = {
        "version": 1,
        "request": request,
        "chainId": deployed.chain_id,
        "marketplace": deployed.contract,
        "orderId": order_id,
        "order": order,
        "offer": dataset.offer,
        "declaration": declaration,
        "recipient": recipient,
        "title": dataset.title,
        "createdAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "submitted": False,
    }
    return write_job(state, journal)


def _purpose_of(given: str | None, dataset: Dataset) -> str:
    """Never a default: it is a promise."""
    if given in dataset.purposes:
        return str(given)
    said = "the licence needs a purpose" if given is None else f'"{given}" is not a purpose that the seller allows'
    allowed = ", ".join(f'"{purpose}"' for purpose in dataset.purposes)
    raise bad_input(said, f"Give purpose=... with one of: {allowed}.")


def _operator_of(offer: Json, market: Market) -> str:
    wanted = market.network.operator.lower()
    found = next((one for one in offer["operators"] if one.lower() == wanted), None)
    if found is not None:
        return str(found)
    raise WeighbridgeError(
        "OFFER_MISMATCH",
        "the seller does not allow this network's operator to train on this dataset",
        next="Choose another dataset, or the network of an operator that the offer names.",
    )


def _expect_balance(market: Market, price_wei: int) -> None:
    """The contract would refuse as well; here nothing has been signed or sent yet."""
    balance = market.chain.usdfc_balance()
    if balance < price_wei:
        raise WeighbridgeError(
            "NO_BALANCE",
            f"a run costs {format_wei(price_wei)} USDFC, you have {format_wei(balance)}",
            next=f"Send {format_wei(price_wei - balance)} USDFC or more to {market.account.address}, then try again.",
            details={"balanceWei": str(balance), "priceWei": str(price_wei)},
        )
