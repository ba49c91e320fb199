"""Amounts. Money is whole numbers of wei, the 10^-18 part of a USDFC."""

from __future__ import annotations

_WEI = 10**18


def format_wei(amount: int) -> str:
    """As people write it: 5, 0.25."""
    whole, rest = divmod(amount, _WEI)
    return str(whole) if rest == 0 else f"{whole}.{rest:018d}".rstrip("0")
