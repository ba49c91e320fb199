"""Operators as a graph calls them, through lowering: constants, shapes and sequences that are resolved there, dropout.
What each operator computes is compared with PyTorch in test_operators_torch.py."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models import config_of, declaration, external, float_input, graph, inline, model, node, scales, value
from weighbridge_trainer.lower import lower
from weighbridge_trainer.operators import TABLE
from weighbridge_trainer.program import Program
from weighbridge_trainer.refusal import Refused
from weighbridge_trainer.safetensors import Floats, write_safetensors

X: Floats = np.random.default_rng(5).standard_normal((2, 6)).astype(np.float32)
ZERO: dict[str, Floats] = {"zero": np.zeros(1, np.float32)}


def program(nodes: list[bytes], constants: dict[str, Any], output: int) -> Program:
    """`nodes` make "y" of "input" (2 by 6); then it is flattened and a weight is added."""
    initializers = [external("zero", (1,)), *(inline(name, np.asarray(array)) for name, array in constants.items())]
    nodes = [*nodes, node("Flatten", ["y"], ["f"]), node("Add", ["f", "zero"], ["out"])]
    data = model(graph(nodes, initializers, [value("input", ["n", 2, 6])], [value("out", ["n", output])]))
    classes = {"kind": "numbers", "columns": [{"column": f"y{k}", "min": 0, "max": 1} for k in range(output)]}
    declared = declaration(
        data,
        write_safetensors(ZERO),
        trainable=["zero"],
        inputs=[float_input(2, 6)],
        features={"input": scales(12)},
        label=classes,
        loss={"name": "mse"},
    )
    return lower(data, ZERO, config_of(declared)).row


def run(made: Program, x: Floats = X, key: jax.Array | None = None) -> Floats:
    return np.asarray(made.run({"zero": jnp.zeros(1)}, {"input": jnp.asarray(x)}, key))


def test_a_shape_chain_is_folded_and_compiles_nothing() -> None:
    """Reshape(x, Concat(Shape(x)[0:1], Size(x) / Shape(x)[0])), as exporters spell a flatten."""
    nodes = [
        node("Shape", ["input"], ["shape"]),
        node("Gather", ["shape", "first"], ["batch"]),
        node("Size", ["input"], ["size"]),
        node("Unsqueeze", ["size", "first"], ["sizes"]),
        node("Div", ["sizes", "batch"], ["rest"]),
        node("Concat", ["batch", "rest"], ["target"], axis=0),
        node("Cast", ["target"], ["target64"], to=7),
        node("Reshape", ["input", "target64"], ["y"]),
    ]
    made = program(nodes, {"first": np.array([0], np.int64)}, 12)
    assert len(made.calls) == 3
    np.testing.assert_array_equal(run(made), X.reshape(-1))


@pytest.mark.parametrize("sizes", [np.array(4, np.int64), np.array([4, 2], np.int64)])
def test_a_split_as_a_sequence(sizes: Any) -> None:
    nodes = [
        node("SplitToSequence", ["input", "sizes"], ["parts"], axis=2),
        node("SequenceAt", ["parts", "last"], ["a"]),
        node("SequenceAt", ["parts", "zero_th"], ["b"]),
        node("Concat", ["a", "b"], ["y"], axis=2),
    ]
    constants = {"sizes": sizes, "last": np.array(-1, np.int64), "zero_th": np.array(0, np.int64)}
    expected = np.concatenate([X[:, 4:], X[:, :4]], 1)
    np.testing.assert_array_equal(run(program(nodes, constants, 12)), expected.reshape(-1))


def test_outputs_that_nobody_asks_for_are_left_out() -> None:
    nodes = [node("Split", ["input"], ["", "y"], axis=2, num_outputs=2)]
    np.testing.assert_array_equal(run(program(nodes, {}, 6)), X[:, 3:].reshape(-1))


def test_a_slice_to_the_end_as_exporters_spell_it() -> None:
    nodes = [node("Slice", ["input", "start", "end", "axis"], ["y"])]
    far = {"start": np.array([2]), "end": np.array([2**63 - 1]), "axis": np.array([2])}
    np.testing.assert_array_equal(run(program(nodes, far, 8)), X[:, 2:].reshape(-1))


def dropout(*operands: str, **constants: Any) -> Program:
    return program([node("Dropout", ["input", *operands], ["y"])], constants, 12)


def test_dropout_is_on_with_a_key_and_off_without() -> None:
    made = dropout("ratio", ratio=np.array(0.25, np.float32))
    assert made.is_random
    ones = np.ones_like(X)
    np.testing.assert_array_equal(run(made, ones), ones.reshape(-1))
    keys = jax.random.split(jax.random.key(0), 4_000)
    drawn = jax.jit(jax.vmap(lambda key: made.run({"zero": jnp.zeros(1)}, {"input": jnp.asarray(ones)}, key)))(keys)
    values = np.asarray(drawn)
    assert set(np.unique(values).round(5)) == {0.0, np.float32(1 / 0.75).round(5)}
    assert abs((values == 0).mean() - 0.25) < 0.01
    # Every place on its own: no two go together.
    assert np.abs(np.corrcoef(values.T) - np.eye(12)).max() < 0.08


def test_dropout_stays_off_where_the_graph_says_no() -> None:
    constants = {"ratio": np.array(0.5, np.float32), "no": np.array(False)}
    made = dropout("ratio", "no", **constants)
    np.testing.assert_array_equal(run(made, key=jax.random.key(1)), X.reshape(-1))


@pytest.mark.parametrize("ratio", [1.0, -0.1, float("nan")])
def test_dropout_of_everything_is_refused(ratio: float) -> None:
    with pytest.raises(Refused):
        dropout("ratio", ratio=np.array(ratio, np.float32))


def test_indices_beyond_the_end_are_the_last() -> None:
    """PyTorch raises, which would tell of a row: the declaration's bounds are what keeps honest data within."""
    table = jnp.arange(4.0)
    np.testing.assert_array_equal(TABLE["Gather"](table, jnp.array([9, -9, 3])), [3, 0, 3])


def test_a_bfloat16_run_differs_little() -> None:
    made = program([node("Tanh", ["input"], ["y"])], {}, 12)
    exact = run(made)
    rough = np.asarray(made.run({"zero": jnp.zeros(1)}, {"input": jnp.asarray(X)}, None, "bfloat16"))
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.01
