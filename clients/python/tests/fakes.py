"""Edges of the package that are faked in its unit tests: the marketplace's API and the chain. Everything else is real. The real
ones are met in test/medium/python-client.spec.ts."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyrage
from eth_account import Account

import weighbridge as wb
from weighbridge.accounting import ORDERS
from weighbridge.canonical import canonical_json, json_digest, sha256_hex
from weighbridge.contracts import Market as Deployed
from weighbridge.contracts import key_id_of, signable, typed_digest
from weighbridge.datasets import Dataset
from weighbridge.errors import WeighbridgeError
from weighbridge.market import Market
from weighbridge.model_file import ModelFile
from weighbridge.network import Network
from weighbridge.tensors import Array, read_tensors, write_tensors

Json = dict[str, Any]

SELLER = Account.from_key("0x" + "5e" * 32)
BUYER_KEY = "0x" + "b0" * 32
OPERATOR = "0x" + "0e" * 20
PRICE_WEI = 5 * 10**18


def network_of(api_url: str = "http://127.0.0.1:1", chain_id: int = 31337) -> Network:
    """A network that nothing listens on."""
    return Network("test", chain_id, "http://127.0.0.1:1", api_url, "0x" + "11" * 20, "0x" + "22" * 20, OPERATOR, {})


def model_file(trainable: list[str] | None = None, tied: dict[str, str] | None = None) -> ModelFile:
    """A model of two tensors. Its graph is not one: only the marketplace would look into it."""
    tensors: dict[str, Array] = {"a.weight": np.ones((2, 3), np.float32), "b.weight": np.zeros(4, np.float32)}
    template: Json = {
        "trainable": trainable or ["a.weight"],
        "tied": tied or {},
        "inputs": [{"name": "x", "shape": [3], "dtype": "float32"}],
    }
    return ModelFile.build(template, b"", write_tensors(tensors))


COLUMNS: list[Json] = [
    *({"name": name, "type": "number", "range": {"min": 0, "max": 10}} for name in ("p", "q", "r")),
    {"name": "kind", "type": "integer", "range": {"min": 0, "max": 1}},
]


def budget(**change: Any) -> Json:
    """Terms that sell privacy, and allow nothing else."""
    return {"budget": {"epsilon": 10, "delta": 1e-5, "maxEpsilonPerJob": 8, "pricePerEpsilon": "0.5", **change}}


def dataset_of(
    columns: list[Json] | None = None,
    label: str | None = "kind",
    network: Network | None = None,
    privacy: Json | None = None,
) -> Dataset:
    """A dataset whose parts belong together, with the seller's real signature."""
    at = network or network_of()
    dataset_id = "0x" + "da" * 32
    key_id = key_id_of(SELLER.address, dataset_id, 1)
    manifest: Json = {"version": 1, "keyId": key_id, "columns": columns or COLUMNS, "rowCount": 100}
    manifest |= {"title": "Digits", "description": "", "wrappedKey": {"condition": {"keyId": key_id}}}
    manifest |= {} if label is None else {"label": label}
    manifest["pieces"] = [{"rowCount": 100}, *([] if "holdout" not in (privacy or {}) else [{"rowCount": 25, "holdout": True}])]
    terms: Json = {"version": 1, "title": "Terms", "text": "...", "purposes": ["research", "teaching"], "licenceDays": 30}
    terms["privacy"] = privacy or {"trainingWithoutPrivacy": True}
    offer: Json = {
        "datasetId": dataset_id,
        "version": 1,
        "seller": SELLER.address,
        "price": str(PRICE_WEI),
        "nodeFee": "0",
        "pricePerEpsilon": "0" if privacy is None else str(10**18 // 2),
        "maxEpsilonMicros": "0" if privacy is None else "8000000",
        "payees": [{"to": SELLER.address, "amount": str(PRICE_WEI)}],
        "operators": [OPERATOR],
        "termsDigest": f"0x{json_digest(terms)}",
        "manifestDigest": f"0x{json_digest(manifest)}",
        "validUntil": "2000000000",
    }
    deployed = Deployed(at.chain_id, at.marketplace)
    signature = "0x" + bytes(SELLER.sign_message(signable(deployed, "Offer", offer)).signature).hex()
    return Dataset(
        id=key_id,
        version=1,
        title="Digits",
        seller=SELLER.address,
        price_wei=PRICE_WEI,
        row_count=100,
        tags=[],
        revoked=False,
        listed_at="2026-11-26T00:00:00Z",
        description="",
        label=label,
        manifest=manifest,
        terms=terms,
        offer=offer,
        offer_signature=signature,
    )


class Broken(Exception):
    """The process dies here."""


class World:
    """A marketplace and a chain in memory. `break_at` names the call at which the process dies: before its effect as `x`, after
    it as `x!`."""

    def __init__(self, privacy: Json | None = None) -> None:
        self.network = network_of()
        self.dataset = dataset_of(network=self.network, privacy=privacy)
        #: Privacy loss of the rows, in billionths.
        self.spent: list[str] | None = None
        self.offer_digest = typed_digest(self._deployed, "Offer", self.dataset.offer)
        self.balance = 20 * 10**18
        self.now = 1_790_000_000
        self.orders: dict[str, str] = {}
        self.jobs: dict[str, Json] = {}
        self.blobs: dict[str, bytes] = {}
        self.licences: list[Json] = []
        self.opened = 0
        self.break_at: str | None = None
        self.refuse: str | None = None
        #: What the marketplace does not take of the model.
        self.rejects: str | None = None
        self.other_weights = False
        #: Whether what the marketplace says was paid back is so on chain.
        self.refunds = True

    @property
    def _deployed(self) -> Deployed:
        return Deployed(self.network.chain_id, self.network.marketplace)

    def step(self, name: str) -> None:
        if self.break_at == name:
            raise Broken(name)

    def market(self, root: Path) -> Market:
        """A market object whose API and chain are this world's."""
        key_file = root / "key"
        if not key_file.exists():
            key_file.write_text(BUYER_KEY + "\n")
            key_file.chmod(0o600)
        market = Market(key_file=key_file, state=root / "state")
        market.__dict__.update(network=self.network, api=FakeApi(self), chain=FakeChain(self))
        return market


class FakeChain:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> int:
        return self._world.now

    def offer_of(self, key_id: str) -> str:
        return self._world.offer_digest

    def is_revoked(self, key_id: str) -> bool:
        return self._world.dataset.revoked

    def is_licence_revoked(self, key_id: str, licence: str) -> bool:
        return False

    def order_state(self, order_id: str) -> str:
        return self._world.orders.get(order_id, "none")

    def usdfc_balance(self) -> int:
        return self._world.balance

    def open(self, order: Json, offer: Json, order_id: str, price_wei: int) -> str:
        self._world.step("open")
        if order_id not in self._world.orders:
            self._world.balance -= price_wei
            self._world.opened += 1
            self._world.orders[order_id] = "open"
        self._world.step("open!")
        return "0x" + "ab" * 32

    def refund_expired(self, order: Json, order_id: str) -> str:
        self._world.orders[order_id] = "refunded"
        return "0x" + "cd" * 32


class FakeApi:
    def __init__(self, world: World) -> None:
        self._world = world

    def dataset(self, dataset_id: str) -> Json:
        found = self._world.dataset
        names = {"priceWei": "price_wei", "rowCount": "row_count", "listedAt": "listed_at", "offerSignature": "offer_signature"}
        same = ("id", "version", "title", "seller", "tags", "revoked", "description", "label", "manifest", "terms", "offer")
        return {**{name: getattr(found, name) for name in same}, **{key: getattr(found, at) for key, at in names.items()}}

    def privacy_balance(self, dataset_id: str) -> Json:
        none = ["0"] * len(ORDERS)
        return {"shards": [{"shardId": "0x5a", "spent": self._world.spent or none, "reserved": none}]}

    def put_blob(self, data: bytes) -> None:
        self._world.step("blob")
        self._world.blobs[sha256_hex(data)] = data

    def get_blob(self, digest: str) -> bytes:
        self._world.step("download")
        return self._world.blobs[digest]

    def issue_licence(self, given: Json) -> Json:
        self._world.step("licence")
        if given not in self._world.licences:
            self._world.licences.append(given)
        self._world.step("licence!")
        return {"id": "0x", "logIndex": 3}

    def check_model(self, dataset_id: str, declaration: Json) -> Json:
        if self._world.rejects is not None:
            raise WeighbridgeError("MODEL_REJECTED", self._world.rejects, next="Change it.")
        missing = {declaration[field] for field in ("graph", "weights")} - self._world.blobs.keys()
        assert not missing
        return {"jobDigest": f"0x{json_digest(declaration)}", "epsilonMicros": "0", "priceWei": str(PRICE_WEI)}

    def submit_job(self, given: Json) -> Json:
        self._world.step("submit")
        order_id = typed_digest(Deployed(31337, "0x" + "11" * 20), "Order", given["order"])
        if self._world.orders.get(order_id) is None:
            raise WeighbridgeError("ESCROW_NOT_FOUND", "no payment", next="Pay.")
        if order_id not in self._world.jobs:
            self._world.jobs[order_id] = self._train(order_id, given)
        self._world.step("submit!")
        return {"id": order_id}

    def job(self, job_id: str) -> Json:
        self._world.step("watch")
        return self._world.jobs[job_id]

    def receipt(self, job_id: str) -> Any:
        self._world.step("receipt")
        return self._world.jobs[job_id]["receipt"]

    def _train(self, order_id: str, given: Json) -> Json:
        """Every trained tensor plus one, encrypted to the buyer."""
        declaration = given["declaration"]
        first = read_tensors(self._world.blobs[declaration["weights"]])
        names = first if declaration["return"] == "all" else declaration["trainable"]
        trained = {name: first[name] + np.float32(name in declaration["trainable"]) for name in names}
        weights = write_tensors(trained)
        sent = weights + b"x" if self._world.other_weights else weights
        ciphertext = pyrage.encrypt(sent, [pyrage.x25519.Recipient.from_str(given["recipient"])])
        self._world.blobs[sha256_hex(ciphertext)] = ciphertext
        refused = self._world.refuse is not None
        state = "refunded" if refused else "settled"
        self._world.orders[order_id] = state if self._world.refunds else "recorded"
        receipt = {
            "order": {"orderId": order_id, "order": given["order"]},
            "training": {
                "weightsDigest": "0x" + hashlib.sha256(weights).hexdigest(),
                "ciphertextDigest": "0x" + sha256_hex(ciphertext),
            },
        }
        assert canonical_json(receipt)
        return {
            "id": order_id,
            "state": state,
            "reason": self._world.refuse,
            "priceWei": str(PRICE_WEI),
            "refundTransaction": "0x" if refused else None,
            "progress": {"state": state, "step": 7, "of": 7, "reason": self._world.refuse},
            "receipt": receipt,
        }


def run(world: World, root: Path, file: ModelFile | None = None, **options: Any) -> wb.StateDict:
    given: dict[str, Any] = {"dataset": world.dataset.id, "purpose": "research", "progress": False, **options}
    return wb.train(file or model_file(), market=world.market(root), **given)
