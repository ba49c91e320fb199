"""What a marketplace or a seller may tell that is not so: it costs nothing, and nothing is opened by it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import weighbridge as wb
from fakes import COLUMNS, PRICE_WEI, SELLER, Broken, World, dataset_of, run
from weighbridge.canonical import json_digest
from weighbridge.contracts import Market as Deployed
from weighbridge.contracts import signable, typed_digest
from weighbridge.journal import known_jobs
from weighbridge.model_files import NAMES


def other(world: World, **changes: Any) -> None:
    world.dataset = replace(world.dataset, **changes)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda w: other(w, terms={**w.dataset.terms, "text": "Anything goes."}), "OFFER_MISMATCH"),
        (lambda w: other(w, manifest={**w.dataset.manifest, "pieces": []}), "OFFER_MISMATCH"),
        (lambda w: other(w, offer={**w.dataset.offer, "price": "1"}), "OFFER_MISMATCH"),
        (lambda w: other(w, offer_signature="0x" + "11" * 65), "OFFER_MISMATCH"),
        (lambda w: setattr(w, "offer_digest", "0x" + "00" * 32), "OFFER_MISMATCH"),
        (lambda w: other(w, revoked=True), "DATASET_REVOKED"),
    ],
)
def test_a_marketplace_that_tells_another_story(world: World, tmp_path: Path, spoil: Any, code: str) -> None:
    spoil(world)
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path)
    assert caught.value.code == code
    assert (world.opened, len(world.licences)) == (0, 0)


def test_an_answer_with_another_dataset_than_was_asked_for(world: World, tmp_path: Path) -> None:
    asked = "0x" + "77" * 32
    with pytest.raises(wb.WeighbridgeError, match="another dataset than 0x7777") as caught:
        run(world, tmp_path, dataset=asked)
    assert caught.value.code == "OFFER_MISMATCH"
    assert (world.opened, len(world.licences), len(world.blobs)) == (0, 0, 0)
    run(world, tmp_path, dataset=f" {world.dataset.id[2:10].upper()}")
    assert world.opened == 1


@pytest.mark.parametrize(
    ("told", "signed"),
    [
        ({"price_wei": PRICE_WEI - 1}, "price"),
        ({"seller": "0x" + "12" * 20}, "seller"),
        ({"version": 2}, "version"),
        ({"title": "Other digits"}, "title"),
        ({"description": "For free."}, "description"),
        ({"row_count": 1_000}, "number of rows"),
        ({"label": "sick"}, "label"),
    ],
)
def test_what_is_told_beside_the_offer_is_what_was_signed(
    world: World, tmp_path: Path, told: dict[str, Any], signed: str
) -> None:
    sick = {"name": "sick", "type": "integer", "range": {"min": 0, "max": 1}}
    world.dataset = dataset_of([*COLUMNS, sick], network=world.network)
    world.offer_digest = typed_digest(Deployed(31337, "0x" + "11" * 20), "Offer", world.dataset.offer)
    other(world, **told)
    with pytest.raises(wb.WeighbridgeError, match=f"its {signed} is not what the seller signed") as caught:
        run(world, tmp_path, features=["p", "q", "r"])
    assert caught.value.code == "OFFER_MISMATCH"
    assert (world.opened, len(world.licences), len(world.blobs)) == (0, 0, 0)


def sign_anew(world: World, manifest: dict[str, Any] | None = None, offer: dict[str, Any] | None = None) -> None:
    """The seller's word, and the chain's, for a dataset of which something is another."""
    deployed = Deployed(31337, "0x" + "11" * 20)
    changed = {**world.dataset.manifest, **(manifest or {})}
    offered = {**world.dataset.offer, "manifestDigest": f"0x{json_digest(changed)}", **(offer or {})}
    signature = "0x" + bytes(SELLER.sign_message(signable(deployed, "Offer", offered)).signature).hex()
    other(world, manifest=changed, offer=offered, offer_signature=signature, price_wei=int(offered["price"]))
    world.offer_digest = typed_digest(deployed, "Offer", offered)


def test_an_operator_that_the_seller_does_not_allow(world: World, tmp_path: Path) -> None:
    sign_anew(world, offer={"operators": ["0x" + "0d" * 20]})
    with pytest.raises(wb.WeighbridgeError, match="does not allow this network's operator") as caught:
        run(world, tmp_path)
    assert caught.value.code == "OFFER_MISMATCH"
    assert (world.opened, len(world.licences)) == (0, 0)


def test_an_order_against_an_offer_that_has_changed_is_made_anew(world: World, tmp_path: Path) -> None:
    world.break_at = "open"
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    sign_anew(world, offer={"price": str(PRICE_WEI // 2)})
    run(world, tmp_path)
    assert [job["outcome"] for job in known_jobs(world.market(tmp_path).state)] == ["abandoned", "settled"]
    assert (world.opened, world.balance) == (1, 20 * 10**18 - PRICE_WEI // 2)


def test_another_card_than_recorded_is_not_written(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: f"text of {name}" for name in NAMES}
    monkeypatch.setattr("weighbridge.jobs.digest_in", lambda _receipt: json_digest(files))
    told = {**files, "model-card.md": "# private: epsilon 0"}
    monkeypatch.setattr("fakes.FakeApi.model_files", lambda _api, _job: told, raising=False)
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path, out=tmp_path / "out" / "w")
    assert caught.value.code == "DIGEST_MISMATCH"
    assert not (tmp_path / "out").exists()
    told["model-card.md"] = files["model-card.md"]
    run(world, tmp_path, out=tmp_path / "out" / "w")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"w", *NAMES}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"manifest": {"keyId": "0x" + "77" * 32}}, "the manifest is of another dataset"),
        ({"manifest": {"wrappedKey": {"condition": {"keyId": "0x" + "77" * 32}}}}, "the manifest is of another dataset"),
        ({"offer": {"datasetId": "0x" + "77" * 32}}, "the offer is for another dataset"),
    ],
)
def test_a_seller_cannot_sign_one_dataset_into_another(
    world: World, tmp_path: Path, change: dict[str, dict[str, Any]], words: str
) -> None:
    sign_anew(world, **change)
    with pytest.raises(wb.WeighbridgeError, match=words):
        run(world, tmp_path)
    assert world.opened == 0


def test_a_refund_that_the_chain_knows_nothing_of_is_not_paid_for_again(world: World, tmp_path: Path) -> None:
    world.refuse, world.refunds = "rows-mix", False
    for _ in range(2):
        with pytest.raises(wb.WeighbridgeError, match=r"was paid back, and on chain it is recorded") as caught:
            run(world, tmp_path)
        assert caught.value.retryable
    assert world.opened == 1
    (journal,) = known_jobs(world.market(tmp_path).state)
    assert "outcome" not in journal


class TestReceipt:
    def judged(self, monkeypatch: pytest.MonkeyPatch, verdict: wb.Verdict | None) -> list[tuple[bytes, Any]]:
        asked: list[tuple[bytes, Any]] = []

        def judge(receipt: bytes, network: Any) -> wb.Verdict | None:
            asked.append((receipt, network))
            return verdict

        monkeypatch.setattr("weighbridge.receipts.judge", judge)
        return asked

    def test_is_judged_by_the_network_before_anything_is_opened_by_it(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checks = [wb.Check("file", True, "canonical", ""), wb.Check("weights", False, "signed by nobody", "")]
        asked = self.judged(monkeypatch, wb.Verdict(False, checks))
        world.break_at = "download"
        with pytest.raises(wb.WeighbridgeError, match="does not hold: weights: signed by nobody") as caught:
            run(world, tmp_path, out=tmp_path / "w", receipt=tmp_path / "r")
        assert caught.value.code == "RECEIPT_INVALID"
        assert asked[0][1] is world.network.facts
        assert not (tmp_path / "w").exists()
        assert not (tmp_path / "r").exists()

    def test_that_nobody_can_judge_here_is_told_of(self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.judged(monkeypatch, None)
        with pytest.warns(UserWarning, match="nobody has verified the receipt"):
            assert run(world, tmp_path)["a.weight"] is not None

    @pytest.mark.parametrize(
        "change",
        [
            {"orderId": "0x" + "77" * 32},
            {"order": {"jobDigest": "0x" + "77" * 32}},
            None,
        ],
    )
    def test_of_another_job_opens_nothing(self, world: World, tmp_path: Path, change: Any) -> None:
        world.break_at = "receipt"
        with pytest.raises(Broken):
            run(world, tmp_path)
        world.break_at = "download"
        (job,) = world.jobs.values()
        job["receipt"] = None if change is None else {**job["receipt"], "order": {**job["receipt"]["order"], **change}}
        with pytest.raises(wb.WeighbridgeError, match="about another job") as caught:
            run(world, tmp_path)
        assert caught.value.code == "RECEIPT_INVALID"


def test_other_weights_than_recorded_are_not_handed_out(world: World, tmp_path: Path) -> None:
    world.other_weights = True
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path, out=tmp_path / "w")
    assert caught.value.code == "DIGEST_MISMATCH"
    assert not (tmp_path / "w").exists()
