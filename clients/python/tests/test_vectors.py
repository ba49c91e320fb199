"""What TypeScript computed (test/vectors/client-vectors.spec.ts) comes out the same here."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from fakes import budget, dataset_of, network_of
from weighbridge.accounting import epsilon_of
from weighbridge.api import siwe_message
from weighbridge.canonical import canonical_json
from weighbridge.contracts import Market, encode_call, key_id_of, native, refusals, typed_digest
from weighbridge.features import features_for, label_for
from weighbridge.licence import pseudonym_of
from weighbridge.privacy import Metric, declared_privacy
from weighbridge.purchase import amount_of

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[3] / "test" / "vectors" / "python-client.json").read_text("utf-8"))
MARKET = Market(VECTORS["market"]["chainId"], VECTORS["market"]["contract"])


def test_canonical_json() -> None:
    assert canonical_json(VECTORS["canonical"]["value"]).decode() == VECTORS["canonical"]["text"]


@pytest.mark.parametrize("kind", ["offer", "licence", "order"])
def test_typed_data_digests(kind: str) -> None:
    assert typed_digest(MARKET, kind.capitalize(), VECTORS[kind]["message"]) == VECTORS[kind]["digest"]


@pytest.mark.parametrize("kind", ["offer", "licence", "order"])
def test_every_field_is_in_the_digest(kind: str) -> None:
    message = VECTORS[kind]["message"]
    for field, value in message.items():
        if isinstance(value, list):
            other: Any = value[:-1]
        elif isinstance(value, int) or not value.startswith("0x"):
            other = str(int(value) + 1)
        else:
            other = value[:-1] + ("1" if value[-1] != "1" else "2")
        assert typed_digest(MARKET, kind.capitalize(), {**message, field: other}) != VECTORS[kind]["digest"], field


def test_key_id() -> None:
    offer = VECTORS["offer"]["message"]
    assert key_id_of(offer["seller"], offer["datasetId"], offer["version"]) == VECTORS["keyId"]


def test_pseudonym() -> None:
    vector = VECTORS["pseudonym"]
    pseudonym = pseudonym_of(Account.from_key(vector["accountKey"]), vector["keyId"])
    assert pseudonym.address == vector["address"]
    own = {"keyId": vector["keyId"], "pseudonym": pseudonym.address}
    assert typed_digest(MARKET, "Pseudonym", own) == vector["digest"]


def test_calldata_of_a_payment() -> None:
    zero = b"\0" * 32
    permit = {"deadline": 0, "v": 0, "r": zero, "s": zero}
    order, offer = native("Order", VECTORS["order"]["message"]), native("Offer", VECTORS["offer"]["message"])
    assert encode_call("marketplace", "open", [order, offer, permit]) == VECTORS["openWithoutPermit"]


def test_amounts() -> None:
    for one in VECTORS["amounts"]:
        assert str(amount_of(one["offer"], int(one["epsilonMicros"]))) == one["amountWei"]


@pytest.mark.parametrize("one", VECTORS["privacy"])
def test_noise_and_epsilon(one: dict[str, Any]) -> None:
    dataset = replace(dataset_of(privacy=budget(delta=one["delta"], maxEpsilonPerJob=9)), row_count=one["rowCount"])
    declared = declared_privacy(one["epsilon"], dataset, one["batchRows"], one["epochs"])
    assert declared == {
        **{name: one[name] for name in ("epsilon", "delta", "samplingRate", "steps", "noiseMultiplier")},
        "clippingNorm": 1,
        "unit": {"kind": "row"},
    }
    cost = epsilon_of(
        sampling_rate=one["samplingRate"],
        noise_multiplier=one["noiseMultiplier"],
        steps=one["steps"],
        delta=one["delta"],
    )
    assert cost == pytest.approx(one["cost"], rel=1e-10)
    metric = one["metric"]
    measuring = replace(dataset, manifest={**dataset.manifest, "pieces": [{"rowCount": 9, "holdout": True}]})
    bought = Metric.of("accuracy", metric["epsilon"])
    with_metric = declared_privacy(one["epsilon"], measuring, one["batchRows"], one["epochs"], bought)
    assert with_metric["metric"]["noiseMultiplier"] == metric["noiseMultiplier"]
    assert metric["both"] <= with_metric["epsilon"] <= metric["both"] + 1e-6 * 1.001
    moments = one["moments"]
    with_all = declared_privacy(one["epsilon"], measuring, one["batchRows"], one["epochs"], bought, moments["epsilon"])
    assert with_all["moments"] == {"noiseMultiplier": moments["noiseMultiplier"]}
    assert moments["all"] <= with_all["epsilon"] <= moments["all"] + 1e-6 * 1.001


def test_every_refusal_has_words_and_advice() -> None:
    assert set(refusals()) == set(VECTORS["refusalReasons"])
    for words in refusals().values():
        assert words.keys() == {"means", "next"}
        assert all(words.values())


def test_sign_in_message() -> None:
    network = network_of(api_url="https://market.example:8080/api", chain_id=MARKET.chain_id)
    issued = datetime(2026, 11, 26, 4, tzinfo=UTC)
    buyer = VECTORS["order"]["message"]["buyer"]
    text = siwe_message(network, buyer, "abcdefgh12345678", issued, issued + timedelta(minutes=10))
    assert text == VECTORS["siwe"]


def test_features_and_label_of_a_schema() -> None:
    schema = VECTORS["schema"]
    dataset = dataset_of(schema["manifest"]["columns"], schema["manifest"]["label"])
    inputs = [{"name": "x", "shape": [5], "dtype": "float32"}]
    assert len(schema["features"]) == 4
    label = label_for("cross-entropy", inputs, dataset, None)
    assert {key: label[key] for key in ("column", "classes")} == {key: schema["label"][key] for key in ("column", "classes")}
    assert features_for(inputs, dataset, {"sick"}, None) == {"x": schema["features"]}
