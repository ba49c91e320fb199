"""Datasets as the marketplace tells of them, and the check that what it tells is what the seller signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_account import Account

from .canonical import json_digest
from .chain import BuyerChain
from .contracts import Market, key_id_of, signable, typed_digest
from .errors import WeighbridgeError
from .money import format_wei

Json = dict[str, Any]


@dataclass(frozen=True)
class DatasetSummary:
    """A line of a search."""

    id: str
    version: int
    title: str
    seller: str
    price_wei: int
    row_count: int
    tags: list[str]
    revoked: bool
    listed_at: str

    @property
    def price(self) -> str:
        """What a training run costs, in USDFC."""
        return format_wei(self.price_wei)

    @classmethod
    def of(cls, found: Json) -> DatasetSummary:
        """From an answer of the API."""
        return cls(**_summary(found))


@dataclass(frozen=True)
class Dataset(DatasetSummary):
    """One dataset version: its public schema, its terms, and the offer that the seller signed."""

    description: str
    label: str | None
    manifest: Json = field(repr=False)
    terms: Json = field(repr=False)
    offer: Json = field(repr=False)
    offer_signature: str = field(repr=False)

    @property
    def columns(self) -> list[Json]:
        """Name and type of each column, and the range or vocabulary that the seller declared."""
        columns: list[Json] = self.manifest["columns"]
        return columns

    @property
    def purposes(self) -> list[str]:
        """What the terms allow to train for: one of them is yours, word for word."""
        purposes: list[str] = self.terms["purposes"]
        return purposes

    @classmethod
    def of(cls, found: Json) -> Dataset:
        """From an answer of the API."""
        return cls(
            **_summary(found),
            description=found["description"],
            label=found["label"],
            manifest=found["manifest"],
            terms=found["terms"],
            offer=found["offer"],
            offer_signature=found["offerSignature"],
        )


def check_dataset(dataset: Dataset, market: Market, chain: BuyerChain) -> str:
    """Holds a dataset against the seller's signature and the chain: a buyer signs and pays for what it has seen, not for what
    the API made of it.

    :returns: the digest of the offer
    :raises WeighbridgeError: OFFER_MISMATCH naming what does not fit, DATASET_REVOKED, CHAIN_UNAVAILABLE
    """
    offer, manifest = dataset.offer, dataset.manifest
    digest = typed_digest(market, "Offer", offer)
    if key_id_of(offer["seller"], offer["datasetId"], offer["version"]) != dataset.id:
        raise _mismatch("the offer is for another dataset")
    if manifest["keyId"] != dataset.id or manifest["wrappedKey"]["condition"]["keyId"] != dataset.id:
        raise _mismatch("the manifest is of another dataset")
    if offer["manifestDigest"] != f"0x{json_digest(manifest)}":
        raise _mismatch("the manifest is not the one that was offered")
    if offer["termsDigest"] != f"0x{json_digest(dataset.terms)}":
        raise _mismatch("the terms are not the ones that were offered")
    told = _told_otherwise(dataset)
    if told is not None:
        raise _mismatch(f"its {told} is not what the seller signed")
    if not _signed_by(offer["seller"], market, offer, dataset.offer_signature):
        raise _mismatch("the seller did not sign the offer")
    if chain.is_revoked(dataset.id):
        raise WeighbridgeError(
            "DATASET_REVOKED", "the seller has revoked this dataset", next="Choose another: weighbridge.search."
        )
    if chain.offer_of(dataset.id) != digest:
        raise _mismatch("the chain holds another offer: the seller may just have changed it")
    return digest


def _told_otherwise(dataset: Dataset) -> str | None:
    """What a buyer looks at is told beside what is signed: the price that it saw must be the one that it pays."""
    offer, manifest = dataset.offer, dataset.manifest
    told: dict[str, tuple[Any, Any]] = {
        "price": (dataset.price_wei, int(offer["price"])),
        "seller": (dataset.seller.lower(), offer["seller"].lower()),
        "version": (dataset.version, offer["version"]),
        "title": (dataset.title, manifest["title"]),
        "description": (dataset.description, manifest["description"]),
        "number of rows": (dataset.row_count, manifest["rowCount"]),
        "label": (dataset.label, manifest.get("label")),
    }
    return next((name for name, (said, signed) in told.items() if said != signed), None)


def _signed_by(seller: str, market: Market, offer: Json, signature: str) -> bool:
    try:
        signer = Account.recover_message(signable(market, "Offer", offer), signature=signature)
    except Exception:  # many libraries take part in a recovery, and a signature that none of them can read is none
        return False
    return bool(signer.lower() == seller.lower())


def _summary(found: Json) -> Json:
    return {
        "id": found["id"],
        "version": found["version"],
        "title": found["title"],
        "seller": found["seller"],
        "price_wei": int(found["priceWei"]),
        "row_count": found["rowCount"],
        "tags": found["tags"],
        "revoked": found["revoked"],
        "listed_at": found["listedAt"],
    }


def _mismatch(what: str) -> WeighbridgeError:
    return WeighbridgeError(
        "OFFER_MISMATCH",
        f"the marketplace's answer does not hold: {what}",
        next="Look at the dataset again. If this stays, do not buy it here, and tell the seller.",
    )
