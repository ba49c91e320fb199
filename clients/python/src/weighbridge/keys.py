"""The buyer's key, from a key file of the command line's form: `0x` and 64 hex digits, one line."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from .errors import WeighbridgeError

_HOW = 'Make one with "weighbridge account new --out key.txt" and name it with key_file=... or WEIGHBRIDGE_KEY_FILE.'


def read_account(key_file: str | os.PathLike[str] | None) -> LocalAccount:
    """Signs locally; what the file holds never shows in an error. :raises WeighbridgeError: CONFIG_INVALID"""
    named = key_file if key_file is not None else os.environ.get("WEIGHBRIDGE_KEY_FILE")
    if named is None:
        raise WeighbridgeError("CONFIG_INVALID", "this needs your key, and no key file is named", next=_HOW)
    path = Path(named)
    try:
        text = path.read_text("utf-8").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError):
        raise WeighbridgeError("CONFIG_INVALID", f"the key file {path} cannot be read", next=_HOW) from None
    if mode & 0o077:
        warnings.warn(f'others can read {path}: run "chmod 600 {path}"', stacklevel=2)
    if re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        # The library's own complaint about a number that is no key would quote it: dropped.
        try:
            account: LocalAccount = Account.from_key(text)
        except Exception:  # noqa: S110
            pass
        else:
            return account
    raise WeighbridgeError("CONFIG_INVALID", f"{path} does not hold a private key (0x and 64 hex digits)", next=_HOW) from None
