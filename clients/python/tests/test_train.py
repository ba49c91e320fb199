"""A whole purchase against a marketplace and a chain in memory: what is paid, what is kept, what comes back."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tqdm.auto import tqdm

import weighbridge as wb
from fakes import PRICE_WEI, Broken, World, model_file, run
from weighbridge.jobs import _WAIT_BAR, _show
from weighbridge.journal import known_jobs

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


def test_an_empty_purse(world: World, tmp_path: Path) -> None:
    world.balance = PRICE_WEI - 1
    with pytest.raises(wb.WeighbridgeError, match="costs 5 USDFC") as caught:
        run(world, tmp_path)
    assert caught.value.code == "NO_BALANCE"
    assert (world.opened, len(world.licences)) == (0, 0)


def test_does_not_open_an_order_whose_deadline_is_about_to_pass(world: World, tmp_path: Path) -> None:
    world.break_at = "open"
    with pytest.raises(Broken):
        run(world, tmp_path)
    world.break_at = None
    world.now += 3600 - 30
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path)
    assert (caught.value.code, world.opened) == ("DEADLINE_PASSED", 0)


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
