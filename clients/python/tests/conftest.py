"""What every test of a purchase shares."""

import pytest

from fakes import World
from weighbridge.verification import Verdict


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def _numpy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back is NumPy, whether or not PyTorch is installed here."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)


@pytest.fixture(autouse=True)
def _receipts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt of `fakes` is none that the program could judge."""
    monkeypatch.setattr("weighbridge.receipts.judge", lambda _receipt, _network: Verdict(True, []))
