"""The closed table of operators."""

from .table import TABLE, Operator

__all__ = ["TABLE", "Operator"]
