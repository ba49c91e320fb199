"""EIP-712 types, ABIs and words, as the rest of the product has them (`contracts.json`, made by scripts/client-data.mjs)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import SignableMessage, _hash_eip191_message, encode_typed_data
from eth_utils.abi import abi_to_signature, collapse_if_tuple, function_abi_to_4byte_selector
from eth_utils.crypto import keccak

Json = dict[str, Any]


@cache
def _data() -> Json:
    data: Json = json.loads(resources.files(__package__).joinpath("contracts.json").read_text("utf-8"))
    return data


def job_states() -> list[str]:
    """In the order in which a job goes through them."""
    states: list[str] = _data()["jobStates"]
    return states


def refusals() -> dict[str, dict[str, str]]:
    """Of each reason that a job may be refused for: what it `means`, and what to do `next`."""
    words: dict[str, dict[str, str]] = _data()["refusals"]
    return words


def operators() -> frozenset[str]:
    """Those that a graph may use (docs/model-format.md)."""
    return frozenset(_data()["operators"])


@dataclass(frozen=True)
class Market:
    """The contract that orders are about: part of every digest, so that nothing replays elsewhere."""

    chain_id: int
    contract: str


def signable(market: Market, kind: str, message: Json) -> SignableMessage:
    """One of the product's typed messages, given in its JSON form (amounts as decimal strings)."""
    domain = {
        "name": "Weighbridge Marketplace",
        "version": "1",
        "chainId": market.chain_id,
        "verifyingContract": market.contract,
    }
    types = _data()["types"]
    return encode_typed_data(domain, {kind: types[kind], **_members(kind)}, native(kind, message))


def typed_digest(market: Market, kind: str, message: Json) -> str:
    """EIP-712 digest, `0x` and 64 hex digits."""
    return "0x" + _hash_eip191_message(signable(market, kind, message)).hex()


def native(kind: str, message: Json) -> Json:
    """The JSON form of a message as the encoders take it: whole numbers and bytes."""
    types = _data()["types"]
    return {field["name"]: _native(types, field["type"], message[field["name"]]) for field in types[kind]}


def _native(types: Json, kind: str, value: Any) -> Any:
    if kind.endswith("[]"):
        return [_native(types, kind[:-2], item) for item in value]
    if kind in types:
        return native(kind, value)
    if kind.startswith(("uint", "int")):
        return int(value)
    if kind.startswith("bytes"):
        return bytes.fromhex(str(value).removeprefix("0x"))
    return value


def _members(kind: str) -> Json:
    types = _data()["types"]
    nested = {field["type"].removesuffix("[]") for field in types[kind]} & types.keys()
    return {name: types[name] for name in nested}


def key_id_of(seller: str, dataset_id: str, version: int) -> str:
    """keccak256(abi.encode(seller, datasetId, version)): only its seller can list it."""
    packed = encode(["address", "bytes32", "uint32"], [seller, bytes.fromhex(dataset_id[2:]), version])
    return "0x" + keccak(packed).hex()


def _function(contract: str, name: str) -> Any:
    return next(item for item in _data()[contract] if item["type"] == "function" and item["name"] == name)


def encode_call(contract: str, name: str, args: list[Any]) -> str:
    """Calldata of a function. Structs are given as dictionaries by field name."""
    abi = _function(contract, name)
    kinds = [collapse_if_tuple(item) for item in abi["inputs"]]
    values = [_in_order(item, arg) for item, arg in zip(abi["inputs"], args, strict=True)]
    return "0x" + (function_abi_to_4byte_selector(abi) + encode(kinds, values)).hex()


def decode_result(contract: str, name: str, data: str) -> Any:
    """What a view function answered; a struct as a dictionary."""
    abi = _function(contract, name)
    kinds = [collapse_if_tuple(item) for item in abi["outputs"]]
    (value,) = decode(kinds, bytes.fromhex(data[2:]))
    return _by_name(abi["outputs"][0], value)


def event_topic(name: str) -> str:
    """First topic of one of the Marketplace's events."""
    abi = next(item for item in _data()["marketplace"] if item["type"] == "event" and item["name"] == name)
    return "0x" + keccak(text=abi_to_signature(abi)).hex()


def error_name(data: str) -> str:
    """The custom error that a revert names."""
    for item in (*_data()["marketplace"], *_data()["usdfc"]):
        if item["type"] == "error" and data.startswith("0x" + keccak(text=abi_to_signature(item))[:4].hex()):
            return str(item["name"])
    return "no reason given" if data == "0x" else f"unknown error {data[:10]}"


def _in_order(item: Any, value: Any) -> Any:
    if item["type"] == "tuple":
        return tuple(_in_order(part, value[part["name"]]) for part in item["components"])
    if item["type"] == "tuple[]":
        return [_in_order({**item, "type": "tuple"}, one) for one in value]
    return value


def _by_name(item: Any, value: Any) -> Any:
    if item["type"] == "tuple":
        parts = zip(item["components"], value, strict=True)
        return {part["name"]: _by_name(part, one) for part, one in parts}
    return "0x" + value.hex() if isinstance(value, bytes) else value
