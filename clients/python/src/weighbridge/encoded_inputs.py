"""Texts and images as a run of the marketplace makes numbers of them, by the libraries that it does so by."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import bad_input, does_not_fit, missing_package

Json = dict[str, Any]

# As a run has it.
_MAX_TEXT_CHARACTERS = 1 << 20
_MAX_PIXELS = 1 << 24


def token_ids(name: str, values: Sequence[Any], feature: Json, tokenizers: Mapping[str, bytes]) -> npt.NDArray[np.int64]:
    """Rows by length: ids, cut at the length and filled up with `pad`; of a mask, 1 where an id stands and 0 elsewhere.

    :param tokenizers: `tokenizer.json` files by SHA-256
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise missing_package("The package tokenizers", "features") from error
    body = tokenizers.get(feature["tokenizer"])
    if body is None:
        raise bad_input(
            f'the tokenizer of column "{name}" ({feature["tokenizer"]}) was not given', 'Give tokenizers=["tokenizer.json"].'
        )
    if not all(isinstance(value, str) for value in values):
        raise does_not_fit(f'column "{name}" holds something else than text, or a text is missing', "Leave such rows out.")
    if any(len(value) > _MAX_TEXT_CHARACTERS for value in values):
        raise does_not_fit(f'column "{name}" holds a text of more than 2^20 characters', "Cut it, or leave such rows out.")
    tokenizer, length = Tokenizer.from_str(body.decode()), int(feature["length"])
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    masks = feature["kind"] == "text-mask"
    made = np.full((len(values), length), 0 if masks else feature["pad"], np.int64)
    for row, encoding in zip(made, tokenizer.encode_batch(list(values)), strict=True):
        row[: len(encoding.ids)] = 1 if masks else encoding.ids
    return made


def pixels(name: str, values: Sequence[Any], feature: Json) -> npt.NDArray[np.float32]:
    """Encoded images, or paths of them: of each channel all rows of its pixels, as `(value / 255 - mean) / std`."""
    try:
        from PIL import Image
    except ImportError as error:
        raise missing_package("The package Pillow", "features") from error
    channels, size = feature["channels"], (feature["width"], feature["height"])
    mean, std = (np.array(feature[part], np.float32).reshape(-1, 1) for part in ("mean", "std"))
    made = np.empty((len(values), channels * size[0] * size[1]), np.float32)
    for row, value in zip(made, values, strict=True):
        try:
            with Image.open(io.BytesIO(value) if isinstance(value, bytes) else value, formats=("PNG", "JPEG")) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise ValueError("more than 2^24 pixels")
                sized = image.convert("L" if channels == 1 else "RGB").resize(size, Image.Resampling[feature["resize"].upper()])
        except Exception as error:  # decoders raise what they like at broken files
            raise does_not_fit(
                f'column "{name}" holds something else than PNG or JPEG images ({error})', "Leave such rows out."
            ) from error
        by_channel = np.asarray(sized, np.float32).reshape(size[1] * size[0], channels).T
        row[:] = ((by_channel / np.float32(255) - mean) / std).reshape(-1)
    return made
