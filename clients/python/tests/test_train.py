"""A whole purchase against a marketplace and a chain in memory: what is paid, what is kept, what comes back."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weighbridge as wb
from fakes import PRICE_WEI, Broken, World, budget, model_file
from weighbridge import model_files
from weighbridge.canonical import json_digest, sha256_hex
from weighbridge.declaration import JobOptions, declare
from weighbridge.journal import known_jobs
from weighbridge.model_file import ModelFile
from weighbridge.privacy import ORDERS, noise_for
from weighbridge.purchase import purchase
from weighbridge.tokenizers import Tokenizers


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _numpy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is NumPy, whether or not PyTorch is installed here."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)


def run(world: World, root: Path, file: ModelFile | None = None, **options: Any) -> wb.StateDict:
    given: dict[str, Any] = {"dataset": world.dataset.id, "purpose": "research", "progress": False, **options}
    return wb.train(file or model_file(), market=world.market(root), **given)


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
    world.refuse = "data-corrupt"
    with pytest.raises(wb.WeighbridgeError, match="data-corrupt") as caught:
        run(world, tmp_path)
    assert caught.value.code == "JOB_STATE"
    assert "5 USDFC" in caught.value.next
    world.refuse = None
    run(world, tmp_path)
    assert world.opened == 2


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
    ],
)
def test_what_must_not_cost_anything(world: World, tmp_path: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(wb.WeighbridgeError) as caught:
        run(world, tmp_path, **options)
    assert caught.value.code == code
    assert (world.opened, len(world.licences), len(world.blobs)) == (0, 0, 0)


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
        (lambda w: other(w, manifest={**w.dataset.manifest, "rowCount": 11}), "OFFER_MISMATCH"),
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


FILES = {name: f"text of {name}" for name in model_files.NAMES}


class TestModelFiles:
    def receipt(self, digest: str | None) -> dict[str, Any]:
        """As much of a receipt as names them."""
        named = [] if digest is None else [{"name": "model-files.json", "digest": {"sha256": digest}}]
        byproducts = [{"name": "weights.safetensors.age", "digest": {"sha256": "44" * 32}}, *named]
        statement = json.dumps({"predicate": {"runDetails": {"byproducts": byproducts}}})
        envelope = json.dumps({"payload": base64.b64encode(statement.encode()).decode()})
        entry = base64.b64encode(f"weighbridge/v1 training-completed 00\n{envelope}".encode()).decode()
        return {"records": {"training-completed": {"entry": entry}}}

    def test_are_written_if_they_are_those_of_the_record(self, tmp_path: Path) -> None:
        digest = model_files.digest_in(self.receipt(json_digest(FILES)))
        assert digest is not None
        model_files.write_model_files(model_files.checked_model_files(FILES, digest), tmp_path)
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == FILES

    @pytest.mark.parametrize(
        "files",
        [None, {}, {**FILES, "model-card.md": "another"}, {**FILES, "../x": "y"}, {**FILES, "model.sig": 1}],
    )
    def test_are_not_taken_if_they_are_others(self, files: Any) -> None:
        with pytest.raises(wb.WeighbridgeError) as refused:
            model_files.checked_model_files(files, json_digest(FILES))
        assert refused.value.code == "DIGEST_MISMATCH"

    def test_with_a_metric_are_five(self) -> None:
        metric = {"name": "accuracy", "value": 0.5, "deviation": 0.1, "rows": 25, "bound": 1, "noiseMultiplier": 2.5}
        files = {**FILES, "metric.json": json.dumps(metric)}
        assert model_files.metric_in(model_files.checked_model_files(files, json_digest(files))) == metric
        assert model_files.metric_in(model_files.checked_model_files(FILES, json_digest(FILES))) is None

    def test_may_be_missing_but_not_unreadable(self) -> None:
        assert model_files.digest_in(self.receipt(None)) is None
        with pytest.raises(wb.WeighbridgeError):
            model_files.digest_in({"records": {"training-completed": {"entry": "AAAA"}}})


class TestPrivacy:
    def test_an_epsilon_is_paid_for_and_declared(self, tmp_path: Path) -> None:
        world = World(budget())
        result = run(world, tmp_path, privacy=3, epochs=2, batch_rows=10)
        assert world.balance == 20 * 10**18 - PRICE_WEI - 3 * 10**18 // 2
        (journal,) = known_jobs(world.market(tmp_path).state)
        privacy = journal["declaration"]["privacy"]
        assert {key: privacy[key] for key in ("epsilon", "delta", "samplingRate", "steps")} == {
            "epsilon": 3,
            "delta": 1e-5,
            "samplingRate": 0.1,
            "steps": 20,
        }
        assert journal["order"]["epsilonMicros"] == "3000000"
        assert journal["orderId"] == result.job

    def test_a_unit_may_be_a_column(self, tmp_path: Path) -> None:
        world = World(budget())
        run(world, tmp_path, privacy={"epsilon": 3, "clipping_norm": 0.5, "unit": {"column": "kind", "max_rows": 4}})
        (journal,) = known_jobs(world.market(tmp_path).state)
        privacy = journal["declaration"]["privacy"]
        assert privacy["unit"] == {"kind": "column", "column": "kind", "maxRows": 4}
        assert privacy["clippingNorm"] == 0.5

    def test_the_unit_is_that_of_the_terms(self, tmp_path: Path) -> None:
        world = World(budget(unitColumn="p"))
        run(world, tmp_path, privacy=3)
        (journal,) = known_jobs(world.market(tmp_path).state)
        assert journal["declaration"]["privacy"]["unit"] == {"kind": "column", "column": "p", "maxRows": 8}

    @pytest.mark.parametrize(
        ("terms", "privacy", "code"),
        [
            (budget(), None, "PRIVACY_REFUSED"),
            (budget(), "none", "PRIVACY_REFUSED"),
            (budget(), 9, "PRIVACY_REFUSED"),
            (None, 3, "PRIVACY_REFUSED"),
            (budget(), 1e-9, "BAD_INPUT"),
            (budget(), "some", "BAD_INPUT"),
            (budget(), {"epsilon": 3, "sigma": 1}, "BAD_INPUT"),
            (budget(), {"epsilon": 3, "unit": "patient"}, "BAD_INPUT"),
            (budget(), float("nan"), "BAD_INPUT"),
            (budget(unitColumn="p"), {"epsilon": 3, "unit": "row"}, "PRIVACY_REFUSED"),
            (budget(unitColumn="p"), {"epsilon": 3, "unit": {"column": "q", "max_rows": 4}}, "PRIVACY_REFUSED"),
        ],
    )
    def test_what_the_terms_refuse_costs_nothing(self, tmp_path: Path, terms: Any, privacy: Any, code: str) -> None:
        world = World(terms)
        with pytest.raises(wb.WeighbridgeError) as refused:
            run(world, tmp_path, privacy=privacy)
        assert refused.value.code == code
        assert world.opened == 0

    @pytest.mark.parametrize(
        ("metric", "bound"), [("accuracy", 1), ("loss", 4), ({"name": "loss", "bound": 2.5}, 2.5)], ids=str
    )
    def test_a_metric_is_paid_for_with_the_run(self, tmp_path: Path, metric: Any, bound: float) -> None:
        world = World({**budget(), "holdout": 0.2})
        result = run(world, tmp_path, privacy=3, metric=metric, metric_epsilon=0.5, epochs=2, batch_rows=10)
        (journal,) = known_jobs(world.market(tmp_path).state)
        privacy = journal["declaration"]["privacy"]
        name = metric if isinstance(metric, str) else metric["name"]
        noise = noise_for(epsilon=0.5, delta=1e-5, sampling_rate=1, steps=1)
        assert privacy["metric"] == {"name": name, "bound": bound, "noiseMultiplier": noise}
        assert 3 < privacy["epsilon"] < 3.5
        assert journal["order"]["epsilonMicros"] == str(round(privacy["epsilon"] * 10**6))
        assert world.balance == 20 * 10**18 - PRICE_WEI - int(journal["order"]["epsilonMicros"]) * 10**12 // 2
        assert result.metric is None  # This worker measured nothing.

    @pytest.mark.parametrize(
        ("terms", "options", "code"),
        [
            (budget(), {"privacy": 3, "metric": "accuracy", "metric_epsilon": 0.5}, "MODEL_DOES_NOT_FIT"),
            ({**budget(), "holdout": 0.2}, {"privacy": 7.9, "metric": "loss", "metric_epsilon": 2}, "PRIVACY_REFUSED"),
            ({**budget(), "holdout": 0.2}, {"privacy": 3, "metric": "accuracy"}, "BAD_INPUT"),
            ({**budget(), "holdout": 0.2}, {"privacy": 3, "metric_epsilon": 0.5}, "BAD_INPUT"),
            ({**budget(), "holdout": 0.2}, {"privacy": 3, "metric": "loss", "metric_epsilon": float("nan")}, "BAD_INPUT"),
            ({**budget(), "holdout": 0.2}, {"privacy": 3, "metric": "f1", "metric_epsilon": 0.5}, "BAD_INPUT"),
            (
                {**budget(), "holdout": 0.2},
                {"privacy": 3, "metric": {"name": "accuracy", "bound": 2}, "metric_epsilon": 0.5},
                "BAD_INPUT",
            ),
            (
                {**budget(), "holdout": 0.2, "trainingWithoutPrivacy": True},
                {"metric": "accuracy", "metric_epsilon": 0.5},
                "BAD_INPUT",
            ),
        ],
    )
    def test_a_metric_that_cannot_be_bought_costs_nothing(self, tmp_path: Path, terms: Any, options: Any, code: str) -> None:
        world = World(terms)
        with pytest.raises(wb.WeighbridgeError) as refused:
            run(world, tmp_path, **options)
        assert refused.value.code == code
        assert world.opened == 0

    def test_nor_does_what_is_not_left(self, tmp_path: Path) -> None:
        world = World(budget())
        world.spent = [str(10**10)] * len(ORDERS)
        with pytest.raises(wb.WeighbridgeError) as refused:
            run(world, tmp_path, privacy=3)
        assert refused.value.code == "BUDGET_EXHAUSTED"
        assert world.opened == 0


TEXT = {"kind": "text", "column": "note", "length": 3, "pad": 0}


class TestTokenizers:
    def given(self, root: Path, name: str = "words.json", text: str = '{"model": {}}') -> Tokenizers:
        (root / name).write_text(text)
        return Tokenizers.read([root / name])

    def test_a_feature_names_its_file(self, tmp_path: Path) -> None:
        read = self.given(tmp_path)
        body = (tmp_path / "words.json").read_bytes()
        named = read.in_features({"input": ["x", {**TEXT, "tokenizer": "words.json"}]})
        assert named == {"input": ["x", {**TEXT, "tokenizer": sha256_hex(body)}]}
        assert isinstance(named, dict)
        assert read.needed_by({"input": [named["input"][1], {"kind": "scale", "column": "x", "min": 0, "max": 1}]}) == [body]

    def test_they_are_sent_beside_the_model(self, world: World, tmp_path: Path) -> None:
        market, body = world.market(tmp_path), b'{"model": {}}'
        declaration = declare(model_file(), world.dataset, JobOptions())
        purchase(market, world.dataset, model_file(), declaration, "research", 60, again=False, tokenizers=[body])
        assert world.blobs[sha256_hex(body)] == body

    def test_those_that_the_model_file_carries_need_not_be_given(self, world: World, tmp_path: Path) -> None:
        read = self.given(tmp_path)
        file = model_file().with_features({"input": [{**TEXT, "tokenizer": "words.json"}]}, [tmp_path / "words.json"])
        carried = Tokenizers.read([]).and_carried(file.tokenizers)
        assert carried.needed_by(file.template["features"]) == list(file.tokenizers) == list(read.by_digest.values())

    def test_one_that_is_missing_or_idle_costs_nothing(self, world: World, tmp_path: Path) -> None:
        read = self.given(tmp_path)
        with pytest.raises(wb.WeighbridgeError, match="not given"):
            read.needed_by(
                {
                    "input": [
                        {**TEXT, "tokenizer": sha256_hex((tmp_path / "words.json").read_bytes())},
                        {**TEXT, "tokenizer": "0" * 64},
                    ]
                }
            )
        with pytest.raises(wb.WeighbridgeError, match=r"no feature names the tokenizer words\.json"):
            run(world, tmp_path, tokenizers=[tmp_path / "words.json"])
        assert world.opened == 0

    @pytest.mark.parametrize("text", ["no json", "1" * ((16 << 20) + 1)], ids=["text", "large"])
    def test_others_are_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(wb.WeighbridgeError) as refused:
            self.given(tmp_path, text=text)
        assert refused.value.code == "MODEL_REJECTED"
