"""Einsum of two operands as the Transpose and MatMul that it is: the operators of the profile have no equations in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import model_rejected


def without_einsum(model: Any) -> Any:
    """:raises WeighbridgeError: MODEL_REJECTED for an equation that is no single product of matrices"""
    graph = model.graph
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in [*graph.value_info, *graph.input]}
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        graph.node.extend(_product(node, ranks) if node.op_type == "Einsum" else [node])
    return model


def _product(node: Any, ranks: Mapping[str, int]) -> list[Any]:
    from onnx.helper import make_node

    equation = _spelt_out(node.attribute[0].s.decode().replace(" ", ""), ranks.get(node.input[0], 0))
    terms, _, wanted = equation.partition("->")
    left, _, right = terms.partition(",")
    shared = [letter for letter in left if letter in right]
    batch = [letter for letter in shared if letter in wanted]
    summed = [letter for letter in shared if letter not in wanted]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    made = [*batch, *rows, *columns]
    once = all(len(set(term)) == len(term) for term in (left, right, wanted))
    if not once or "." in equation or [len(summed), len(rows), len(columns)] != [1, 1, 1] or set(made) != set(wanted):
        raise model_rejected(f"einsum {equation!r} is not one product of matrices", "Write it with matmul and reshape.")
    (result,) = node.output
    names = [f"{result}.left", f"{result}.right", f"{result}.product"]
    return [
        make_node("Transpose", [node.input[0]], [names[0]], perm=[left.index(k) for k in [*batch, *rows, *summed]]),
        make_node("Transpose", [node.input[1]], [names[1]], perm=[right.index(k) for k in [*batch, *summed, *columns]]),
        make_node("MatMul", names[:2], [names[2]]),
        make_node("Transpose", [names[2]], [result], perm=[made.index(k) for k in wanted]),
    ]


def _spelt_out(equation: str, rank: int) -> str:
    """With a capital letter for each axis that leading dots stand for."""
    named = len(equation.partition(",")[0].removeprefix("..."))
    return equation.replace("...", "ABCDEFGH"[: max(rank - named, 0)]) if equation.startswith("...") else equation
