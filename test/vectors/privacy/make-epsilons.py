"""Makes epsilons.json: what Google's dp-accounting says of 200 settings, at the orders of src/privacy/accounting/gaussian-rdp.ts;
and of 20 whole runs, which release a metric or moments beside what trains.

    python -m venv /tmp/accounting && /tmp/accounting/bin/pip install dp-accounting==0.6.0
    /tmp/accounting/bin/python test/vectors/privacy/make-epsilons.py > test/vectors/privacy/epsilons.json

`epsilon` is at our integer orders, `byDefault` at the library's own, fractional ones among them.
"""

import json
import math
import random

from dp_accounting import ComposedDpEvent, DpEvent, GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.rdp import RdpAccountant

ORDERS = [*range(2, 64), 128, 256, 512, 1024]


def epsilon(event: DpEvent, delta: float, orders: list[int] | None) -> float:
    return RdpAccountant(orders).compose(event).get_epsilon(delta)


def training(rate: float, noise: float, steps: int) -> DpEvent:
    return SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), steps)


def settings() -> list[tuple[float, float, int, float]]:
    fixed = [(0.01, 1.0, 1000, 1e-5), (0.05, 1.5, 500, 1e-5), (256 / 1437, 2.0, 84, 1e-4), (1.0, 3.0, 10, 1e-6)]
    rng = random.Random(2026)
    while len(fixed) < 200:
        rate = 1.0 if rng.random() < 0.05 else round(10 ** rng.uniform(-5, 0), 7)
        noise = round(10 ** rng.uniform(-0.5, 1.5), 4)
        steps = round(10 ** rng.uniform(0, 5))
        delta = float(f"{10 ** rng.uniform(-9, -3):.1e}")
        fixed.append((rate, noise, steps, delta))
    return fixed


def runs() -> list[dict[str, object]]:
    rng, rows = random.Random(2027), []
    for k in range(20):
        rate, noise = round(10 ** rng.uniform(-3, -0.5), 7), round(rng.uniform(0.8, 4), 4)
        steps, delta = rng.randrange(10, 2000), float(f"{10 ** rng.uniform(-8, -4):.1e}")
        names = (("metric",), ("moments",), ("metric", "moments"))[k % 3]
        once = {name: {"noiseMultiplier": round(10 ** rng.uniform(0, 2), 4)} for name in names}
        events = [training(rate, noise, steps), *(GaussianDpEvent(one["noiseMultiplier"]) for one in once.values())]
        run = {"samplingRate": rate, "noiseMultiplier": noise, "steps": steps, **once, "delta": delta}
        rows.append({**run, "epsilon": epsilon(ComposedDpEvent(events), delta, ORDERS)})
    return rows


def main() -> None:
    rows = []
    for rate, noise, steps, delta in settings():
        event = training(rate, noise, steps)
        ours, default = epsilon(event, delta, ORDERS), epsilon(event, delta, None)
        assert math.isfinite(ours), (rate, noise, steps, delta)
        rows.append(
            {"samplingRate": rate, "noiseMultiplier": noise, "steps": steps, "delta": delta, "epsilon": ours, "byDefault": default}
        )
    settings_lines, runs_lines = (",\n    ".join(json.dumps(row) for row in some) for some in (rows, runs()))
    print(
        f'{{\n  "library": "dp-accounting 0.6.0",\n  "settings": [\n    {settings_lines}\n  ],'
        f'\n  "runs": [\n    {runs_lines}\n  ]\n}}'
    )


main()
