"""Encoded images to numbers: decoded, brought to one size, channel by channel. A seller's image is hostile too."""

import io
import warnings

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image as Pillow

from .columns import does_not_fit
from .transforms import Image

_FORMATS = ("PNG", "JPEG")
_MAX_BYTES = 16 << 20
# A file of kilobytes can hold an image of gigabytes: judged by its header, before anything is decoded.
_MAX_PIXELS = 1 << 24
_RESIZE = {"bilinear": Pillow.Resampling.BILINEAR, "nearest": Pillow.Resampling.NEAREST}
Pillow.MAX_IMAGE_PIXELS = _MAX_PIXELS


def levels(feature: Image) -> npt.NDArray[np.float32]:
    """What each byte of each channel is as a number: (value / 255 - mean) / std."""
    mean, std = (np.array(values, np.float32).reshape(-1, 1) for values in (feature.mean, feature.std))
    return (np.arange(256, dtype=np.float32) / np.float32(255) - mean) / std


def decode(column: pa.Array, feature: Image) -> npt.NDArray[np.uint8]:
    """Rows by channels by height times width."""
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)) or column.null_count:
        raise does_not_fit("a column of images holds something else, or an image is missing")
    out = np.empty((len(column), feature.channels, feature.rows * feature.columns), np.uint8)
    for k in range(len(column)):
        out[k] = _pixels(column[k].as_py(), feature).reshape(feature.channels, -1)
    return out


def _pixels(data: bytes, feature: Image) -> npt.NDArray[np.uint8]:
    if len(data) > _MAX_BYTES:
        raise does_not_fit("an image of more than 16 MiB")
    try:
        # Pillow warns of a bomb first and refuses it at twice the size: here a warning is enough.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Pillow.open(io.BytesIO(data), formats=_FORMATS) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise ValueError
                sized = image.convert("L" if feature.channels == 1 else "RGB").resize(
                    (feature.columns, feature.rows), _RESIZE[feature.resize]
                )
    except MemoryError:
        raise
    except Exception:
        # Decoders raise what they like at broken files.
        raise does_not_fit("an image that is no PNG or JPEG of at most 2^24 pixels") from None
    pixels = np.asarray(sized, np.uint8)
    return pixels[None] if feature.channels == 1 else pixels.transpose(2, 0, 1)
