"""A purchase of a private run: noise, price, what is left, metrics."""

import warnings
from pathlib import Path
from typing import Any

import pytest

import weighbridge as wb
from fakes import PRICE_WEI, World, budget, run
from weighbridge.accounting import ORDERS, noise_for
from weighbridge.journal import known_jobs

STANDARDISED = [{"kind": "standardise", "column": "p", "min": 0, "max": 10}, "q", "r"]
WORDS = [{"kind": "one-hot", "column": "p", "vocabulary": [1, 2, 3]}]


def refuses_and_opens_nothing(world: World, tmp_path: Path, options: Any, code: str) -> None:
    with pytest.raises(wb.WeighbridgeError) as refused:
        run(world, tmp_path, **options)
    assert refused.value.code == code
    assert world.opened == 0


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
        refuses_and_opens_nothing(World(terms), tmp_path, {"privacy": privacy}, code)

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
        refuses_and_opens_nothing(World(terms), tmp_path, options, code)

    def test_columns_are_standardised_for_an_epsilon(self, tmp_path: Path) -> None:
        world = World(budget())
        # A hundred rows are few for three columns.
        with pytest.warns(UserWarning, match=r"means of 3 columns are off by about 0\.\d+ of half"):
            result = run(world, tmp_path, privacy=3, standardise_epsilon=0.5, epochs=2, batch_rows=10)
        (journal,) = known_jobs(world.market(tmp_path).state)
        declaration = journal["declaration"]
        noise = noise_for(epsilon=0.5, delta=1e-5, sampling_rate=1, steps=1)
        assert declaration["privacy"]["moments"] == {"noiseMultiplier": noise}
        assert 3 < declaration["privacy"]["epsilon"] < 3.5
        assert journal["order"]["epsilonMicros"] == str(round(declaration["privacy"]["epsilon"] * 10**6))
        kinds = {feature["kind"] for feature in declaration["features"]["x"]}
        assert "standardise" in kinds
        assert "scale" not in kinds
        assert result.features == declaration["features"]  # This worker fitted nothing.

    def test_where_noise_is_little_nothing_is_warned_of(self, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(World(budget()), tmp_path, privacy=3, standardise_epsilon=4, epochs=2, batch_rows=10)

    @pytest.mark.parametrize(
        ("terms", "options", "code"),
        [
            (budget(), {"privacy": 7.9, "standardise_epsilon": 2}, "PRIVACY_REFUSED"),
            (budget(), {"privacy": 3, "standardise_epsilon": float("nan")}, "BAD_INPUT"),
            (budget(), {"privacy": 3, "standardise_epsilon": True}, "BAD_INPUT"),
            ({**budget(), "trainingWithoutPrivacy": True}, {"standardise_epsilon": 0.5}, "BAD_INPUT"),
            (budget(), {"privacy": 3, "features": STANDARDISED}, "MODEL_DOES_NOT_FIT"),
            (budget(), {"privacy": 3, "features": WORDS, "standardise_epsilon": 0.5}, "MODEL_DOES_NOT_FIT"),
        ],
    )
    def test_a_fit_that_cannot_be_bought_costs_nothing(self, tmp_path: Path, terms: Any, options: Any, code: str) -> None:
        refuses_and_opens_nothing(World(terms), tmp_path, options, code)

    def test_nor_does_what_is_not_left(self, tmp_path: Path) -> None:
        world = World(budget())
        world.spent = [str(10**10)] * len(ORDERS)
        refuses_and_opens_nothing(world, tmp_path, {"privacy": 3}, "BUDGET_EXHAUSTED")
