"""How rows lie in memory: an input whose numbers are whole and bounded by public constants in the smallest type that
holds them, an image as its bytes. A run unpacks the rows of a micro-batch; what it computes with is the same, bit by
bit, as if they had lain there as numbers of four bytes."""

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import Array

from .config import Input
from .images import levels
from .transforms import Category, Feature, Image, OneHot, Tensor, Text

_TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.int32)


def stored_type(item: Input) -> np.dtype[np.generic]:
    if item.dtype == "bool":
        return np.dtype(np.bool_)
    if item.dtype == "float32":
        kinds = {type(feature) for feature in item.features}
        packs = kinds == {OneHot} or (kinds == {Image} and len(item.features) == 1)
        return np.dtype(np.uint8 if packs else np.float32)
    # int64 of a graph is int32 here: XLA counts with that, and no bound of a feature is larger.
    ends = [_ends(feature) for feature in item.features]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    return np.dtype(
        next(kind for kind in _TYPES if kind is np.int32 or (np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))
    )


def unpacked(item: Input, values: Array) -> Array:
    """Rows of an input, or one of them, as the graph takes them."""
    if item.dtype == "bool":
        return values
    if item.dtype != "float32":
        return values.astype(jnp.int32)
    image = item.features[0]
    if values.dtype == jnp.uint8 and isinstance(image, Image):
        # Looked up: a division that the compiler turns into a product would round otherwise.
        table = levels(image)
        first = 256 * jnp.arange(image.channels, dtype=jnp.int32)[:, None]
        places = values.astype(jnp.int32).reshape(-1, image.channels, image.rows * image.columns) + first
        return jnp.asarray(table.reshape(-1))[places].reshape(values.shape)
    return values.astype(jnp.float32)


def packed(item: Input, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """As they lie in memory already, unless somebody else than features.py made them."""
    return values.astype(stored_type(item), copy=False).reshape(-1, *item.shape)


def _ends(feature: Feature) -> tuple[int, int]:
    """Lowest and highest of what an integer feature makes."""
    match feature:
        case Category():
            return 0, max(len(feature.vocabulary) - 1, feature.unknown)
        case Tensor():
            return int(feature.low), int(feature.high)
        case Text(mask=True):
            return 0, 1
        case Text(largest_id=int(largest)):
            return 0, max(largest, feature.pad)
        case _:
            return np.iinfo(np.int32).min, np.iinfo(np.int32).max
