"""Writes zoo/NAME.npz: each model of torch_zoo.py as the buyer's package exports it, its rows, and what plain PyTorch
makes of it in 20 steps: the losses before and after, and the weights.

    python -m venv ~/torch && ~/torch/bin/pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6
    ~/torch/bin/pip install ./clients/python
    cd workers/trainer/tests && PYTHONPATH=.:../src ~/torch/bin/python golden/make_zoo.py [masks.npz [NAME]]

Dropout is drawn by the trainer (zoo_masks.py says what); given those masks, PyTorch applies the same.
../test_zoo_torch.py does the same live, and loads what was trained back into a module: there it needs ./workers/trainer
and pytest, too.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import weighbridge
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

sys.path.insert(0, str(Path(__file__).parent))

from torch_zoo import ROWS, ZOO, Entry
from weighbridge_trainer.plan import epoch_order

EPOCHS, BATCH_ROWS, SEED = 5, 6, 11
OUT = Path(__file__).parent / "zoo"


class Masked(nn.Module):
    """nn.Dropout with draws that are given: 1 where a number stays, by step and row."""

    def __init__(self, ratio: float, masks: np.ndarray[Any, Any]) -> None:
        super().__init__()
        self.ratio, self.masks, self.step, self.rows = ratio, torch.from_numpy(masks), 0, torch.arange(0)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * self.masks[self.step, self.rows] / (1 - self.ratio)


def measure(entry: Entry, output: Tensor, target: Tensor) -> Tensor:
    match entry.loss["name"]:
        case "cross-entropy":
            return F.cross_entropy(output, target)
        case "bce":
            return F.binary_cross_entropy_with_logits(output, target)
        case "mse":
            return F.mse_loss(output, target)
        case "huber":
            return F.huber_loss(output, target, delta=entry.loss["delta"])
        case _:
            return F.cross_entropy(output[:, :-1].flatten(0, 1), target[:, 1:].flatten())


def optimiser_of(entry: Entry, module: nn.Module) -> torch.optim.Optimizer:
    o = entry.optimiser
    parameters = [p for p in module.parameters() if p.requires_grad]
    if o["name"] == "sgd":
        return torch.optim.SGD(
            parameters, o["learningRate"], o["momentum"], nesterov=o["nesterov"], weight_decay=o["weightDecay"]
        )
    by = torch.optim.Adam if o["name"] == "adam" else torch.optim.AdamW
    return by(parameters, o["learningRate"], (o["beta1"], o["beta2"]), o["epsilon"], o["weightDecay"])


def schedule_of(entry: Entry, optimiser: torch.optim.Optimizer, steps: int) -> Any:
    s = entry.schedule
    by = torch.optim.lr_scheduler
    match s["name"]:
        case "step":
            return by.StepLR(optimiser, s["everySteps"], s["factor"])
        case "cosine":
            least = s["finalFraction"] * entry.optimiser["learningRate"]
            return by.CosineAnnealingLR(optimiser, steps, least)
        case "linear":
            warm, last = s["warmupSteps"], s["finalFraction"]
            falling = lambda t: 1 + (last - 1) * (t - warm) / (steps - warm)  # noqa: E731
            return by.LambdaLR(optimiser, lambda t: t / warm if t < warm else falling(t))
        case _:
            return by.ConstantLR(optimiser, 1.0)


def train(entry: Entry, module: nn.Module, inputs: tuple[Tensor, ...], target: Tensor) -> None:
    steps = EPOCHS * -(-ROWS // BATCH_ROWS)
    optimiser = optimiser_of(entry, module)
    schedule = schedule_of(entry, optimiser, steps)
    module.train()
    step = 0
    for epoch in range(EPOCHS):
        order = epoch_order(SEED, epoch, ROWS)
        for at in range(0, ROWS, BATCH_ROWS):
            batch = torch.from_numpy(order[at : at + BATCH_ROWS])
            for part in module.modules():
                if isinstance(part, Masked):
                    part.step, part.rows = step, batch
            optimiser.zero_grad()
            measure(entry, module(*(x[batch] for x in inputs)), target[batch]).backward()
            optimiser.step()
            schedule.step()
            step += 1


def loss_of(entry: Entry, module: nn.Module, inputs: tuple[Tensor, ...], target: Tensor) -> float:
    module.eval()
    # With gradients: without, PyTorch takes a shortcut through encoders that makes NaN of an empty text.
    return float(measure(entry, module(*inputs), target).detach())


def make(name: str, masks: dict[str, Any]) -> tuple[dict[str, Any], nn.Module]:
    """What the file of a model holds, and the module that PyTorch trained."""
    entry = ZOO[name]
    torch.manual_seed(7)
    module, inputs = entry.make(), entry.inputs()
    target = entry.target(inputs)
    file = weighbridge.export(module, tuple(x[:3] for x in inputs))
    if name in masks:
        module.drop = Masked(0.3, masks[name])
    before = loss_of(entry, module, inputs, target)
    train(entry, module, inputs, target)
    after = loss_of(entry, module, inputs, target)
    state = {key: value for key, value in module.state_dict().items() if key not in file.tied}
    about = {
        "model": file.template,
        "label": entry.label,
        "loss": entry.loss,
        "optimiser": entry.optimiser,
        "schedule": entry.schedule,
        "run": {"epochs": EPOCHS, "batchRows": BATCH_ROWS, "seed": SEED},
        "before": before,
        "after": after,
        "state": list(module.state_dict()),
    }
    arrays = {f"input.{k}": _compact(x) for k, x in enumerate(inputs)}
    arrays |= {f"weight.{key}": value.numpy() for key, value in state.items()}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    arrays["graph"] = np.frombuffer(file.graph, np.uint8)
    arrays["weights"] = np.frombuffer(file.weights, np.uint8)
    arrays["target"] = _compact(target)
    return arrays, module


def _compact(x: Tensor) -> np.ndarray[Any, Any]:
    return x.numpy() if x.is_floating_point() else x.numpy().astype(np.int32)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    given = dict(np.load(sys.argv[1])) if len(sys.argv) > 1 else {}
    for name in sys.argv[2:] or list(ZOO):
        made, _ = make(name, given)
        np.savez_compressed(OUT / f"{name}.npz", **made)
        numbers = json.loads(made["about"].tobytes())
        print(name, made["graph"].size, made["weights"].size, f"{numbers['before']:.5f} -> {numbers['after']:.5f}")
