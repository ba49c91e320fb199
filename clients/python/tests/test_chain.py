"""What a buyer does when others write at the same moment. The chain itself is met in test/e2e."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

import weighbridge as wb
from fakes import BUYER_KEY, network_of
from weighbridge.chain import BuyerChain

ORDER = {
    **{name: "0x" + "11" * 32 for name in ("keyId", "offer", "licence", "jobDigest", "salt")},
    **{name: "0x" + "22" * 20 for name in ("buyer", "operator")},
    "epsilonMicros": "0",
    "deadline": "1",
}
OFFER = {
    **{name: "0x" + "33" * 32 for name in ("datasetId", "termsDigest", "manifestDigest")},
    **{name: "1" for name in ("price", "nodeFee", "pricePerEpsilon", "maxEpsilonMicros", "validUntil")},
    "version": 1,
    "seller": "0x" + "22" * 20,
    "payees": [],
    "operators": [],
}


def chain_that_refuses(monkeypatch: pytest.MonkeyPatch, errors: list[wb.WeighbridgeError]) -> tuple[BuyerChain, list[int]]:
    """Whose node answers with these errors first; and the permits that were signed for it."""
    chain = BuyerChain(network_of(), Account.from_key(BUYER_KEY))
    permits: list[int] = []

    def permit(_amount: int) -> dict[str, Any]:
        permits.append(len(permits))
        return {"deadline": len(permits), "v": 27, "r": b"\0" * 32, "s": b"\0" * 32}

    def send(_data: str) -> str:
        if errors:
            raise errors.pop(0)
        return "0xdone"

    for name, made in (("_permit", permit), ("_send", send), ("order_state", lambda _id: "none"), ("usdfc_balance", lambda: 9)):
        monkeypatch.setattr(chain, name, made)
    return chain, permits


def refused(name: str) -> wb.WeighbridgeError:
    return wb.WeighbridgeError("TRANSACTION_REVERTED", f"the contract refused: {name}", next="", details={"error": name})


def test_signs_anew_when_another_run_of_the_account_was_paid_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = wb.WeighbridgeError("CHAIN_UNAVAILABLE", "the chain's node failed: nonce too low", next="", retryable=True)
    chain, permits = chain_that_refuses(monkeypatch, [refused("ERC20InsufficientAllowance"), lost])
    assert chain.open(ORDER, OFFER, "0x" + "44" * 32, 5) == "0xdone"
    assert permits == [0, 1, 2]


@pytest.mark.parametrize(("error", "times"), [("ERC20InsufficientAllowance", 10), ("OfferMismatch", 1)])
def test_does_not_try_for_ever_nor_what_is_refused_for_good(monkeypatch: pytest.MonkeyPatch, error: str, times: int) -> None:
    chain, permits = chain_that_refuses(monkeypatch, [refused(error) for _ in range(20)])
    with pytest.raises(wb.WeighbridgeError, match=error):
        chain.open(ORDER, OFFER, "0x" + "44" * 32, 5)
    assert len(permits) == times


def test_permits_the_price_to_the_marketplace_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    network, account = network_of(), Account.from_key(BUYER_KEY)
    chain = BuyerChain(network, account)
    told = {"name": "USDFC", "version": "1", "nonces": 4}
    monkeypatch.setattr(chain, "_read", lambda _contract, name, _args: told[name])
    monkeypatch.setattr(chain, "now", lambda: 1_000)
    permit = chain._permit(5)
    domain = {"name": "USDFC", "version": "1", "chainId": network.chain_id, "verifyingContract": network.usdfc}
    fields = [("owner", "address"), ("spender", "address"), ("value", "uint256"), ("nonce", "uint256"), ("deadline", "uint256")]
    types = {"Permit": [{"name": name, "type": kind} for name, kind in fields]}
    message = {"owner": account.address, "spender": network.marketplace, "value": 5, "nonce": 4, "deadline": 4_600}
    signature = (permit["v"], int.from_bytes(permit["r"], "big"), int.from_bytes(permit["s"], "big"))
    assert Account.recover_message(encode_typed_data(domain, types, message), vrs=signature) == account.address


def test_a_node_of_another_chain_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = BuyerChain(network_of(), Account.from_key(BUYER_KEY))
    asked: list[str] = []

    def post(method: str, _params: list[Any]) -> str:
        asked.append(method)
        return "0x1"

    monkeypatch.setattr(chain, "_post", post)
    with pytest.raises(wb.WeighbridgeError) as caught:
        chain.usdfc_balance()
    assert (caught.value.code, asked) == ("WRONG_CHAIN", ["eth_chainId"])
