"""That convolutions are compiled in the one form that XLA has a fast kernel for on a CPU, inside of a loop as well.
What they compute is compared with PyTorch in test_operators_torch.py."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from weighbridge_trainer.operators.spatial import conv, conv_transpose

# Batch, places, channels; places, channels in, channels out.
CHANNELS_LAST = re.compile(r"b(\d+)f_\1io->b\1f")
DRAW = np.random.default_rng(3)


def floats(*shape: int) -> jax.Array:
    return jnp.asarray(DRAW.standard_normal(shape), jnp.float32)


CASES = [
    pytest.param(conv, (4, 9), (6, 4, 3), {}, id="one axis"),
    pytest.param(conv, (4, 8, 8), (6, 4, 3, 3), {"pads": [1, 1, 1, 1]}, id="two axes"),
    pytest.param(conv, (2, 5, 6, 5), (3, 2, 2, 2, 2), {}, id="three axes"),
    pytest.param(conv, (4, 8, 8), (6, 4, 3, 3), {"strides": [2, 2], "pads": [1, 1, 0, 0]}, id="strides"),
    pytest.param(conv, (4, 8, 8), (6, 4, 3, 3), {"dilations": [2, 1]}, id="dilations"),
    pytest.param(conv, (6, 8, 8), (9, 2, 3, 3), {"group": 3}, id="groups"),
    pytest.param(conv, (22, 8, 8), (22, 1, 3, 3), {"group": 22}, id="a group a channel"),
    pytest.param(
        conv_transpose, (4, 4, 4), (4, 6, 3, 3), {"strides": [2, 2], "output_padding": [1, 1]}, id="transposed"
    ),
    pytest.param(conv_transpose, (4, 4, 4), (4, 3, 3, 3), {"group": 2}, id="transposed, groups"),
]


@pytest.mark.parametrize(("operator", "row", "kernel", "given"), CASES)
def test_training_runs_the_fast_form_alone(
    operator: Any, row: tuple[int, ...], kernel: tuple[int, ...], given: dict[str, Any]
) -> None:
    def loss(w: jax.Array, x: jax.Array) -> jax.Array:
        rows = jax.vmap(lambda one: operator(one[None], w, **given))(x)
        return jnp.sin(rows).sum()

    gradients = jax.grad(loss, argnums=(0, 1))
    looped = jax.jit(lambda w, x: lax.scan(lambda carry, _: (gradients(*carry), None), (w, x), None, length=2)[0])
    compiled = looped.lower(floats(*kernel), floats(5, *row)).compile().as_text() or ""
    forms = re.findall(r"dim_labels=([^, ]+)", compiled)
    assert len(forms) >= 3, "forward, and backward by both operands"
    assert [form for form in forms if not CHANNELS_LAST.fullmatch(form)] == []
    assert "feature_group_count" not in compiled
    assert "batch_group_count" not in compiled


@pytest.mark.parametrize("group", [1, 2, 3, 4, 6, 8, 12, 22, 24])
def test_blocks_of_groups_are_the_groups(group: int) -> None:
    x, w = floats(2, 2 * group, 6, 5), floats(3 * group, 2, 3, 2)
    expect_xlas_own(x, w, group=group, pads=[1, 0, 0, 1])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("pads", [[0, 0], [1, 2], [3, 0]])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_each_way_of_writing_it_is_the_same(size: int, pads: list[int], stride: int, dilation: int) -> None:
    x, w = floats(2, 3, size, 6), floats(4, 3, 3, 2)
    if size + sum(pads) > 2 * dilation:
        around = [pads[0], 1, pads[1], 0]
        expect_xlas_own(x, w, pads=around, strides=[stride, 1], dilations=[dilation, stride])


def expect_xlas_own(x: jax.Array, w: jax.Array, **given: Any) -> None:
    def theirs(x: jax.Array, w: jax.Array) -> jax.Array:
        pads = list(zip(given["pads"][:2], given["pads"][2:], strict=True))
        strides, dilations = given.get("strides", [1, 1]), given.get("dilations", [1, 1])
        return lax.conv_general_dilated(
            x, w, strides, pads, rhs_dilation=dilations, feature_group_count=given.get("group", 1)
        )

    def ours(x: jax.Array, w: jax.Array) -> jax.Array:
        result: jax.Array = conv(x, w, **given)
        return result

    np.testing.assert_allclose(ours(x, w), theirs(x, w), atol=1e-5)
    slope = floats(*theirs(x, w).shape)
    for mine, other in zip(jax.vjp(ours, x, w)[1](slope), jax.vjp(theirs, x, w)[1](slope), strict=True):
        np.testing.assert_allclose(mine, other, atol=5e-5)
