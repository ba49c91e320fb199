"""What every test of a purchase shares."""

import pytest

from fakes import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _numpy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is NumPy, whether or not PyTorch is installed here."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
