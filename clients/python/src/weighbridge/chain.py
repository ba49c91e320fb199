"""What a buyer does on chain, through JSON-RPC. Every write looks at the chain first, so that it may be repeated."""

from __future__ import annotations

import time
from typing import Any

import httpx
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from .contracts import decode_result, encode_call, error_name, event_topic, native
from .errors import WeighbridgeError
from .money import format_wei
from .network import Network

Json = dict[str, Any]

_STATES = ("none", "open", "recorded", "settled", "refunded")
_TIMEOUT_SECONDS = 10.0
_ATTEMPTS = 3
_RECEIPT_TIMEOUT_SECONDS = 90.0
_POLL_SECONDS = 0.25
#: Long enough for a slow block, too short to lie about.
_PERMIT_SECONDS = 3_600
#: A permit counts once, and so does a nonce: of runs that are paid at the same moment one wins a round, the others sign anew.
_ROUNDS = 10
#: Public nodes answer for at most a day of 30 s blocks at a time.
_WINDOW_BLOCKS = 2_880
_ZERO_WORD = b"\0" * 32
_NO_PERMIT = {"deadline": 0, "v": 0, "r": _ZERO_WORD, "s": _ZERO_WORD}
_NO_PROOF = {"size": 0, "index": 0, "proof": [], "entry": b""}

#: Reverts that have a code of their own; all others are TRANSACTION_REVERTED.
_REVERTS = {
    "OfferMismatch": ("OFFER_MISMATCH", "Look at the dataset again: the seller changed the offer."),
    "OfferExpired": ("OFFER_MISMATCH", "Ask the seller to list the dataset again."),
    "OperatorNotAllowed": ("OFFER_MISMATCH", "Use the network of an operator that the offer names."),
    "KeyRevoked": ("DATASET_REVOKED", "Choose another dataset or version."),
    "LicenceIsRevoked": ("DATASET_REVOKED", "Ask the seller for a new licence."),
    "BadDeadline": ("BAD_INPUT", "Choose a deadline in the future and at most 30 days away."),
    "DeadlinePassed": ("DEADLINE_PASSED", "The order can only be refunded now."),
    "ERC20InsufficientBalance": ("NO_BALANCE", "Top up the account with USDFC and try again."),
    "NothingOwed": ("NO_BALANCE", "There is nothing to withdraw."),
}


class BuyerChain:
    """One account on one chain."""

    def __init__(self, network: Network, account: LocalAccount) -> None:
        self._network = network
        self._account = account
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS)
        self._checked = False

    def now(self) -> int:
        """Time of the latest block, Unix seconds: deadlines are held against it."""
        return int(self._rpc("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)

    def offer_of(self, key_id: str) -> str:
        """Digest of the offer that counts now."""
        return str(self._read("marketplace", "offerOf", [_word(key_id)]))

    def is_revoked(self, key_id: str) -> bool:
        return bool(self._read("marketplace", "isRevoked", [_word(key_id)]))

    def is_licence_revoked(self, key_id: str, licence: str) -> bool:
        return bool(self._read("marketplace", "isLicenceRevoked", [_word(key_id), _word(licence)]))

    def order_state(self, order_id: str) -> str:
        """none, open, recorded, settled or refunded."""
        return _STATES[self._read("marketplace", "order", [_word(order_id)])["state"]]

    def usdfc_balance(self) -> int:
        """In wei."""
        return int(self._read("usdfc", "balanceOf", [self._account.address]))

    def open(self, order: Json, offer: Json, order_id: str, price_wei: int) -> str:
        """Pays the price into escrow with an EIP-2612 permit, in one transaction. A repeat is answered with the transaction
        that did it. Order and offer are in their JSON form.

        :raises WeighbridgeError: NO_BALANCE, OFFER_MISMATCH, DATASET_REVOKED, CHAIN_UNAVAILABLE
        """
        if self.order_state(order_id) != "none":
            return self._event("Opened", order_id)
        balance = self.usdfc_balance()
        if balance < price_wei:
            raise WeighbridgeError(
                "NO_BALANCE",
                f"the price is {format_wei(price_wei)} USDFC, the account has {format_wei(balance)}",
                next=f"Send {format_wei(price_wei - balance)} USDFC more to {self._account.address}, then try again.",
            )
        rounds_left = _ROUNDS
        while True:
            rounds_left -= 1
            permit = self._permit(price_wei) if price_wei > 0 else _NO_PERMIT
            try:
                return self._send(encode_call("marketplace", "open", [native("Order", order), native("Offer", offer), permit]))
            except WeighbridgeError as error:
                if rounds_left == 0 or not _was_overtaken(error):
                    raise

    def refund_expired(self, order: Json, order_id: str) -> str:
        """Credits the buyer after the deadline; no proof is needed, and anyone may."""
        if self.order_state(order_id) == "refunded":
            return self._event("Refunded", order_id)
        return self._send(encode_call("marketplace", "refund", [native("Order", order), _ZERO_WORD, b"", _NO_PROOF]))

    def _permit(self, amount_wei: int) -> Json:
        deadline = self.now() + _PERMIT_SECONDS
        domain = {
            "name": self._read("usdfc", "name", []),
            "version": self._read("usdfc", "version", []),
            "chainId": self._network.chain_id,
            "verifyingContract": self._network.usdfc,
        }
        fields = {
            "owner": "address",
            "spender": "address",
            "value": "uint256",
            "nonce": "uint256",
            "deadline": "uint256",
        }
        message = {
            "owner": self._account.address,
            "spender": self._network.marketplace,
            "value": amount_wei,
            "nonce": self._read("usdfc", "nonces", [self._account.address]),
            "deadline": deadline,
        }
        types = {"Permit": [{"name": name, "type": kind} for name, kind in fields.items()]}
        signed = self._account.sign_message(encode_typed_data(domain, types, message))
        return {
            "deadline": deadline,
            "v": signed.v,
            "r": int(signed.r).to_bytes(32, "big"),
            "s": int(signed.s).to_bytes(32, "big"),
        }

    def _send(self, data: str) -> str:
        """Simulates, sends, waits. :returns: the hash of the transaction, which succeeded"""
        call = {"from": self._account.address, "to": self._network.marketplace, "data": data}
        self._rpc("eth_call", [call, "latest"])
        # A quarter more than the estimate: somebody else's transaction may change the way through the contract.
        gas = int(self._rpc("eth_estimateGas", [call]), 16) * 5 // 4
        nonce = int(self._rpc("eth_getTransactionCount", [self._account.address, "pending"]), 16)
        base_fee = int(self._rpc("eth_getBlockByNumber", ["latest", False]).get("baseFeePerGas", "0x0"), 16)
        tip = int(self._rpc("eth_maxPriorityFeePerGas", []), 16)
        transaction: Json = {
            "type": 2,
            "chainId": self._network.chain_id,
            "nonce": nonce,
            "to": to_checksum_address(self._network.marketplace),
            "data": data,
            "value": 0,
            "gas": gas,
            "maxFeePerGas": 2 * base_fee + tip,
            "maxPriorityFeePerGas": tip,
        }
        signed = self._account.sign_transaction(transaction)
        raw = bytes(signed.raw_transaction)
        sent = "0x" + keccak(raw).hex()
        try:
            self._rpc("eth_sendRawTransaction", ["0x" + raw.hex()])
        except WeighbridgeError:
            # The answer may be lost and the transaction not: its hash is known before it is sent.
            if self._rpc("eth_getTransactionByHash", [sent]) is None:
                raise
        return self._mined(sent, call)

    def _mined(self, transaction: str, call: Json) -> str:
        until = time.monotonic() + _RECEIPT_TIMEOUT_SECONDS
        while time.monotonic() < until:
            receipt = self._rpc("eth_getTransactionReceipt", [transaction])
            if receipt is not None:
                if int(receipt["status"], 16) == 1:
                    return transaction
                # The chain keeps no reason: the same call most often fails in the same way again.
                self._rpc("eth_call", [call, "latest"])
                raise WeighbridgeError(
                    "TRANSACTION_REVERTED",
                    f"transaction {transaction} failed",
                    next="Try again: by now it would succeed.",
                )
            time.sleep(_POLL_SECONDS)
        raise WeighbridgeError(
            "CHAIN_UNAVAILABLE",
            f"transaction {transaction} is in no block after a minute and a half",
            next="Try again: it is looked first whether the transaction got through.",
            retryable=True,
        )

    def _event(self, name: str, order_id: str) -> str:
        """The transaction in which the Marketplace said this of the order, searched backwards."""
        to_block = int(self._rpc("eth_blockNumber", []), 16)
        while True:
            from_block = max(0, to_block - _WINDOW_BLOCKS + 1)
            wanted = {
                "address": self._network.marketplace,
                "topics": [event_topic(name), order_id],
                "fromBlock": hex(from_block),
                "toBlock": hex(to_block),
            }
            logs = self._rpc("eth_getLogs", [wanted])
            if logs:
                return str(logs[-1]["transactionHash"])
            if from_block == 0:
                raise WeighbridgeError(
                    "CHAIN_UNAVAILABLE",
                    "the chain shows the step as done, but not its transaction",
                    next="Ask a node that keeps the event history; the call is safe to repeat.",
                    retryable=True,
                )
            to_block = from_block - 1

    def _read(self, contract: str, name: str, args: list[Any]) -> Any:
        to = self._network.marketplace if contract == "marketplace" else self._network.usdfc
        answer = self._rpc("eth_call", [{"to": to, "data": encode_call(contract, name, args)}, "latest"])
        if answer == "0x":
            raise WeighbridgeError(
                "CONFIG_INVALID",
                "there is no such contract on this chain",
                next="Compare the contract addresses of the network file with the deployment.",
            )
        return decode_result(contract, name, answer)

    def _rpc(self, method: str, params: list[Any]) -> Any:
        if not self._checked:
            chain_id = int(self._post("eth_chainId", []), 16)
            if chain_id != self._network.chain_id:
                raise WeighbridgeError(
                    "WRONG_CHAIN",
                    f"the node serves chain {chain_id}, the network is {self._network.chain_id}",
                    next="Point the network file at a node of its own chain.",
                )
            self._checked = True
        return self._post(method, params)

    def _post(self, method: str, params: list[Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._http.post(self._network.rpc_url, json=body).raise_for_status().json()
                break
            except (httpx.HTTPError, ValueError) as error:
                if attempt == _ATTEMPTS:
                    raise _chain_away(self._network.rpc_url, error) from error
                time.sleep(_POLL_SECONDS * attempt)
        if "error" in answer:
            raise _rpc_error(answer["error"])
        return answer["result"]


def _was_overtaken(error: WeighbridgeError) -> bool:
    """Another process spent the account's permit or nonce between our signing and our sending: nothing was paid here."""
    return error.details.get("error") == "ERC20InsufficientAllowance" or "nonce too low" in error.message


def _word(hex32: str) -> bytes:
    return bytes.fromhex(hex32.removeprefix("0x"))


def _chain_away(url: str, error: Exception) -> WeighbridgeError:
    return WeighbridgeError(
        "CHAIN_UNAVAILABLE",
        f"the chain at {url} did not answer ({type(error).__name__})",
        next="Check that the node runs, then try again: nothing is paid twice.",
        retryable=True,
    )


def _rpc_error(error: Json) -> WeighbridgeError:
    data = error.get("data")
    if isinstance(data, dict):  # some nodes wrap it once more
        data = data.get("data")
    text = str(error.get("message", ""))
    if not isinstance(data, str) and "revert" not in text.lower():
        return WeighbridgeError(
            "CHAIN_UNAVAILABLE",
            f"the chain's node failed: {text}",
            next="Check that the node at the network file's rpcUrl is up; the call is safe to repeat.",
            retryable=True,
        )
    name = error_name(data if isinstance(data, str) else "0x")
    code, advice = _REVERTS.get(name, ("TRANSACTION_REVERTED", "Look at the order's state on chain, then decide again."))
    return WeighbridgeError(code, f"the contract refused: {name}", next=advice, details={"error": name})
