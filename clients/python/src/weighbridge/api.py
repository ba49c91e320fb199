"""The marketplace's GraphQL API and its blobs. An answer is used only in the shape that is expected."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from .canonical import sha256_hex
from .errors import WeighbridgeError
from .network import Network

Json = dict[str, Any]
T = TypeVar("T")

_TIMEOUT_SECONDS = 60.0
_BLOB_TIMEOUT_SECONDS = 600.0
_ATTEMPTS = 4
_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 10.0
_BUSY = {429, 502, 503, 504}
_SIGN_IN_LIFETIME = timedelta(minutes=10)

_SUMMARY = "id version title seller priceWei rowCount tags revoked listedAt"
_DATASET = f"{_SUMMARY} datasetId description label manifest terms offer offerSignature logIndex accessCount"
_PROGRESS = "id state step of reason secondsLeft fetchedBytes toFetchBytes"
_JOB = f"""id dataset {{ id title }} buyer operator worker state reason progress {{ {_PROGRESS} }} deadline priceWei jobDigest
  accessIndex completionIndex weightsDigest ciphertextDigest settleTransaction refundTransaction createdAt updatedAt"""
_PAGE = "totalCount pageInfo { hasNextPage endCursor }"


class MarketApi:
    """One session with one marketplace. Signs in when a call first needs it, and again when the session has run out."""

    def __init__(self, network: Network, account: Callable[[], LocalAccount]) -> None:
        self._network = network
        self._account = account
        self._token: str | None = None
        self._http = httpx.Client(timeout=_TIMEOUT_SECONDS)

    def search(self, words: str | None, first: int, after: str | None) -> Json:
        document = (
            "query Search($search: String, $first: Int!, $after: String) "
            f"{{ datasets(search: $search, first: $first, after: $after) {{ nodes {{ {_SUMMARY} }} {_PAGE} }} }}"
        )
        return self._open(document, {"search": words, "first": first, "after": after}, "datasets")

    def dataset(self, dataset_id: str) -> Json:
        """:raises WeighbridgeError: DATASET_NOT_FOUND"""
        found = self._open(f"query Dataset($id: String!) {{ dataset(id: $id) {{ {_DATASET} }} }}", {"id": dataset_id})
        if found["dataset"] is None:
            raise WeighbridgeError(
                "DATASET_NOT_FOUND",
                f"no dataset is listed as {dataset_id}",
                next="Find its id with weighbridge.search; the first 8 hex digits are enough.",
            )
        return _record(found["dataset"])

    def privacy_balance(self, dataset_id: str) -> Json:
        """What the marketplace says is taken of its privacy budget."""
        document = (
            "query PrivacyBalance($id: String!) { dataset(id: $id) { privacyBalance { shards { shardId spent reserved } } } }"
        )
        return _record(self._open(document, {"id": dataset_id}, "dataset")["privacyBalance"])

    def issue_licence(self, given: Json) -> Json:
        document = "mutation Licence($input: IssueLicenceInput!) { issueLicence(input: $input) { id logIndex } }"
        return self._own(document, {"input": given}, "issueLicence")

    def check_model(self, dataset_id: str, declaration: Json) -> Json:
        """What `submit_job` would refuse of a model, before its order is paid. Its files have been stored.

        :returns: `jobDigest`, `epsilonMicros` and `priceWei` of an order for it
        :raises WeighbridgeError: BAD_INPUT, MODEL_REJECTED, MODEL_DOES_NOT_FIT, PRIVACY_REFUSED
        """
        document = (
            "query Check($dataset: Bytes32!, $declaration: JSON!) "
            "{ checkModel(dataset: $dataset, declaration: $declaration) { jobDigest epsilonMicros priceWei } }"
        )
        return self._own(document, {"dataset": dataset_id, "declaration": declaration}, "checkModel")

    def submit_job(self, given: Json) -> Json:
        document = "mutation Submit($input: SubmitJobInput!) { submitJob(input: $input) { id } }"
        return self._own(document, {"input": given}, "submitJob")

    def job(self, job_id: str) -> Json:
        """:raises WeighbridgeError: JOB_NOT_FOUND"""
        found = self._own(f"query Job($id: String!) {{ job(id: $id) {{ {_JOB} }} }}", {"id": job_id})
        if found["job"] is None:
            raise WeighbridgeError(
                "JOB_NOT_FOUND",
                f"you have no job {job_id}",
                next="A job shows to its buyer, seller and operator only: check the id and the key file.",
            )
        return _record(found["job"])

    def receipt(self, job_id: str) -> Any:
        """None until the job is settled."""
        found = self._own("query Receipt($id: String!) { job(id: $id) { receipt } }", {"id": job_id})
        return (found["job"] or {}).get("receipt")

    def model_files(self, job_id: str) -> Any:
        """Card, bill of materials and signature: text by file name. Not checked here."""
        found = self._own("query ModelFiles($id: String!) { job(id: $id) { modelFiles } }", {"id": job_id})
        return (found["job"] or {}).get("modelFiles")

    def put_blob(self, data: bytes) -> None:
        """Stores bytes under their digest. Sending them twice is sending them once."""
        headers = {"content-type": "application/octet-stream"}
        self._blob("PUT", sha256_hex(data), content=data, headers=headers)

    def get_blob(self, digest: str) -> bytes:
        """Bytes by their digest, checked: the server is not trusted. :raises WeighbridgeError: DIGEST_MISMATCH"""
        data = self._blob("GET", digest).content
        if sha256_hex(data) == digest:
            return data
        raise WeighbridgeError(
            "DIGEST_MISMATCH",
            "the marketplace sent other bytes than those asked for",
            next="Try again; if it happens again, the marketplace is broken or dishonest.",
        )

    def _open(self, document: str, variables: Json, field: str | None = None) -> Json:
        return self._graphql(document, variables, field, token=None)

    def _own(self, document: str, variables: Json, field: str | None = None) -> Json:
        def call(token: str) -> Json:
            return self._graphql(document, variables, field, token=token)

        return self._signed_in(call)

    def _signed_in(self, call: Callable[[str], T]) -> T:
        self._token = self._token or self._sign_in()
        try:
            return call(self._token)
        except WeighbridgeError as error:
            if error.code != "UNAUTHENTICATED":
                raise
            # Sessions are short and training is long.
            self._token = self._sign_in()
            return call(self._token)

    def _sign_in(self) -> str:
        """Sign-in with Ethereum (EIP-4361). The token stays in this process."""
        account = self._account()
        nonce = self._graphql("mutation Nonce { createNonce }", {}, None, token=None)["createNonce"]
        now = datetime.now(UTC)
        message = siwe_message(self._network, account.address, str(nonce), now, now + _SIGN_IN_LIFETIME)
        signature = "0x" + account.sign_message(encode_defunct(text=message)).signature.hex().removeprefix("0x")
        document = (
            "mutation SignIn($message: String!, $signature: String!) "
            "{ signIn(message: $message, signature: $signature) { token } }"
        )
        # Not repeated: the nonce is used up whether or not the answer arrived.
        variables = {"message": message, "signature": signature}
        return str(self._graphql(document, variables, "signIn", token=None, repeat=False)["token"])

    def _graphql(self, document: str, variables: Json, field: str | None, *, token: str | None, repeat: bool = True) -> Json:
        headers = {"accept": "application/graphql-response+json, application/json", **_bearer(token)}
        body = {"query": document, "variables": variables}
        response = self._send("POST", "/graphql", repeat=repeat, json=body, headers=headers)
        answer = _json_of(response)
        errors = answer.get("errors")
        if isinstance(errors, list) and errors:
            raise _error_of({**errors[0].get("extensions", {}), "message": errors[0].get("message")}, response)
        data = answer.get("data")
        if not isinstance(data, dict):
            raise _error_of(answer, response)
        return data if field is None else _record(data[field])

    def _blob(self, method: str, digest: str, **options: Any) -> httpx.Response:
        def call(token: str) -> httpx.Response:
            headers = {**options.get("headers", {}), **_bearer(token)}
            sent = {**options, "headers": headers, "timeout": _BLOB_TIMEOUT_SECONDS}
            response = self._send(method, f"/blobs/sha256/{digest}", repeat=True, **sent)
            # A redirection is none: token and model go to the marketplace that the network file names, and nowhere else.
            if not response.is_success:
                raise _error_of(_json_of(response), response)
            return response

        return self._signed_in(call)

    def _send(self, method: str, path: str, *, repeat: bool, **options: Any) -> httpx.Response:
        """One exchange. What did not arrive is sent again a few times, if that is harmless; an answer is an answer."""
        url = urljoin(self._network.api_url, path)
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS or not repeat
            wait = _FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311
            try:
                response = self._http.request(method, url, **options)
            except httpx.HTTPError as error:
                if last:
                    raise self._away(error) from error
            else:
                if last or response.status_code not in _BUSY:
                    return response
                asked = response.headers.get("retry-after", "0")
                wait = max(wait, min(float(asked) if asked.isdigit() else 0.0, _MAX_WAIT_SECONDS))
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _away(self, error: httpx.HTTPError) -> WeighbridgeError:
        why = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
        return WeighbridgeError(
            "UNAVAILABLE",
            f"the marketplace at {self._network.api_url} {why}",
            next="Check that it runs and that the network file names it (apiUrl), then try again.",
            retryable=True,
        )


def siwe_message(network: Network, address: str, nonce: str, issued: datetime, expires: datetime) -> str:
    """The text of EIP-4361."""
    stamp = "%Y-%m-%dT%H:%M:%S.000Z"
    return (
        f"{urlsplit(network.api_url).netloc} wants you to sign in with your Ethereum account:\n{address}\n\n"
        f"Sign in to Weighbridge.\n\nURI: {network.api_url}\nVersion: 1\nChain ID: {network.chain_id}\nNonce: {nonce}\n"
        f"Issued At: {issued.strftime(stamp)}\nExpiration Time: {expires.strftime(stamp)}"
    )


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def _record(value: Any) -> Json:
    if isinstance(value, dict):
        return value
    raise WeighbridgeError(
        "INTERNAL",
        "the marketplace's answer has another shape than expected",
        next="Use the weighbridge version that fits this marketplace.",
    )


def _json_of(response: httpx.Response) -> Json:
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _error_of(fields: Json, response: httpx.Response) -> WeighbridgeError:
    by_status = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "BLOB_NOT_FOUND", 413: "TOO_LARGE", 429: "RATE_LIMITED"}
    away = "UNAVAILABLE" if response.status_code in _BUSY else "INTERNAL"
    code = str(fields.get("code") or by_status.get(response.status_code, away))
    return WeighbridgeError(
        code,
        str(fields.get("message") or f"the marketplace answered with status {response.status_code}"),
        next=str(fields.get("next") or "Try again; if it fails again, tell the marketplace."),
        details=fields.get("details") if isinstance(fields.get("details"), dict) else None,
        retryable=fields.get("retryable") is True or code in {"UNAVAILABLE", "RATE_LIMITED"},
    )
