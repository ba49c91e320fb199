"""eth-account brings py_ecc, which raises Python's recursion limit to 100,000 wherever it is imported. JSON of a stranger that
nests as deep would then run out of stack, and end the process of whoever imports this package, instead of being refused."""

import importlib
import sys

_BEFORE = sys.getrecursionlimit()
importlib.import_module("eth_account")
sys.setrecursionlimit(_BEFORE)
