"""The closed table of operators."""

from .static import folding
from .table import RANDOM, TABLE, Operator

__all__ = ["RANDOM", "TABLE", "Operator", "folding"]
