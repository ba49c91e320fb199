"""Text to token ids by a `tokenizer.json` of the buyer's: data, read by the library that tokenizers come from."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .columns import does_not_fit
from .config import Config
from .refusal import reject_model
from .transforms import Feature, Text, TokensLabel

# Before the import: no threads of its own, a box has few cores and the clock is the limit.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer

# A text beyond this would be cut to the declared length anyway, after the work.
_MAX_TEXT_BYTES = 1 << 20
_ROWS_AT_ONCE = 1_024
_MAX_ID = 2**31 - 1

Tokenizers = Mapping[str, Tokenizer]


def digests_of(config: Config) -> list[str]:
    """The tokenizers that a declaration names, in the order in which they come down the pipe."""
    return sorted({f.tokenizer for item in config.inputs for f in item.features if isinstance(f, Text)})


def read_tokenizer(body: bytes, digest: str) -> Tokenizer:
    """:raises Refused: MODEL_REJECTED"""
    if hashlib.sha256(body).hexdigest() != digest:
        raise reject_model("tokenizer: digest")
    try:
        tokenizer = Tokenizer.from_str(body.decode())
        if not 0 <= largest_id(tokenizer) <= _MAX_ID:
            raise ValueError
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        # Its Rust code may panic, which is no Exception.
        raise reject_model("tokenizer: not a tokenizer.json") from None
    tokenizer.no_padding()
    return tokenizer


def largest_id(tokenizer: Tokenizer) -> int:
    return max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)


def with_largest_ids(config: Config, tokenizers: Tokenizers) -> Config:
    """The same, now that it is known what a text can become."""

    def known(feature: Feature) -> Feature:
        if not isinstance(feature, Text):
            return feature
        return replace(feature, largest_id=largest_id(tokenizers[feature.tokenizer]))

    inputs = (replace(item, features=tuple(map(known, item.features))) for item in config.inputs)
    return replace(config, inputs=tuple(inputs))


def check_vocabularies(config: Config, tokenizers: Tokenizers, output_shape: tuple[int, ...]) -> None:
    """A token without a logit has no loss.

    :raises Refused: MODEL_REJECTED
    """
    if not isinstance(config.label, TokensLabel):
        return
    for feature in config.input(config.label.input).features:
        if isinstance(feature, Text) and max(largest_id(tokenizers[feature.tokenizer]), feature.pad) >= output_shape[1]:
            raise reject_model("tokenizer: more tokens than the graph has logits")


def encode(column: pa.Array, feature: Text, tokenizer: Tokenizer) -> npt.NDArray[np.int32]:
    """Rows by length: ids, cut at the declared length and filled up with `pad`; or 1 where an id stands, for a mask."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) or column.null_count:
        raise does_not_fit("a column of text holds something else, or a text is missing")
    tokenizer.enable_truncation(feature.length)
    out = np.full((len(column), feature.length), 0 if feature.mask else feature.pad, np.int32)
    for at in range(0, len(column), _ROWS_AT_ONCE):
        texts = column.slice(at, _ROWS_AT_ONCE).to_pylist()
        if any(len(text) > _MAX_TEXT_BYTES for text in texts):
            raise does_not_fit("a text of more than 2^20 characters")
        for k, encoding in enumerate(tokenizer.encode_batch_fast(texts)):
            ids = encoding.ids
            out[at + k, : len(ids)] = 1 if feature.mask else ids
    return out
