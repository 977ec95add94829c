"""A row of a proof: what was measured, from where to where, and whether the bar is met."""

from __future__ import annotations

from typing import Any


def measured(name: str, value: float, low: float, high: float, bar: float) -> dict[str, Any]:
    """In the form that `runs/proof/<name>.json` has, without its date and code."""
    return {
        "name": name,
        "ratio": round(value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "bar": bar,
        "met": value >= bar,
    }
