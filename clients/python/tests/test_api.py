"""What a marketplace may answer that nobody should believe. Faked: the wire."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import weighbridge as wb
from fakes import BUYER_KEY, network_of
from weighbridge.api import MarketApi
from weighbridge.canonical import sha256_hex
from weighbridge.keys import read_account

BLOB = b"weights"


@pytest.fixture
def api_that(tmp_path: Path) -> Callable[[httpx.Response], tuple[MarketApi, list[str]]]:
    """Of a buyer who is signed in, and the addresses that were asked."""

    def made(answer: httpx.Response) -> tuple[MarketApi, list[str]]:
        key = tmp_path / "key"
        key.write_text(BUYER_KEY)
        key.chmod(0o600)
        api = MarketApi(network_of("https://market.example"), lambda: read_account(key))
        asked: list[str] = []

        def answered(request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return answer

        api._http = httpx.Client(transport=httpx.MockTransport(answered))
        api._token = "a token"
        return api, asked

    return made


def test_a_blob_is_what_its_digest_says(api_that: Callable[..., tuple[MarketApi, list[str]]]) -> None:
    api, _ = api_that(httpx.Response(200, content=BLOB))
    assert api.get_blob(sha256_hex(BLOB)) == BLOB
    with pytest.raises(wb.WeighbridgeError, match="other bytes than those asked for") as caught:
        api.get_blob("00" * 32)
    assert caught.value.code == "DIGEST_MISMATCH"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_is_sent_nowhere_else(api_that: Callable[..., tuple[MarketApi, list[str]]], status: int) -> None:
    api, asked = api_that(httpx.Response(status, headers={"location": "https://elsewhere.example/"}))
    for call in (lambda: api.put_blob(BLOB), lambda: api.get_blob(sha256_hex(BLOB)), lambda: api.job("0x12345678")):
        with pytest.raises(wb.WeighbridgeError, match=f"answered with status {status}") as caught:
            call()
        assert caught.value.code == "INTERNAL"
    assert {httpx.URL(url).host for url in asked} == {"market.example"}
