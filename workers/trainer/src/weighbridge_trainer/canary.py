"""Three rows at once must give what three rows alone give, or the graph mixes rows and is
another program than the one that its buyer ran."""

from collections.abc import Mapping

import jax
import numpy as np

from .config import Config, Input
from .lower import Lowered
from .refusal import Reason, Refused
from .rows import Numbers
from .safetensors import Floats

_ROWS = 3
# Sums in another order differ; a row that sees another one differs by far more.
_TOLERANCE = 1e-3
_STIR = np.float32(0.05)


def check_rows_apart(lowered: Lowered, weights: Mapping[str, Floats], config: Config) -> None:
    """A courtesy to the buyer, not the wall: what keeps rows apart is vmap over a batch of one.

    :raises Refused: ROWS_MIX
    """
    draw = np.random.default_rng(0)
    # What starts at zero hides what it does to other rows.
    weights = {
        name: values + _STIR * draw.standard_normal(values.shape, np.float32) for name, values in weights.items()
    }
    rows = {item.name: _draw(draw, item) for item in config.inputs}

    def both(weights: Mapping[str, jax.Array], rows: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        alone = jax.vmap(lambda row: lowered.row.run(weights, row))(rows)
        return lowered.three.run_batch(weights, rows), alone

    together, alone = (np.asarray(result) for result in jax.jit(both)(dict(weights), rows))
    scale = max(1.0, float(np.nan_to_num(np.abs(alone)).max(initial=0)))
    if not np.allclose(together, alone, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True):
        raise Refused(Reason.ROWS_MIX, "a row's output depends on the other rows")


def _draw(draw: np.random.Generator, item: Input) -> Numbers:
    shape = (_ROWS, *item.shape)
    if item.dtype == "float32":
        return draw.standard_normal(shape, np.float32)
    # Small numbers: every embedding has them.
    values = draw.integers(0, 2, shape)
    return values.astype(np.bool_ if item.dtype == "bool" else np.int32)
