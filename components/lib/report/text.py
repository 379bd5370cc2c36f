"""Write numbers as people read them."""

from __future__ import annotations

from typing import Any

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
"""Stands for what is not known."""


def minus(said: str) -> str:
    """Put the minus sign, as wide as a plus, for the hyphen that Python writes."""
    return said.replace("-", MINUS)


def cell_text(value: Any, kind: str) -> str:
    """Write a cell of a table of metrics; the page's script writes the same.

    Args:
        value: A text, a number, a pair of numbers, or None.
        kind: ``text``, ``count``, ``number``, ``signed`` or ``interval``.

    Returns:
        The text; of None a dash.
    """
    if value is None:
        return DASH
    if kind == "text":
        return str(value)
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "interval":
        return f"{cell_text(value[0], 'number')} … {cell_text(value[1], 'number')}"
    said = f"{abs(value):.4f}" if abs(value) < 1000 else f"{abs(value):,.0f}"
    if said == "0.0000":
        return said  # neither more nor less, as far as is shown
    return f"{MINUS if value < 0 else '+' if kind == 'signed' else ''}{said}"


def number(value: Any) -> str:
    """Write a number of the data: whole and large ones whole, others with four significant digits.

    Args:
        value: A number, or None.

    Returns:
        The text; of None a dash.
    """
    if value is None:
        return DASH
    return minus(f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.4g}")


def tick_text(value: float) -> str:
    """Write a tick of an axis: grouped if it is large, without trailing zeros."""
    return minus(f"{value:,.0f}" if abs(value) >= 100 else f"{value:.6g}")


def seconds(value: float | None) -> str:
    """Write how long something took."""
    if value is None:
        return DASH
    return f"{value:.1f} s" if value < 100 else f"{int(value) // 60} min {int(value) % 60:02d} s"


def memory(value: int | None) -> str:
    """Write a number of bytes."""
    return DASH if value is None else f"{value / 2**20:,.0f} MiB"
