"""A row of a proof: what was measured, from where to where, and whether the bar is met."""

from __future__ import annotations

from typing import Any


def measured(name: str, value: float, low: float, high: float, bar: float) -> dict[str, Any]:
    """In the form that `runs/proof/<name>.json` has, without its date and code.

    The bar is the least that meets it.
    """
    return {
        "name": name,
        "ratio": round(value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "bar": bar,
        "met": value >= bar,
    }


def at_most(name: str, value: float, low: float, high: float, bar: float) -> dict[str, Any]:
    """The same, where the bar is the most that meets it."""
    return {**measured(f"{name} (at most)", value, low, high, bar), "met": value <= bar}
