"""Lowers a graph to a flat list of calls over the closed table, by abstract evaluation: shapes are computed, numbers
are not, and nothing of the size that a graph asks for is allocated before the budgets have passed it."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from .bounds import Bounds
from .config import Config, Input
from .folding_budget import FoldingBudget
from .onnx.tensors import ELEMENT_TYPES, FLOAT32, Attribute, attributes, initializer
from .onnx.wire import Message, read_model
from .operators import RANDOM, TABLE, Operator, folding
from .program import Call, Program
from .refusal import Refused, reject_model
from .safetensors import Floats
from .structural import STRUCTURAL, Operand, Value

IR_VERSIONS = range(8, 14)
OPSETS = range(18, 26)
# Numbers in one value, and in all values that one row passes through.
MAX_VALUE_ELEMENTS = 1 << 22
MAX_ROW_ELEMENTS = 1 << 26


@dataclass(frozen=True)
class Lowered:
    """The graph for one row, which is what trains, and for three at once, which the canary holds against it."""

    row: Program
    three: Program


def lower(graph: bytes, weights: Mapping[str, Floats], config: Config) -> Lowered:
    """:raises Refused: MODEL_REJECTED, MODEL_TOO_LARGE"""
    model = read_model(graph)
    _check_versions(model)
    # A graph whose output does not grow with its batch has one fixed inside, or mixes rows: stock tools would run it
    # otherwise than we do. What keeps rows apart here is vmap, not this check.
    three = _Lowering(model["graph"], weights, config, Bounds(config, 3), batch=3).program
    one = _Lowering(model["graph"], weights, config, Bounds(config, 1), batch=1).program
    return Lowered(one, three)


class _Lowering:
    def __init__(
        self, graph: Message, weights: Mapping[str, Floats], config: Config, bounds: Bounds, batch: int
    ) -> None:
        self._bounds = bounds
        self._values: dict[str, Operand] = {}
        self._calls: list[Call] = []
        self._elements = 0
        self._folding = FoldingBudget()
        for tensor in graph["initializers"]:
            self._name(tensor.get("name", ""), _weight(tensor, weights))
        if any(not isinstance(self._values.get(name), Value) for name in weights):
            raise reject_model("graph: weights that it does not use")
        if not set(config.trainable) <= set(weights):
            raise reject_model("graph: a trainable tensor is not in the weights")
        if len(graph["inputs"]) != len(config.inputs):
            raise reject_model("graph: other inputs than declared")
        for value, declared in zip(graph["inputs"], config.inputs, strict=True):
            self._name(declared.name, _input(value, declared, batch))
        for node in graph["nodes"]:
            self._node(node)
        output = self._output(graph["outputs"], batch)
        inputs = tuple(item.name for item in config.inputs)
        self.program = Program(tuple(self._calls), inputs, output.name, output.aval.shape[1:], self._elements)

    def _node(self, node: Message) -> None:
        op = node.get("op", "")
        if node.get("domain", ""):
            raise reject_model(f"graph: {op} of another domain")
        operands = [self._operand(name) for name in node["inputs"]]
        given = attributes(node)
        outputs = _outputs(node)
        if op in STRUCTURAL:
            if len(outputs) != 1:
                raise reject_model(f"graph: {op} with several outputs")
            self._name(outputs[0], STRUCTURAL[op](self._call, operands, given))
            return
        if op not in TABLE:
            raise reject_model(f"graph: operator {op} is not in the table")
        results = self._call(op, operands, given, outputs)
        for name, result in zip(outputs, results, strict=True):
            if name:
                self._name(name, result)

    def _call(
        self, op: str, operands: list[Operand], given: dict[str, Attribute], outputs: list[str]
    ) -> tuple[Operand, ...]:
        """One operator of the table: constants are computed at once, everything else becomes a call."""
        call = _bind(op, TABLE[op], operands, given)
        if op == "Gather":
            self._bounds.check_index(operands[0], operands[1], given.get("axis", 0))
        dynamic = [operand for operand in operands if isinstance(operand, Value)]
        avals, program = _abstract(op, call, [value.aval for value in dynamic])
        if len(outputs) > len(avals):
            raise reject_model(f"graph: {op} has no such output")
        for aval in avals:
            self._elements += math.prod(aval.shape)
            if math.prod(aval.shape) > MAX_VALUE_ELEMENTS or self._elements > MAX_ROW_ELEMENTS:
                raise reject_model(f"budget: {op}")
        self._folding.charge(program)
        if not dynamic and op not in RANDOM:
            with folding():
                return tuple(np.asarray(result) for result in call()[: len(outputs)])
        names = tuple(name or f"\0{len(self._calls)}.{k}" for k, name in enumerate(outputs))
        if dynamic:
            self._bounds.follow(op, call, operands, names)
        used = len(outputs)
        run = call if used == len(avals) else _first(call, used)
        self._calls.append(Call(run, tuple(value.name for value in dynamic), names, op in RANDOM, op, given))
        return tuple(Value(name, aval) for name, aval in zip(names, avals, strict=False))

    def _operand(self, name: str) -> Operand:
        if not name:
            return None
        if name not in self._values:
            raise reject_model("graph: a value is used before it is made")
        return self._values[name]

    def _name(self, name: str, value: Operand) -> None:
        if not name or name in self._values or "\0" in name:
            raise reject_model("graph: a name stands twice or cannot be one")
        self._values[name] = value

    def _output(self, outputs: list[Message], batch: int) -> Value:
        value = self._values.get(outputs[0].get("name", "")) if len(outputs) == 1 else None
        if not isinstance(value, Value) or value.aval.shape[:1] != (batch,) or value.aval.dtype != np.float32:
            raise reject_model("graph: the output is not float32 with a row a row")
        return value


def _outputs(node: Message) -> list[str]:
    """Names in order, "" for one that nobody asks for; those at the end are left out."""
    names = list(node["outputs"])
    while names and not names[-1]:
        names.pop()
    if not names:
        raise reject_model("graph: a node without outputs")
    return names


def _check_versions(model: Message) -> None:
    opsets = [(opset.get("domain", ""), opset.get("version", 0)) for opset in model["opsets"]]
    if len(opsets) != 1 or opsets[0][0] != "" or opsets[0][1] not in OPSETS:
        raise reject_model("graph: operator set")
    if model.get("ir_version", 0) not in IR_VERSIONS or "graph" not in model:
        raise reject_model("graph: IR version")


def _weight(tensor: Message, weights: Mapping[str, Floats]) -> Operand:
    array = initializer(tensor, weights)
    if tensor.get("location", 0) == 0:
        return array
    return Value(tensor["name"], jax.ShapeDtypeStruct(array.shape, array.dtype))


def _input(value: Message, declared: Input, batch: int) -> Value:
    try:
        tensor = value["type"]["tensor"]
        first, *rest = tensor["shape"]["dims"]
        sizes = tuple(dim["value"] for dim in rest)
        element_type = ELEMENT_TYPES[declared.dtype]
        fits = value["name"] == declared.name and tensor["element_type"] == element_type and first.get("param")
    except (KeyError, ValueError):
        raise reject_model("graph: an input must have a batch") from None
    if not fits or sizes != declared.shape:
        raise reject_model("graph: an input is not the declared one")
    stored = {FLOAT32: np.float32, ELEMENT_TYPES["bool"]: np.bool_}.get(element_type, np.int32)
    return Value(declared.name, jax.ShapeDtypeStruct((batch, *sizes), np.dtype(stored)))


def _bind(
    op: str, operator: Operator, operands: list[Operand], given: dict[str, Attribute]
) -> Callable[..., tuple[Any, ...]]:
    """The operator with its constants in place; takes the run-time operands in order."""
    if any(isinstance(operand, tuple) for operand in operands):
        raise reject_model(f"graph: {op} of a sequence")
    try:
        inspect.signature(operator).bind(*operands, **given)
    except TypeError:
        raise reject_model(f"graph: {op} with other inputs or attributes than the table's") from None

    def call(*dynamic: jax.Array, **drawn: Any) -> tuple[Any, ...]:
        rest = iter(dynamic)
        result = operator(
            *(next(rest) if isinstance(operand, Value) else operand for operand in operands), **given, **drawn
        )
        return result if isinstance(result, tuple) else (result,)

    return call


def _first(call: Callable[..., tuple[Any, ...]], count: int) -> Callable[..., tuple[Any, ...]]:
    return lambda *dynamic, **drawn: call(*dynamic, **drawn)[:count]


def _abstract(
    op: str, call: Callable[..., tuple[Any, ...]], avals: list[jax.ShapeDtypeStruct]
) -> tuple[tuple[jax.ShapeDtypeStruct, ...], Any]:
    """Its results without their numbers, and the program that makes them."""
    results: Any
    try:
        program, results = jax.make_jaxpr(call, return_shape=True)(*avals)
    except (Refused, MemoryError):
        raise
    except Exception as error:
        # JAX raises TypeError, ValueError, IndexError and more for shapes that do not go together.
        raise reject_model(f"graph: {op}: {type(error).__name__}") from None
    if not all(isinstance(result, jax.ShapeDtypeStruct) for result in results):
        raise reject_model(f"graph: {op} without an array")
    return tuple(results), program.jaxpr
