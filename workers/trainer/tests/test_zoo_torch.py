"""The zoo of PyTorch once more, live: exported, trained in plain PyTorch and here, and what came back loaded strictly
into a module that started elsewhere. Real: PyTorch and its exporter. Skipped, aloud, where they are not installed
(golden/make_zoo.py says how to); there, its models are compared with committed answers alone (test_zoo.py)."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: its models are NOT trained live here")
for name in ("onnxscript", "weighbridge"):
    pytest.importorskip(name, reason=f"{name} is not installed: models of PyTorch are NOT trained live here")

sys.path.insert(0, str(Path(__file__).parent / "golden"))

import make_zoo  # noqa: E402
import zoo_masks  # noqa: E402

from zoo import Model, check_training  # noqa: E402


@pytest.mark.parametrize("name", make_zoo.ZOO)
def test_trains_as_plain_pytorch_and_loads_back(name: str) -> None:
    entry = make_zoo.ZOO[name]
    arrays, theirs = make_zoo.make(name, zoo_masks.draw() if name == "dropout" else {})
    model = Model(arrays)
    weights = check_training(model)
    tied = model.about["model"]["tied"]
    fresh = entry.make()
    state = {key: torch.tensor(weights[tied.get(key, key)]) for key in fresh.state_dict()}
    fresh.load_state_dict(state, strict=True)
    inputs = tuple(torch.tensor(arrays[f"input.{k}"]) for k in range(len(model.config.inputs)))
    target = torch.tensor(arrays["target"])
    target = target if target.is_floating_point() else target.long()
    after = make_zoo.loss_of(entry, fresh, inputs, target)
    assert after == pytest.approx(make_zoo.loss_of(entry, theirs, inputs, target), abs=1e-4)
