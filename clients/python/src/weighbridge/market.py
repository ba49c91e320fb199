"""One buyer at one marketplace: what every call of this package works with."""

from __future__ import annotations

import os
from functools import cached_property

from eth_account.signers.local import LocalAccount

from . import contracts
from .api import MarketApi
from .chain import BuyerChain
from .datasets import Dataset, DatasetSummary
from .errors import WeighbridgeError
from .keys import read_account
from .network import Network, read_network
from .state import StateDir


class Market:
    """Made from a network file and a key file; each part is made when it is first needed.

    :param network: path or URL of the network file (default: `$WEIGHBRIDGE_NETWORK`, else the nearest
        `.weighbridge/network.json`)
    :param key_file: your private key, `0x` and 64 hex digits (default: `$WEIGHBRIDGE_KEY_FILE`); looking needs none
    :param state: directory for jobs and licences (default: `$WEIGHBRIDGE_STATE`, else the nearest `.weighbridge`)
    """

    def __init__(
        self,
        network: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        state: str | os.PathLike[str] | None = None,
    ) -> None:
        self._source = network
        self._key_file = key_file
        self.state = StateDir(state)

    @cached_property
    def network(self) -> Network:
        return read_network(self._source)

    @cached_property
    def account(self) -> LocalAccount:
        return read_account(self._key_file)

    @cached_property
    def api(self) -> MarketApi:
        return MarketApi(self.network, lambda: self.account)

    @cached_property
    def chain(self) -> BuyerChain:
        return BuyerChain(self.network, self.account)

    @property
    def deployed(self) -> contracts.Market:
        """Part of everything that is signed."""
        return contracts.Market(self.network.chain_id, self.network.marketplace)

    def search(self, words: str = "", first: int = 20) -> list[DatasetSummary]:
        """Datasets that hold these words, newest first."""
        page = self.api.search(words or None, first, None)
        return [DatasetSummary.of(node) for node in page["nodes"]]

    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset, by its id or the first 8 hex digits of it or more.

        :raises WeighbridgeError: DATASET_NOT_FOUND, OFFER_MISMATCH for an answer with another one: whoever asks is about to pay
        """
        found = Dataset.of(self.api.dataset(dataset_id))
        if found.id.removeprefix("0x").startswith(dataset_id.strip().lower().removeprefix("0x")):
            return found
        raise WeighbridgeError(
            "OFFER_MISMATCH",
            f"the marketplace answered with another dataset than {dataset_id}: {found.id}",
            next="Try again; if it happens again, the marketplace is broken or dishonest.",
        )
