"""The network file: the public facts of one deployment. It holds no secret (`src/kernel/network.ts`)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from .errors import WeighbridgeError

_HOW = 'Name one with network=... or WEIGHBRIDGE_NETWORK; "npm run dev" starts a network and writes .weighbridge/network.json.'
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Network:
    """What this package needs of a network file."""

    name: str
    chain_id: int
    rpc_url: str
    api_url: str
    marketplace: str
    usdfc: str
    operator: str
    #: The whole file.
    facts: dict[str, Any]


def read_network(source: str | os.PathLike[str] | None = None) -> Network:
    """Reads the file of that path or URL; else that of `$WEIGHBRIDGE_NETWORK`; else the nearest `.weighbridge/network.json`.

    :raises WeighbridgeError: CONFIG_INVALID
    """
    where = os.fspath(source) if source is not None else os.environ.get("WEIGHBRIDGE_NETWORK")
    if where is None:
        found = find_upwards(Path.cwd(), Path(".weighbridge") / "network.json")
        if found is None:
            raise WeighbridgeError("CONFIG_INVALID", "no network file was found", next=_HOW)
        where = str(found)
    try:
        facts = json.loads(_text_of(where))
        contracts = facts["contracts"]
        return Network(
            name=str(facts["name"]),
            chain_id=int(facts["chainId"]),
            rpc_url=str(facts["rpcUrl"]),
            api_url=str(facts["apiUrl"]),
            marketplace=str(contracts["marketplace"]),
            usdfc=str(contracts["usdfc"]),
            operator=str(facts["operator"]),
            facts=facts,
        )
    except (OSError, ValueError, KeyError, TypeError, httpx.HTTPError) as error:
        raise WeighbridgeError("CONFIG_INVALID", f"{where} is not a network file: {error!r}", next=_HOW) from error


def find_upwards(start: Path, relative: Path) -> Path | None:
    """The nearest existing `relative` in a directory or one above it."""
    return next((here / relative for here in (start, *start.parents) if (here / relative).exists()), None)


def _text_of(where: str) -> str:
    if where.startswith(("https://", "http://")):
        return httpx.get(where, timeout=_TIMEOUT_SECONDS, follow_redirects=True).raise_for_status().text
    return Path(where).read_text("utf-8")
