"""The peers of the training bench: plain PyTorch and Opacus, in an interpreter that has them (the product has neither).
A command a line on stdin, an answer a line on stdout, both JSON.

    {"do": "export", "to": FOLDER}                        -> {"nets": {NAME: {"batch", "classes"}}}
    {"do": "modes", "net": NAME}                          -> {"modes": [...]}
    {"do": "measure", "net": NAME, "mode": M, "seconds": S} -> {"samplesPerSecond"}
"""

import copy
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from nets import NETS
from torch.nn import functional as F

warnings.filterwarnings("ignore")
RATE, NOISE, NORM = 0.1, 1.0, 1.0
DEVICE = "cuda" if "--gpu" in sys.argv else "cpu"
Step = Callable[[], None]


def plain(name: str) -> Step:
    model, x, y, _ = setting(name)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimiser.step()

    return step


def opacus(name: str, mode: str) -> Step:
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    model, x, y, batch = setting(name)
    if mode == "expanded-weights":
        from opacus.grad_sample import GradSampleModuleExpandedWeights

        wrapped = GradSampleModuleExpandedWeights(model)
    else:
        wrapped = GradSampleModule(model, force_functorch=mode == "functorch")
    sgd = torch.optim.SGD(wrapped.parameters(), lr=RATE)
    optimiser = DPOptimizer(sgd, noise_multiplier=NOISE, max_grad_norm=NORM, expected_batch_size=batch)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(wrapped(x), y).backward()
        optimiser.step()

    return step


def ghost(name: str) -> Step:
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    model, x, y, batch = setting(name)
    wrapped = GradSampleModuleFastGradientClipping(model, max_grad_norm=NORM, use_ghost_clipping=True)
    sgd = torch.optim.SGD(wrapped.parameters(), lr=RATE)
    optimiser = DPOptimizerFastGradientClipping(
        sgd, noise_multiplier=NOISE, max_grad_norm=NORM, expected_batch_size=batch
    )
    criterion = DPLossFastGradientClipping(wrapped, optimiser, torch.nn.CrossEntropyLoss())

    def step() -> None:
        optimiser.zero_grad()
        criterion(wrapped(x), y).backward()
        optimiser.step()

    return step


MODES: dict[str, Callable[[str], Step]] = {
    "plain": plain,
    "hooks": lambda name: opacus(name, "hooks"),
    "functorch": lambda name: opacus(name, "functorch"),
    "expanded-weights": lambda name: opacus(name, "expanded-weights"),
    "ghost": ghost,
}


def setting(name: str) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor, int]:
    torch.manual_seed(0)
    net = NETS[name]
    y = torch.randint(0, net.classes, (net.batch,))
    return net.make().to(DEVICE), net.rows(net.batch).to(DEVICE), y.to(DEVICE), net.batch


def seconds_of(step: Step) -> float:
    begun = time.perf_counter()
    step()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


STEPS: dict[tuple[str, str], Step] = {}


def modes(name: str) -> list[str]:
    """Those that can train this net."""
    able = []
    for mode, make in MODES.items():
        try:
            step = make(name)
            step()
            able.append(mode)
            STEPS[name, mode] = step
        except Exception as error:
            print(f"{name}: Opacus {mode} cannot: {type(error).__name__} {str(error)[:120]}", file=sys.stderr)
    return able


def measure(name: str, mode: str, seconds: float) -> float:
    step, batch = STEPS[name, mode], NETS[name].batch
    # The other engine had the cores a moment ago.
    for _ in range(3):
        step()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 5:
        times.append(seconds_of(step))
    return batch / statistics.median(times)


def export(to: Path) -> dict[str, dict[str, int]]:
    import weighbridge

    for name, net in NETS.items():
        torch.manual_seed(0)
        weighbridge.export(copy.deepcopy(net.make()), net.rows(3), path=to / f"{name}.wbm")
    return {name: {"batch": net.batch, "classes": net.classes} for name, net in NETS.items()}


def answer(command: dict[str, object]) -> dict[str, object]:
    match command["do"]:
        case "export":
            return {"nets": export(Path(str(command["to"])))}
        case "modes":
            return {"modes": modes(str(command["net"]))}
        case _:
            rate = measure(str(command["net"]), str(command["mode"]), float(str(command["seconds"])))
            return {"samplesPerSecond": rate}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
