"""Operators that sum up over axes. The axes are constants: over which of them is not for rows to decide."""

from collections.abc import Callable
from typing import Any

from .static import ints, require, xp

Reduce = Callable[..., Any]


def _over(reduce: Callable[[Any, Any, tuple[int, ...] | None, bool], Any]) -> Reduce:
    def operator(x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        along = [] if axes is None else ints(axes)
        if not along and noop_with_empty_axes:
            return x
        # Over everything means over the batch too: rows would mix.
        require(bool(along), "reduction over all axes")
        require(all(-x.ndim <= axis < x.ndim for axis in along), "reduction axes")
        return reduce(xp(x), x, tuple(along), bool(keepdims))

    return operator


def _root(np: Any, squares: Any) -> Any:
    """At nothing but zeros the norm has no gradient, as in PyTorch; that of the root alone would be infinite."""
    none = squares == 0
    return np.where(none, squares, np.sqrt(np.where(none, 1, squares)))


mean = _over(lambda np, x, axes, keep: np.mean(x, axes, keepdims=keep))
total = _over(lambda np, x, axes, keep: np.sum(x, axes, keepdims=keep))
largest = _over(lambda np, x, axes, keep: np.max(x, axes, keepdims=keep))
smallest = _over(lambda np, x, axes, keep: np.min(x, axes, keepdims=keep))
product = _over(lambda np, x, axes, keep: np.prod(x, axes, keepdims=keep))
sum_square = _over(lambda np, x, axes, keep: np.sum(np.square(x), axes, keepdims=keep))
euclidean = _over(lambda np, x, axes, keep: _root(np, np.sum(np.square(x), axes, keepdims=keep)))
