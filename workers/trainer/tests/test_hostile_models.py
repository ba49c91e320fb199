"""Graphs that no honest exporter makes. Each must be refused, as MODEL_REJECTED or, where it asks for too much work, as
MODEL_TOO_LARGE: quickly and without memory."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import (
    LINEAR_WEIGHTS,
    attribute,
    body,
    config_of,
    declaration,
    external,
    graph,
    inline,
    linear_model,
    linear_weights,
    model,
    node,
    number,
    value,
    varint,
)
from weighbridge_trainer.losses import row_loss
from weighbridge_trainer.lower import lower
from weighbridge_trainer.optimise import prepare
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.safetensors import Floats


def memory_kib(what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.fixture(scope="module", autouse=True)
def memory_before_kib() -> int:
    """What the process has before the first case here; its highest is counted from then on."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_kib("VmRSS")


GOOD = linear_model()
INPUT, OUTPUT = value("input", ["batch", 3]), value("logits", ["batch", 2])
GEMM = node("Gemm", ["input", "w", "b"], ["logits"], transB=1)
# What loading a checkpoint of another kind would run.
PICKLE = b"cos\nsystem\n(S'touch pickled'\ntR."
# How the model ends.
ONNX = body(8, body(1, "") + number(2, 20))
WEIGHTS = [external("w", (2, 3)), external("b", (2,))]


def ints(name: str, *values: int) -> bytes:
    return inline(name, np.array(values, np.int64))


def after(*nodes: bytes, constants: tuple[bytes, ...] = (), output: str = "z") -> bytes:
    """The linear model with nodes behind it."""
    return linear_model(nodes, constants, output)


def with_graph(**parts: Any) -> bytes:
    base: dict[str, Any] = {"nodes": [GEMM], "initializers": WEIGHTS, "inputs": [INPUT], "outputs": [OUTPUT]}
    return model(graph(**{**base, **parts}))


def doubling(times: int) -> list[bytes]:
    return [node("Concat", [f"d{k}", f"d{k}"], [f"d{k + 1}"], axis=1) for k in range(times)]


def hostile() -> Iterator[tuple[str, bytes]]:
    # Wire form
    yield "empty", b""
    yield "truncated", GOOD[:-7]
    yield "length of 2^60", b"\x3a" + b"\xff" * 8 + b"\x0f"
    yield "100,000 nested groups", b"\x3b" * 100_000
    yield "number of eleven bytes", b"\x08" + b"\x80" * 10 + b"\x01"
    yield "a pickle that runs a program", PICKLE
    yield "noise of 8 MiB", b"\x32\xff\xff\xff\x03" + b"A" * (8 << 20)
    yield "unknown field 999", GOOD + varint(999 << 3) + b"\x01"
    yield "graph twice, which protobuf merges", GOOD + b"\x3a\x00"
    yield "the same version twice", GOOD + number(1, 8)
    yield "a version of 65 bits, of which 64 are right", b"\x08\x89" + b"\x80" * 8 + b"\x02" + GOOD[2:]
    yield "field of another wire type", number(7, 1) + GOOD
    yield "name that is not UTF-8", model(graph([GEMM], [body(8, b"\xff\xfe")], [INPUT], [OUTPUT]))
    yield (
        "name between two nodes that is not UTF-8",
        after(node("Relu", ["logits"], ["QQ"]), node("Relu", ["QQ"], ["z"])).replace(b"QQ", b"\xff\xfe"),
    )
    yield (
        "name of 100,000 characters",
        with_graph(initializers=[*WEIGHTS, inline("n" * 100_000, np.zeros(1, np.float32))]),
    )
    # What the profile leaves out
    yield "model-local function", GOOD + body(25, body(1, "f"))
    yield "training info", GOOD + body(20, b"")
    yield (
        "subgraph in an attribute",
        after(node("If", ["logits"], ["z"]) + body(5, body(1, "then_branch") + body(6, b""))),
    )
    yield (
        "attribute that refers to another",
        after(node("Relu", ["logits"], ["z"]) + body(5, body(1, "a") + body(21, "b"))),
    )
    yield "custom domain", after(node("Steal", ["logits"], ["z"], domain="evil"))
    yield "operator of the table, of another domain", after(node("Relu", ["logits"], ["z"], domain="evil"))
    yield "operator outside the table", after(node("Loop", ["logits"], ["z"]))
    yield "BatchNormalization, which mixes rows", after(node("BatchNormalization", ["logits"] * 5, ["z"]))
    yield "opset too old", model(graph([GEMM], WEIGHTS, [INPUT], [OUTPUT]), opset=14)
    yield "opset from the future", model(graph([GEMM], WEIGHTS, [INPUT], [OUTPUT]), opset=99)
    yield "operator set of another domain", GOOD[: -len(ONNX)] + body(8, body(1, "evil") + number(2, 20))
    yield "two operator sets", GOOD + body(8, body(1, "evil") + number(2, 1))
    yield "IR version from the future", model(graph([GEMM], WEIGHTS, [INPUT], [OUTPUT]), ir=99)
    # Weights
    yield (
        "external data of another file",
        with_graph(initializers=[external("w", (2, 3), "../../etc/passwd"), WEIGHTS[1]]),
    )
    yield "external tensor that is not there", with_graph(initializers=[*WEIGHTS, external("c", (1,))])
    yield "weight of another shape", with_graph(initializers=[external("w", (3, 2)), WEIGHTS[1]])
    yield "weight as integers", with_graph(initializers=[external("w", (2, 3), data_type=7), WEIGHTS[1]])
    yield "weight in the graph too", with_graph(initializers=[inline("w", LINEAR_WEIGHTS["w"]), WEIGHTS[1]])
    yield (
        "weights unused",
        with_graph(nodes=[node("Gemm", ["input", "w"], ["logits"], transB=1)], initializers=WEIGHTS[:1]),
    )
    yield "initializer twice", with_graph(initializers=[*WEIGHTS, external("w", (2, 3))])
    yield "string tensor", with_graph(initializers=[*WEIGHTS, number(2, 8) + body(8, "s") + body(9, b"x")])
    yield (
        "constant shorter than its shape",
        with_graph(initializers=[*WEIGHTS, number(1, 1000) + number(2, 1) + body(8, "s")]),
    )
    yield (
        "shape whose product overflows",
        with_graph(
            initializers=[
                *WEIGHTS,
                number(1, 1 << 33) + number(1, 1 << 33) + number(2, 1) + body(8, "s") + body(9, b"1234"),
            ]
        ),
    )
    yield "large constant in the graph", with_graph(initializers=[*WEIGHTS, inline("s", np.zeros(5000, np.float32))])
    # Names and shapes
    yield "name made twice", after(node("Relu", ["logits"], ["logits"]))
    yield "value used before it is made", after(node("Relu", ["later"], ["z"]), node("Relu", ["logits"], ["later"]))
    yield "operand that may be left out, and that nothing makes", after(node("Clip", ["logits", "never"], ["z"]))
    yield "name with a zero byte", after(node("Relu", ["logits"], ["\0"]), node("Relu", ["\0"], ["z"]))
    yield "fixed batch in the input", with_graph(inputs=[value("input", [4, 3])])
    yield "two inputs", with_graph(inputs=[INPUT, value("other", ["batch", 3])])
    yield "input of another type", with_graph(inputs=[value("input", ["batch", 3], 7)])
    yield "input of another shape", with_graph(inputs=[value("input", ["batch", 4])])
    yield "two outputs", with_graph(outputs=[OUTPUT, OUTPUT])
    yield "output that nothing makes", with_graph(outputs=[value("none", ["batch", 2])])
    yield "output that is the input", with_graph(outputs=[value("input", ["batch", 3])])
    yield "output of another width", after(node("Concat", ["logits", "logits"], ["z"], axis=1))
    yield "output without a row axis", after(node("Squeeze", ["logits", "zero"], ["z"]), constants=(ints("zero", 0),))
    yield (
        "output that is the sum over its batch",
        after(node("ReduceSum", ["logits", "zero"], ["z"], keepdims=1), constants=(ints("zero", 0),)),
    )
    yield "batch fixed inside", after(node("Reshape", ["logits", "s"], ["z"]), constants=(ints("s", 1, 2),))
    # Attributes and operands
    yield "unknown attribute", after(node("Relu", ["logits"], ["z"], inplace=1))
    yield "attribute twice", after(node("Elu", ["logits"], ["z"], alpha=1.0) + body(5, attribute("alpha", 2.0)))
    yield "attribute of another type", after(node("Softmax", ["logits"], ["z"], axis="last"))
    # Found by test_fuzz.py, case 3082 of 100,000.
    yield "Constant of a number that is a text", beside(node("Constant", [], ["c"], value_int=""))
    yield "Constant of a number that is a text of digits", beside(node("Constant", [], ["c"], value_int="7"))
    yield "Constant of numbers that is one", beside(node("Constant", [], ["c"], value_ints=1))
    yield "Constant of floats that are integers", beside(node("Constant", [], ["c"], value_floats=[1, 2]))
    yield "Constant of 5,000 numbers", beside(node("Constant", [], ["c"], value_ints=[1] * 5_000))
    yield "Constant beyond 31 bits", beside(node("Constant", [], ["c"], value_int=1 << 40))
    yield "too many operands", after(node("Relu", ["logits", "logits"], ["z"]))
    yield "too few operands", after(node("MatMul", ["logits"], ["z"]))
    yield "shape computed from rows", after(node("Reshape", ["logits", "logits"], ["z"]))
    yield "Squeeze without axes", after(node("Squeeze", ["logits"], ["z"]))
    yield "axis out of range", after(node("Softmax", ["logits"], ["z"], axis=7))
    yield (
        "shapes that do not go together",
        after(node("MatMul", ["logits", "w"], ["z"]), node("MatMul", ["z", "w"], ["y"])),
    )
    yield "integer beyond 31 bits", after(node("Reshape", ["logits", "s"], ["z"]), constants=(ints("s", 1 << 40, -1),))
    yield "second output", after(node("MaxPool", ["logits"], ["z", "indices"], kernel_shape=[1]))
    # Bombs
    yield (
        "doubling 40 times",
        after(node("Identity", ["logits"], ["d0"]), *doubling(40), node("Identity", ["d40"], ["z"])),
    )
    yield (
        "outer product",
        after(
            node("Reshape", ["logits", "s"], ["d0"]),
            *doubling(12),
            node("Transpose", ["d12"], ["t"], perm=[1, 0]),
            node("MatMul", ["t", "d12"], ["z"]),
            constants=(ints("s", 1, -1),),
        ),
    )
    yield (
        "kernel of 64 by 64",
        after(
            node("Reshape", ["logits", "s"], ["i"]),
            node("MaxPool", ["i"], ["z"], kernel_shape=[64, 64], pads=[63, 63, 63, 63]),
            constants=(ints("s", 0, 1, 1, 2),),
        ),
    )
    yield (
        "window in the padding alone",
        after(
            node("Reshape", ["logits", "s"], ["i"]),
            node("MaxPool", ["i"], ["z"], kernel_shape=[1, 1], pads=[1, 1, 1, 1]),
            constants=(ints("s", 0, 1, 1, 2),),
        ),
    )
    yield (
        "padding of 2^30",
        after(
            node("Reshape", ["logits", "s"], ["i"]),
            node("AveragePool", ["i"], ["z"], kernel_shape=[1], pads=[1 << 30, 1 << 30]),
            constants=(ints("s", 0, 1, 2),),
        ),
    )
    yield (
        "3,000 nodes",
        after(*[node("Tanh", [f"t{k}" if k else "logits"], [f"t{k + 1}"]) for k in range(3_000)], output="t3000"),
    )
    yield "Concat of 1,000", after(node("Concat", ["logits"] * 1_000, ["z"], axis=1))
    # Bombs of constants alone
    yield "constant of 2^40 numbers", beside(*filled("c", 1 << 20, 1 << 20))
    yield (
        "doubling a constant 40 times",
        beside(*filled("d0", 1, 1), *doubling(40)),
    )
    yield (
        "Tile 2^30 times",
        beside(*filled("c", 1), *whole("times", 1 << 30), node("Tile", ["c", "times"], ["t"])),
    )
    yield (
        "Range of 2^30 numbers",
        beside(
            *(node("Constant", [], [name], value_int=n) for name, n in (("from", 0), ("to", 1 << 30), ("by", 1))),
            node("Range", ["from", "to", "by"], ["r"]),
        ),
    )


def expanding() -> Iterator[tuple[str, bytes]]:
    """Small enough, number by number; the work that they ask for is not."""
    square = (*filled("a", 2048, 2048), *filled("c", 2048, 2048))
    yield "product of two constants", beside(*square, node("MatMul", ["a", "c"], ["ac"]))
    yield "Gemm of two constants", beside(*square, node("Gemm", ["a", "c"], ["ac"], transA=1))
    yield (
        "doubling, and a product of what came of it",
        beside(
            *filled("d0", 2048, 1),
            *doubling(11),
            node("MatMul", ["d11", "d11"], ["c"]),
        ),
    )
    yield (
        "500 products with small results",
        beside(
            *filled("a", 64, 1 << 14),
            *filled("c", 1 << 14, 64),
            *(node("MatMul", ["a", "c"], [f"c{k}"]) for k in range(500)),
        ),
    )
    yield (
        "convolution of constants",
        beside(*filled("a", 1, 64, 64, 64), *filled("k", 64, 64, 7, 7), node("Conv", ["a", "k"], ["c"])),
    )
    yield (
        "attention of constants",
        beside(*filled("a", 1, 1, 2048, 2048), node("Attention", ["a", "a", "a"], ["c"])),
    )
    recurrent = (*filled("x", 1 << 14, 1, 64), *filled("i", 1, 512, 64), *filled("r", 1, 512, 128))
    yield "recurrent cells over constants", beside(*recurrent, node("LSTM", ["x", "i", "r"], ["c"], hidden_size=128))
    yield (
        "recurrent cells over constants, from a state of the row's",
        beside(
            *filled("x", 256, 1, 4096),
            *filled("i", 1, 1024, 4096),
            *filled("r", 1, 1024, 1024),
            *whole("places", 1, 1, 1024),
            node("ReduceSum", ["logits", "axis"], ["sum"], keepdims=1),
            node("Expand", ["sum", "places"], ["state"]),
            node("RNN", ["x", "i", "r", "", "", "state"], ["c"], hidden_size=1024),
            constants=(ints("axis", 1),),
        ),
    )
    yield (
        "window over a large constant",
        beside(*filled("a", 1, 1, 2000, 2000), node("MaxPool", ["a"], ["c"], kernel_shape=[11, 11])),
    )
    yield (
        "1,500 small programs to compile",
        beside(
            *filled("g0", 1, 3),
            *(node("Gelu", [f"g{k}"], [f"g{k + 1}"]) for k in range(1_500)),
        ),
    )


def beside(*nodes: bytes, constants: tuple[bytes, ...] = ()) -> bytes:
    """The linear model, and nodes that its output does not need."""
    return after(*nodes, node("Identity", ["logits"], ["z"]), constants=constants)


def filled(result: str, *shape: int) -> tuple[bytes, ...]:
    return (*whole(f"{result}.shape", *shape), node("ConstantOfShape", [f"{result}.shape"], [result]))


def whole(result: str, *values: int) -> tuple[bytes, ...]:
    return (node("Constant", [], [result], value=np.array(values, np.int64)),)


CASES = list(hostile())
EXPANDING = list(expanding())


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in CASES])
def test_refuses(data: bytes) -> None:
    config = config_of(declaration(data, linear_weights()))
    started = time.process_time()
    with pytest.raises(Refused) as refused:
        # The label's own check of the output is part of the loss.
        row_loss(lower(data, LINEAR_WEIGHTS, config).row, config)
    assert refused.value.reason is Reason.MODEL_REJECTED
    assert time.process_time() - started < 30


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in EXPANDING])
def test_refuses_constants_that_take_too_much_work(data: bytes) -> None:
    config = config_of(declaration(data, linear_weights()))
    started = time.process_time()
    with pytest.raises(Refused, match=r"budget: .*constant") as refused:
        lower(data, LINEAR_WEIGHTS, config)
    assert refused.value.reason is Reason.MODEL_TOO_LARGE
    assert time.process_time() - started < 30


def test_takes_constants_within_the_budget() -> None:
    data = beside(*filled("a", 512, 512), node("MatMul", ["a", "a"], ["c"]))
    lower(data, LINEAR_WEIGHTS, config_of(declaration(data, linear_weights())))


def test_takes_a_range_between_numbers_that_stand_in_constants() -> None:
    data = beside(
        *(node("Constant", [], [name], value_int=n) for name, n in (("from", 0), ("to", 9), ("by", 2))),
        node("Range", ["from", "to", "by"], ["r"]),
    )
    lower(data, LINEAR_WEIGHTS, config_of(declaration(data, linear_weights())))


def test_takes_the_model_that_the_others_are_made_from() -> None:
    program = lower(GOOD, LINEAR_WEIGHTS, config_of(declaration(GOOD, linear_weights())))
    assert len(program.row.calls) == 1


def test_refuses_a_program_that_takes_too_long_to_compile() -> None:
    count = 800
    nodes = [node("Elu", [f"t{k}" if k else "logits"], [f"t{k + 1}"]) for k in range(count)]
    data = linear_model(nodes, output=f"t{count}")
    config = config_of(declaration(data, linear_weights()))
    with pytest.raises(Refused, match="MODEL_TOO_LARGE: budget: operations"):
        prepare(lower(data, LINEAR_WEIGHTS, config).row, LINEAR_WEIGHTS, config)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("lower.MAX_VALUE_ELEMENTS", 1, "MODEL_REJECTED: budget: Gemm"),
        ("lower.MAX_ROW_ELEMENTS", 1, "MODEL_REJECTED: budget: Gemm"),
        ("folding_budget.MAX_FOLDED_ELEMENTS", 8, "MODEL_TOO_LARGE: budget: numbers of a constant"),
        ("budgets.MAX_EQUATIONS", 10, "MODEL_TOO_LARGE: budget: operations"),
        ("budgets.MAX_ROW_FLOPS", 10, "MODEL_TOO_LARGE: budget: floating-point operations a row"),
        ("budgets._addresses", lambda: 1_000, "MODEL_TOO_LARGE: budget: memory"),
    ],
)
def test_each_budget_alone_refuses(monkeypatch: pytest.MonkeyPatch, limit: str, value: Any, message: str) -> None:
    """An honest model, where this budget is less than it takes and all others are as ever."""
    data = beside(*filled("a", 3, 3), node("Neg", ["a"], ["c"]))
    config = config_of(declaration(data, linear_weights()))
    prepare(lower(data, LINEAR_WEIGHTS, config).row, LINEAR_WEIGHTS, config)
    monkeypatch.setattr(f"weighbridge_trainer.{limit}", value)
    with pytest.raises(Refused, match=message):
        prepare(lower(data, LINEAR_WEIGHTS, config).row, LINEAR_WEIGHTS, config)


def test_refuses_a_trainable_tensor_that_is_not_there() -> None:
    config = config_of(declaration(GOOD, linear_weights(), trainable=["w", "c"]))
    with pytest.raises(Refused):
        lower(GOOD, LINEAR_WEIGHTS, config)


def test_no_byte_of_a_graph_crashes_the_reader() -> None:
    """Every byte of a good graph, changed in four ways: refused or taken, never another exception."""
    weights: dict[str, Floats] = LINEAR_WEIGHTS
    config = config_of(declaration(GOOD, linear_weights()))
    taken, reasons = 0, set()
    for at in range(len(GOOD)):
        for change in (0x01, 0x7F, 0x80, 0xFF):
            data = GOOD[:at] + bytes([GOOD[at] ^ change]) + GOOD[at + 1 :]
            try:
                row_loss(lower(data, weights, config).row, config)
                taken += 1
            except Refused as refused:
                reasons.add(refused.reason)
    assert reasons == {Reason.MODEL_REJECTED}
    # Some changes are harmless (another node's name): most are not.
    assert taken < len(GOOD)


def test_bombs_took_no_memory(memory_before_kib: int) -> None:
    """Runs after the cases above in this process: none of them may have allocated what it asked for."""
    assert memory_kib("VmHWM") - memory_before_kib < 1 << 20
