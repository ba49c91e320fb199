"""A whole purchase against a marketplace and a chain in memory: what is paid, what is kept, what comes back."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tqdm.auto import tqdm

import weighbridge as wb
from fakes import COLUMNS, PRICE_WEI, SELLER, Broken, World, dataset_of, model_file, run
from weighbridge.canonical import json_digest
from weighbridge.contracts import Market as Deployed
from weighbridge.contracts import signable, typed_digest
from weighbridge.features import features_for
from weighbridge.jobs import _WAIT_BAR, _show
from weighbridge.journal import known_jobs
from weighbridge.model_files import NAMES

SOURCE = Path(__file__).parents[1] / "src"


def test_pays_once_and_gives_back_the_whole_state(world: World, tmp_path: Path) -> None:
    result = run(world, tmp_path, out=tmp_path / "w.safetensors", receipt=tmp_path / "r.json")
    assert world.balance == 20 * 10**18 - PRICE_WEI
    np.testing.assert_array_equal(result["a.weight"], np.full((2, 3), 2, np.float32))
    np.testing.assert_array_equal(result["b.weight"], np.zeros(4, np.float32))
    assert set(wb_tensors(tmp_path / "w.safetensors")) == {"a.weight"}
    assert (tmp_path / "r.json").read_bytes() == result.receipt.read_bytes()


def wb_tensors(path: Path) -> dict[str, Any]:
    from weighbridge.tensors import read_tensors

    return dict(read_tensors(path.read_bytes()))


def test_the_bar_says_each_state_once(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(world, tmp_path, progress=True)
    assert "done: 100%" in capsys.readouterr().err


def test_the_bar_of_a_notebook_is_a_widget() -> None:
    """In a process of its own: tqdm looks for a notebook when it is imported. What stands for a notebook and for
    ipywidgets here is as much of them as it looks at."""
    says = """
import sys
from types import ModuleType, SimpleNamespace

class Widget:
    def __init__(self, *children, **given):
        self.layout, self.style, self.children = SimpleNamespace(), SimpleNamespace(), given.pop("children", children)
        self.__dict__ |= {"value": 0, "bar_style": "", **given}

class ZMQInteractiveShell:
    pass

def module(name, **members):
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__dict__.update(members)

module("ipykernel.zmqshell")
module("IPython", get_ipython=ZMQInteractiveShell)
module("IPython.display", display=lambda shown: None)
module("ipywidgets", HTML=Widget, FloatProgress=Widget, HBox=Widget)
from weighbridge.jobs import _WAIT_BAR, _show, tqdm
with tqdm(desc="waiting", total=0, bar_format=_WAIT_BAR) as bar:
    told = {"state": "training", "step": 0, "of": 0}
    _show(bar, {**told, "step": 1, "of": 8})
    assert (bar.container.children[1].value, bar.container.children[1].max) == (1, 8), vars(bar.container.children[1])
    _show(bar, {**told, "fetchedBytes": "1024", "toFetchBytes": "4096"})
    _show(bar, {**told, "step": 3, "of": 4})
    words, widget, numbers = bar.container.children
    assert (widget.value, widget.max) == (3, 4), vars(widget)
    assert "training" in words.value and "3/4" in numbers.value, (words.value, numbers.value)
"""
    said = subprocess.run([sys.executable, "-W", "error", "-c", says], capture_output=True, timeout=60, cwd=SOURCE, check=False)
    assert (said.returncode, said.stderr) == (0, b"")


def test_the_bar_counts_bytes_of_rows_and_then_steps(capsys: pytest.CaptureFixture[str]) -> None:
    def told(step: int, of: int, **more: Any) -> dict[str, Any]:
        return {"state": "training", "step": step, "of": of, **more}

    mib = 1 << 20
    with tqdm(desc="waiting", total=0, bar_format=_WAIT_BAR) as bar:
        _show(bar, told(0, 0))
        assert re.search(r"training \[00:0\d\]", waiting := capsys.readouterr().err)
        assert "0/0" not in waiting
        for fetched in (50, 100, 200):
            _show(bar, told(0, 0, fetchedBytes=str(fetched * mib), toFetchBytes=str(200 * mib)))
        shown = capsys.readouterr().err
        assert re.search(r"fetching rows:  50%.* 100MiB/200MiB \[\d.*iB/s, \d.* left\]", shown)
        assert "fetching rows: 100%" in shown
        _show(bar, told(1, 4, secondsLeft=9))
    after = capsys.readouterr().err
    assert re.search(r"training:  25%.* 1/4 steps, 00:09 left", after)
    assert "iB" not in after


def test_returns_all_when_asked(world: World, tmp_path: Path) -> None:
    run(world, tmp_path, returns="all", out=tmp_path / "w.safetensors")
    assert set(wb_tensors(tmp_path / "w.safetensors")) == {"a.weight", "b.weight"}


def test_ties_come_back_under_every_name(world: World, tmp_path: Path) -> None:
    result = run(world, tmp_path, model_file(tied={"head.weight": "a.weight"}))
    assert result["head.weight"] is not None
    np.testing.assert_array_equal(result["head.weight"], result["a.weight"])


def test_keeps_key_and_journal_private(world: World, tmp_path: Path) -> None:
    result = run(world, tmp_path)
    job_dir = tmp_path / "state" / "jobs" / result.job
    assert job_dir.stat().st_mode & 0o777 == 0o700
    for name in ("identity.txt", "job.json", "model.wbm"):
        assert (job_dir / name).stat().st_mode & 0o777 == 0o600
    assert "SECRET" not in (job_dir / "job.json").read_text()


def test_a_training_that_is_done_is_fetched_again(world: World, tmp_path: Path) -> None:
    first = run(world, tmp_path)
    assert run(world, tmp_path).job == first.job
    assert world.opened == 1
    assert run(world, tmp_path, again=True).job != first.job
    assert (world.opened, len(world.licences)) == (2, 1)


def test_another_purpose_is_another_licence(world: World, tmp_path: Path) -> None:
    run(world, tmp_path)
    run(world, tmp_path, purpose="teaching")
    assert (world.opened, len(world.licences)) == (2, 2)


STEPS = ["licence", "licence!", "blob", "open", "open!", "submit", "submit!", "watch", "receipt", "download"]


@pytest.mark.parametrize("step", STEPS)
def test_goes_on_where_it_broke_and_pays_once(world: World, tmp_path: Path, step: str) -> None:
    world.break_at = step
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    result = run(world, tmp_path)
    assert float(result["a.weight"][0, 0]) == 2
    assert (world.opened, len(world.licences)) == (1, 1)
    assert world.balance == 20 * 10**18 - PRICE_WEI


@pytest.mark.parametrize("step", ["open!", "submit", "watch", "download"])
def test_another_process_can_wait_for_it(world: World, tmp_path: Path, step: str) -> None:
    world.break_at = step
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    (journal,) = known_jobs(world.market(tmp_path).state)
    result = wb.job(journal["orderId"][:12], market=world.market(tmp_path)).wait(progress=False)
    assert float(result["a.weight"][0, 0]) == 2
    assert world.opened == 1


def test_who_interrupts_it_is_told_how_to_go_on(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_args: Any, **_options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("weighbridge.jobs._follow", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(world, tmp_path)
    (journal,) = known_jobs(world.market(tmp_path).state)
    (note,) = caught.value.__notes__
    assert f"weighbridge.job('{journal['orderId'][:10]}').wait()" in note
    assert wb.job(journal["orderId"][:10], market=world.market(tmp_path)).wait(progress=False).job == journal["orderId"]


def test_the_key_to_the_weights_is_on_the_disk_before_a_payment(world: World, tmp_path: Path) -> None:
    world.break_at = "open"
    with pytest.raises(Broken):
        run(world, tmp_path)
    (journal,) = known_jobs(world.market(tmp_path).state)
    assert (tmp_path / "state" / "jobs" / journal["orderId"] / "identity.txt").exists()


def test_begins_anew_when_the_prepared_order_can_never_be_opened(world: World, tmp_path: Path) -> None:
    world.break_at = "open"
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    world.now += 2 * 3600
    run(world, tmp_path)
    outcomes = [job["outcome"] for job in known_jobs(world.market(tmp_path).state)]
    assert outcomes == ["abandoned", "settled"]
    assert world.opened == 1


def test_takes_the_money_of_a_paid_but_never_submitted_order_back(world: World, tmp_path: Path) -> None:
    world.break_at = "submit"
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    world.now += 2 * 3600
    run(world, tmp_path)
    assert sorted(world.orders.values()) == ["refunded", "settled"]


def test_a_refused_run_says_why_and_where_the_money_is(world: World, tmp_path: Path) -> None:
    world.refuse = "rows-mix"
    with pytest.raises(wb.WeighbridgeError, match=r"see one another in this model \(rows-mix\)") as caught:
        run(world, tmp_path)
    assert caught.value.code == "JOB_STATE"
    assert caught.value.next.startswith("Use GroupNorm")
    assert "5 USDFC" in caught.value.next
    world.refuse = None
    run(world, tmp_path)
    assert world.opened == 2


def test_a_reason_that_is_not_known_is_told_as_it_is(world: World, tmp_path: Path) -> None:
    world.refuse = "of-tomorrow"
    with pytest.raises(wb.WeighbridgeError, match="was refused: of-tomorrow") as caught:
        run(world, tmp_path)
    assert caught.value.next.startswith("Your 5 USDFC")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"purpose": "war"}, "BAD_INPUT"),
        ({"purpose": None}, "BAD_INPUT"),
        ({"label": "z"}, "MODEL_DOES_NOT_FIT"),
        ({"features": ["nope"]}, "MODEL_DOES_NOT_FIT"),
        ({"features": ["p", "q"]}, "MODEL_DOES_NOT_FIT"),
        ({"features": ["p", "q", {"kind": "one-hot", "column": "r", "vocabulary": [1, 2]}]}, "MODEL_DOES_NOT_FIT"),
        ({"features": {"y": ["p"]}}, "BAD_INPUT"),
        ({"loss": "guess"}, "BAD_INPUT"),
        ({"optimiser": {"name": "adam", "speed": 3}}, "BAD_INPUT"),
        ({"features": [{"kind": "tensor", "column": "p", "min": 0, "max": 1}]}, "BAD_INPUT"),
        ({"features": [{"kind": "tensor", "column": "p", "shape": 3, "min": 0, "max": 1}]}, "BAD_INPUT"),
        ({"features": [{"kind": "bucket", "column": "p"}]}, "BAD_INPUT"),
        ({"deadline_minutes": 0}, "BAD_INPUT"),
        ({"deadline_minutes": 1.5}, "BAD_INPUT"),
        ({"out": "/"}, "BAD_INPUT"),
        ({"receipt": "/dev/null/receipt.json"}, "BAD_INPUT"),
    ],
)
def test_what_must_not_cost_anything(world: World, tmp_path: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path, **options)
    assert caught.value.code == code
    assert (world.opened, len(world.licences), len(world.blobs)) == (0, 0, 0)


def test_a_model_that_the_marketplace_does_not_take_is_known_before_the_payment(world: World, tmp_path: Path) -> None:
    world.rejects = "the graph has an operator that is not in the table"
    with pytest.raises(wb.WeighbridgeError, match="not in the table"):
        run(world, tmp_path)
    assert (world.opened, len(world.licences), known_jobs(world.market(tmp_path).state)) == (0, 0, [])


def test_an_offer_that_always_changes_is_not_chased_without_end(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.purchase.pay_once", lambda market, journal: None)
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path)
    assert (caught.value.code, len(known_jobs(world.market(tmp_path).state))) == ("OFFER_MISMATCH", 3)


def test_a_column_that_needs_more_is_told_how_to_be_written(world: World, tmp_path: Path) -> None:
    columns: list[dict[str, Any]] = [{"name": "scan", "type": "tensor", "shape": [3]}, {"name": "photo", "type": "image"}]
    world.dataset = dataset_of([*COLUMNS, *columns], network=world.network)
    world.offer_digest = typed_digest(Deployed(31337, "0x" + "11" * 20), "Offer", world.dataset.offer)
    for column, advice in (("scan", r"'shape': \[3\], 'min': \.\.\."), ("photo", "'kind': 'image', .*'height': 32")):
        with pytest.raises(wb.WeighbridgeError, match=advice):
            run(world, tmp_path, features=[column])


def test_a_width_that_does_not_fit_is_told_by_column(world: World, tmp_path: Path) -> None:
    with pytest.raises(wb.WeighbridgeError, match=r"are 2 numbers wide, the model takes 3\b[\s\S]*: p makes 1, q makes 1\."):
        run(world, tmp_path, features=["p", "q"])


@pytest.mark.parametrize(
    ("dtype", "columns", "advice"),
    [
        (
            "int64",
            [{"name": "id", "type": "number"}, {"name": "note", "type": "string"}],
            "'kind': 'text', .*'note', .*'length': 6,",
        ),
        ("float32", [{"name": "note", "type": "string"}], "'kind': 'one-hot', 'column': 'note'"),
        (
            "float32",
            [{"name": "note", "type": "string"}, {"name": "scan", "type": "image"}],
            "'kind': 'image', 'column': 'scan'",
        ),
        ("int32", [{"name": "id", "type": "number"}], "'kind': 'category', 'column': 'id'"),
        ("float32", [], "more columns than the one to predict"),
    ],
)
def test_where_nothing_is_declared_a_feature_is_written_out(world: World, dtype: str, columns: Any, advice: str) -> None:
    dataset = dataset_of([*columns, {"name": "sick", "type": "boolean"}], network=world.network)
    takes = [{"name": "x", "shape": [2, 3], "dtype": dtype}]
    with pytest.raises(wb.WeighbridgeError, match=advice):
        features_for(takes, dataset, {"sick"}, None)


def test_an_empty_purse(world: World, tmp_path: Path) -> None:
    world.balance = PRICE_WEI - 1
    with pytest.raises(wb.WeighbridgeError, match="costs 5 USDFC") as caught:
        run(world, tmp_path)
    assert caught.value.code == "NO_BALANCE"
    assert (world.opened, len(world.licences)) == (0, 0)


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


def test_does_not_open_an_order_whose_deadline_is_about_to_pass(world: World, tmp_path: Path) -> None:
    world.break_at = "open"
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    world.now += 3600 - 30
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path)
    assert (caught.value.code, world.opened) == ("DEADLINE_PASSED", 0)


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


def test_the_same_purchase_is_not_made_twice_at_once(world: World, tmp_path: Path) -> None:
    import os

    world.break_at = "submit"
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    (journal,) = known_jobs(world.market(tmp_path).state)
    held = tmp_path / "state" / "jobs" / f"{journal['request']}.lock"
    held.write_text(str(os.getppid()))
    with pytest.raises(wb.WeighbridgeError, match="already being bought"):
        run(world, tmp_path)
    held.write_text("999999999")
    run(world, tmp_path)
    assert world.opened == 1
