"""The secret stream and the grid that its noise lies on."""

import jax.numpy as jnp
import numpy as np
import pytest

import private_reference as reference
from weighbridge_trainer.private_grid import add_on_grid, grid_of
from weighbridge_trainer.private_stream import SecretStream

SEED = bytes(range(32))


class TestStream:
    stream = SecretStream(SEED)

    def test_is_chacha20_of_seed_purpose_and_step(self) -> None:
        """The reference draws with a stream of its own."""
        for units, rate in ((1000, 0.25), (1000, 0.2503), (20_000, 1e-3), (2**20 + 9, 0.01)):
            assert self.stream.sample(7, units, rate).tolist() == reference.sampled(SEED, 7, units, rate)
        # The larger one is made in several parts.
        for count in (101, 70_001):
            expected = reference.gaussian(SEED, 7, count, 2.0**21)
            assert self.stream.gaussian(7, count, 2.0**21).tolist() == expected

    def test_draws_each_row_with_the_rate_and_all_with_one(self) -> None:
        counts = [len(self.stream.sample(step, 2000, 0.1)) for step in range(200)]
        assert np.mean(counts) == pytest.approx(200, rel=0.03)
        assert np.std(counts) == pytest.approx(np.sqrt(180), rel=0.25)
        assert self.stream.sample(0, 5, 1.0).tolist() == [0, 1, 2, 3, 4]

    def test_is_gaussian_in_body_and_tail(self) -> None:
        z = self.stream.gaussian(0, 2_000_001, 2.0**20) / 2.0**20
        assert abs(z.mean()) < 0.003
        assert z.std() == pytest.approx(1, rel=0.003)
        assert (z**4).mean() == pytest.approx(3, rel=0.01)
        for bound, share in ((1, 0.317311), (2, 0.0455003), (3, 0.0026998), (4, 6.334e-5)):
            assert (np.abs(z) > bound).mean() == pytest.approx(share, rel=0.3 if bound == 4 else 0.03)

    def test_never_gives_two_steps_or_purposes_the_same(self) -> None:
        drawn = [tuple(self.stream.gaussian(step, 8, 2.0**20).tolist()) for step in range(50)]
        assert len(set(drawn)) == 50


class TestGrid:
    def test_adds_whole_numbers_exactly(self) -> None:
        rng = np.random.default_rng(1)
        grid = grid_of(1.1, 0.9, 1000)
        totals = (rng.standard_normal(4000) * 10.0 ** rng.integers(-6, 5, 4000)).astype(np.float32)
        noise = np.rint(rng.standard_normal(4000) * grid.deviation).astype(np.int32)
        got = np.asarray(add_on_grid(jnp.asarray(totals), jnp.asarray(noise), grid.unit), np.float64)
        exact = np.rint(totals.astype(np.float64) / grid.unit) + noise
        np.testing.assert_allclose(got / grid.unit, exact, rtol=2e-7, atol=0)
        small = np.abs(exact) < 2**24
        np.testing.assert_array_equal((got / grid.unit)[small], exact[small])

    @pytest.mark.parametrize("numbers", [1, 1_000, 1 << 30])
    def test_noise_is_made_for_neighbouring_sums_as_they_lie_on_it(self, numbers: int) -> None:
        """Each number of a sum moves by half a unit when it is rounded: two sums part by a unit more in each."""
        grid = grid_of(1.1, 0.9, numbers)
        assert grid.deviation * grid.unit == pytest.approx(1.1 * (0.9 + grid.unit * numbers**0.5), rel=1e-12)
        assert grid.deviation >= 2**20

    def test_says_the_same_of_two_sums_that_lie_in_one_cell(self) -> None:
        grid = grid_of(1.0, 1.0, 1)
        low, high = np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(1))
        assert round(float(low) / grid.unit) == round(float(high) / grid.unit)
        noise = jnp.asarray([12345], jnp.int32)
        assert add_on_grid(jnp.asarray([low]), noise, grid.unit) == add_on_grid(jnp.asarray([high]), noise, grid.unit)
