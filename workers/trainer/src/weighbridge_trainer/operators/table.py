"""ONNX operator name -> function. A function's signature is the operator's: positional parameters are its inputs,
keyword parameters its attributes, so an unknown attribute or a wrong number of inputs is a refusal by itself.

`Constant` and `Shape` are not here: lowering answers them without running anything. Kept equal to
src/training/onnx/operators.ts, which refuses other graphs before payment; tests/test_operator_table.py compares them.
"""

from collections.abc import Callable
from typing import Any

from . import elementwise, layout, linear, normalise, spatial

Operator = Callable[..., Any]

# Operators that take a `key` and draw from it.
RANDOM = frozenset({"Dropout"})

TABLE: dict[str, Operator] = {
    "Abs": elementwise.absolute,
    "Add": elementwise.add,
    "AveragePool": spatial.average_pool,
    "Clip": elementwise.clip,
    "Concat": layout.concat,
    "Conv": spatial.conv,
    "Div": elementwise.div,
    "Elu": elementwise.elu,
    "Exp": elementwise.exp,
    "Flatten": layout.flatten,
    "Gelu": elementwise.gelu,
    "Gemm": linear.gemm,
    "GlobalAveragePool": spatial.global_average_pool,
    "GlobalMaxPool": spatial.global_max_pool,
    "HardSigmoid": elementwise.hard_sigmoid,
    "HardSwish": elementwise.hard_swish,
    "Identity": layout.identity,
    "LayerNormalization": normalise.layer_normalization,
    "LeakyRelu": elementwise.leaky_relu,
    "Log": elementwise.log,
    "LogSoftmax": normalise.log_softmax,
    "MatMul": linear.matmul,
    "MaxPool": spatial.max_pool,
    "Mul": elementwise.mul,
    "Neg": elementwise.neg,
    "Reciprocal": elementwise.reciprocal,
    "Relu": elementwise.relu,
    "Reshape": layout.reshape,
    "Selu": elementwise.selu,
    "Sigmoid": elementwise.sigmoid,
    "Softmax": normalise.softmax,
    "Softplus": elementwise.softplus,
    "Sqrt": elementwise.sqrt,
    "Squeeze": layout.squeeze,
    "Sub": elementwise.sub,
    "Tanh": elementwise.tanh,
    "Transpose": layout.transpose,
    "Unsqueeze": layout.unsqueeze,
}
