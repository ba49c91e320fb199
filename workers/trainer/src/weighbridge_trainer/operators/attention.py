"""Scaled dot-product attention as one operator (opset 23)."""

import jax.numpy as jnp
from jax import Array

from .normalise import softmax
from .static import require


def attention(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None = None,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = 0,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int = 1,
) -> Array:
    require(qk_matmul_output_mode == 0 and softmax_precision == 1, "Attention form")
    require(q.ndim == k.ndim == v.ndim and q.ndim in (3, 4), "Attention rank")
    flat = q.ndim == 3
    if flat:
        require(q_num_heads is not None and kv_num_heads is not None, "Attention heads")
        q, k, v = _heads(q, q_num_heads or 1), _heads(k, kv_num_heads or 1), _heads(v, kv_num_heads or 1)
    require(k.shape[1] == v.shape[1] >= 1 and q.shape[1] % k.shape[1] == 0, "Attention heads")
    groups = q.shape[1] // k.shape[1]
    k, v = jnp.repeat(k, groups, 1), jnp.repeat(v, groups, 1)
    scores = jnp.matmul(q, k.swapaxes(-1, -2)).astype(jnp.float32) * (q.shape[-1] ** -0.5 if scale is None else scale)
    # Before the mask, as ONNX has it: after it, what is masked with -inf would count again.
    if softcap:
        scores = jnp.tanh(scores / softcap) * softcap
    if mask is not None and mask.dtype != jnp.bool_:
        scores = scores + mask
    allowed = _allowed(scores, mask, is_causal)
    weights = softmax(scores if allowed is None else jnp.where(allowed, scores, -jnp.inf))
    result = weights.astype(v.dtype) @ v
    return result.swapaxes(1, 2).reshape(result.shape[0], result.shape[2], -1) if flat else result


def _heads(x: Array, count: int) -> Array:
    require(count >= 1 and x.shape[2] % count == 0, "Attention heads")
    return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)


def _allowed(scores: Array, mask: Array | None, is_causal: int) -> Array | None:
    boolean = mask if mask is not None and mask.dtype == jnp.bool_ else None
    if not is_causal:
        return boolean
    before = jnp.tri(scores.shape[-2], scores.shape[-1], dtype=jnp.bool_)
    return before if boolean is None else before & boolean
