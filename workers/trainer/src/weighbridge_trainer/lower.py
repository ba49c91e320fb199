"""Lowers a graph to a flat list of calls over the closed table, by abstract evaluation: shapes are computed, numbers
are not, and nothing of the size that a graph asks for is allocated before the budgets have passed it."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from .config import Config
from .onnx.tensors import FLOAT32, Array, Attribute, attributes, initializer
from .onnx.wire import Message, read_model
from .operators import TABLE, Operator
from .refusal import Refused, reject_model
from .safetensors import Floats

IR_VERSIONS = range(8, 14)
OPSETS = range(18, 26)
# Numbers in one value, and in all values that one row passes through.
MAX_VALUE_ELEMENTS = 1 << 22
MAX_ROW_ELEMENTS = 1 << 26


@dataclass(frozen=True)
class Value:
    """A value that is known only at run time."""

    name: str
    aval: jax.ShapeDtypeStruct


Operand = Value | Array | None


@dataclass(frozen=True)
class Call:
    run: Callable[..., jax.Array]
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Program:
    calls: tuple[Call, ...]
    input: str
    output: str
    row_elements: int
    """Numbers that one row makes on its way: what a micro-batch has to hold."""

    def run(self, weights: Mapping[str, jax.Array], row: jax.Array) -> jax.Array:
        """Logits of one row. The graph sees a batch of exactly one; under `vmap` rows cannot mix."""
        values: dict[str, jax.Array] = {**weights, self.input: row[None]}
        for call in self.calls:
            values[call.output] = call.run(*(values[name] for name in call.inputs))
        return values[self.output][0]


def lower(graph: bytes, weights: Mapping[str, Floats], config: Config) -> Program:
    """:raises Refused: MODEL_REJECTED"""
    model = read_model(graph)
    _check_versions(model)
    # A graph whose output does not grow with its batch has one fixed inside, or mixes rows: stock tools would run it
    # otherwise than we do. What keeps rows apart here is vmap, not this check.
    _Lowering(model["graph"], weights, config, batch=2)
    return _Lowering(model["graph"], weights, config, batch=1).program


class _Lowering:
    def __init__(self, graph: Message, weights: Mapping[str, Floats], config: Config, batch: int) -> None:
        self._values: dict[str, Operand] = {}
        self._calls: list[Call] = []
        self._elements = 0
        for tensor in graph["initializers"]:
            self._name(tensor.get("name", ""), _weight(tensor, weights))
        if any(not isinstance(self._values.get(name), Value) for name in weights):
            raise reject_model("graph: weights that it does not use")
        if not set(config.trainable) <= set(weights):
            raise reject_model("graph: a trainable tensor is not in the weights")
        self._name(config.input_name, _input(graph["inputs"], config, batch))
        for node in graph["nodes"]:
            self._node(node)
        output = self._output(graph["outputs"], (batch, len(config.classes)))
        self.program = Program(tuple(self._calls), config.input_name, output, self._elements)

    def _node(self, node: Message) -> None:
        op, outputs = node.get("op", ""), [name for name in node["outputs"] if name]
        if node.get("domain", "") or len(outputs) != 1:
            raise reject_model(f"graph: {op} of another domain or with several outputs")
        operands = [self._operand(name) for name in node["inputs"]]
        given = attributes(node)
        self._name(outputs[0], self._result(op, operands, given, outputs[0]))

    def _result(self, op: str, operands: list[Operand], given: dict[str, Attribute], name: str) -> Operand:
        if op == "Constant":
            return _constant(operands, given)
        if op == "Shape":
            return _shape(operands, given)
        if op not in TABLE:
            raise reject_model(f"graph: operator {op} is not in the table")
        call = _bind(op, TABLE[op], operands, given)
        dynamic = [operand for operand in operands if isinstance(operand, Value)]
        aval = _abstract(op, call, [value.aval for value in dynamic])
        self._elements += math.prod(aval.shape)
        if math.prod(aval.shape) > MAX_VALUE_ELEMENTS or self._elements > MAX_ROW_ELEMENTS:
            raise reject_model(f"budget: {op}")
        if not dynamic:
            return np.asarray(call())
        self._calls.append(Call(call, tuple(value.name for value in dynamic), name))
        return Value(name, aval)

    def _operand(self, name: str) -> Operand:
        if not name:
            return None
        if name not in self._values:
            raise reject_model("graph: a value is used before it is made")
        return self._values[name]

    def _name(self, name: str, value: Operand) -> None:
        if not name or name in self._values:
            raise reject_model("graph: a name stands twice")
        self._values[name] = value

    def _output(self, outputs: list[Message], shape: tuple[int, ...]) -> str:
        name = outputs[0].get("name", "") if len(outputs) == 1 else ""
        value = self._values.get(name)
        if not isinstance(value, Value) or value.aval.shape != shape or value.aval.dtype != np.float32:
            raise reject_model("graph: the output is not one row of logits a row")
        return name


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


def _input(inputs: list[Message], config: Config, batch: int) -> Value:
    try:
        (value,) = inputs
        tensor = value["type"]["tensor"]
        first, *rest = tensor["shape"]["dims"]
        sizes = tuple(dim["value"] for dim in rest)
        fits = value["name"] == config.input_name and tensor["element_type"] == FLOAT32 and first.get("param")
    except (KeyError, ValueError):
        raise reject_model("graph: it must have one input with a batch") from None
    if not fits or sizes != config.input_shape:
        raise reject_model("graph: the input is not the declared one")
    return Value(config.input_name, jax.ShapeDtypeStruct((batch, *sizes), np.dtype(np.float32)))


def _constant(operands: list[Operand], given: dict[str, Attribute]) -> Array:
    if operands or len(given) != 1:
        raise reject_model("graph: Constant form")
    ((kind, value),) = given.items()
    if kind == "value" and isinstance(value, np.ndarray):
        return value
    if kind in ("value_int", "value_ints"):
        return np.array(value, np.int64)
    if kind in ("value_float", "value_floats"):
        return np.array(value, np.float32)
    raise reject_model("graph: Constant form")


def _shape(operands: list[Operand], given: dict[str, Attribute]) -> Array:
    start, end = given.get("start", 0), given.get("end")
    operand = operands[0] if len(operands) == 1 else None
    if operand is None or not set(given) <= {"start", "end"}:
        raise reject_model("graph: Shape form")
    if not isinstance(start, int) or not (end is None or isinstance(end, int)):
        raise reject_model("graph: Shape form")
    shape = operand.aval.shape if isinstance(operand, Value) else operand.shape
    return np.array(shape[start:end], np.int64)


def _bind(
    op: str, operator: Operator, operands: list[Operand], given: dict[str, Attribute]
) -> Callable[..., jax.Array]:
    """The operator with its constants in place; takes the run-time operands in order."""
    try:
        inspect.signature(operator).bind(*operands, **given)
    except TypeError:
        raise reject_model(f"graph: {op} with other inputs or attributes than the table's") from None

    def call(*dynamic: jax.Array) -> jax.Array:
        rest = iter(dynamic)
        result: jax.Array = operator(
            *(next(rest) if isinstance(operand, Value) else operand for operand in operands), **given
        )
        return result

    return call


def _abstract(op: str, call: Callable[..., jax.Array], avals: list[jax.ShapeDtypeStruct]) -> jax.ShapeDtypeStruct:
    try:
        result: Any = jax.eval_shape(call, *avals)
    except (Refused, MemoryError):
        raise
    except Exception as error:
        # JAX raises TypeError, ValueError, IndexError and more for shapes that do not go together.
        raise reject_model(f"graph: {op}: {type(error).__name__}") from None
    if not isinstance(result, jax.ShapeDtypeStruct):
        raise reject_model(f"graph: {op} without an array")
    return result
