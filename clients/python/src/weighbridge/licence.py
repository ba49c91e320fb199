"""Accepting a seller's terms for one purpose (`src/cli/train/licence.ts`)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from .api import MarketApi
from .chain import BuyerChain
from .contracts import Market, signable, typed_digest
from .datasets import Dataset
from .state import StateDir, read_json, write_json

Json = dict[str, Any]

_DAY_SECONDS = 86_400
#: A clock a little ahead of the marketplace's must not ask for more days than the terms give.
_CLOCK_SLACK_SECONDS = 300


def obtain_licence(
    dataset: Dataset,
    purpose: str,
    until: int,
    *,
    market: Market,
    account: LocalAccount,
    state: StateDir,
    api: MarketApi,
    chain: BuyerChain,
) -> str:
    """A licence for this dataset version and this very purpose that lasts beyond `until` (Unix seconds): one that is held, or a
    new one, signed and issued. :returns: its id"""
    held = _find_held(dataset, purpose, until, market, account, state, chain)
    held = held or _sign(dataset, purpose, market, account, state)
    if "logIndex" not in held:
        sent = {key: held[key] for key in ("licence", "signature", "pseudonymSignature", "purpose", "purposeSalt")}
        _save(state, {**held, "logIndex": api.issue_licence(sent)["logIndex"]})
    return str(held["licenceId"])


def _find_held(
    dataset: Dataset,
    purpose: str,
    until: int,
    market: Market,
    account: LocalAccount,
    state: StateDir,
    chain: BuyerChain,
) -> Json | None:
    for path in sorted(state.licences.glob("*.json")) if state.licences.is_dir() else []:
        held = read_json(path)
        if held is None:
            continue
        licence = held["licence"]
        fits = (
            held["chainId"] == market.chain_id
            and held["marketplace"].lower() == market.contract.lower()
            and held["purpose"] == purpose
            and licence["keyId"] == dataset.id
            and licence["termsDigest"] == dataset.offer["termsDigest"]
            and licence["buyer"].lower() == pseudonym_of(account, dataset.id).address.lower()
            and "pseudonymSignature" in held
            and int(licence["validUntil"]) > until
        )
        if fits and not chain.is_licence_revoked(dataset.id, held["licenceId"]):
            return held
    return None


def pseudonym_of(account: LocalAccount, key_id: str) -> LocalAccount:
    """The account that signs for this one in the records of one dataset version, and of no other: HKDF-SHA-256 (RFC 5869) of
    the account's key, as `src/cli/state/key-file.ts` has it."""
    secret = hmac.digest(bytes.fromhex(key_id.removeprefix("0x")), bytes(account.key), "sha256")
    key = hmac.digest(secret, b"weighbridge/pseudonym/v1" + bytes([1]), "sha256")
    pseudonym: LocalAccount = Account.from_key(key)
    return pseudonym


def _sign(dataset: Dataset, purpose: str, market: Market, account: LocalAccount, state: StateDir) -> Json:
    """Kept before it is issued: without its salt the purpose behind a logged commitment could never be shown."""
    salt = secrets.token_bytes(32)
    valid_until = int(time.time()) + dataset.terms["licenceDays"] * _DAY_SECONDS - _CLOCK_SLACK_SECONDS
    pseudonym = pseudonym_of(account, dataset.id)
    licence = {
        "keyId": dataset.id,
        "termsDigest": dataset.offer["termsDigest"],
        # What the log has in place of the account.
        "buyer": pseudonym.address,
        # Binds the buyer to what it said without saying it to everybody.
        "purposeCommitment": "0x" + hashlib.sha256(salt + purpose.encode()).hexdigest(),
        "validUntil": str(valid_until),
        "nonce": "0x" + secrets.token_hex(32),
    }
    signed = pseudonym.sign_message(signable(market, "Licence", licence))
    own = {"keyId": dataset.id, "pseudonym": pseudonym.address}
    owned = account.sign_message(signable(market, "Pseudonym", own))
    held = {
        "version": 1,
        "chainId": market.chain_id,
        "marketplace": market.contract,
        "licenceId": typed_digest(market, "Licence", licence),
        "licence": licence,
        "signature": "0x" + bytes(signed.signature).hex(),
        "pseudonymSignature": "0x" + bytes(owned.signature).hex(),
        "purpose": purpose,
        "purposeSalt": "0x" + salt.hex(),
    }
    _save(state, held)
    return held


def _save(state: StateDir, held: Json) -> None:
    write_json(state.licences / f"{held['licenceId']}.json", held)
