"""Which columns of a table are the target."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from recipe.config import RequestError
from recipe.findings import listed

USUAL = ("target", "label", "class", "y")
"""Names of a target that need not be written down."""


def without_target(
    table: pd.DataFrame, target: str | tuple[str, ...] | None, where: str
) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """Divide a table into inputs and target.

    Args:
        table: (examples, columns).
        target: `data.target`.
        where: the file or function, for the error.

    Returns:
        Inputs (examples, columns), target (examples,) or (examples, targets), names of targets.

    Raises:
        RequestError: there is no such column, or none is left for the inputs.
    """
    known = [str(name) for name in table.columns]
    table = table.set_axis(known, axis=1)
    wanted = _usual(known, where) if target is None else target
    names = (wanted,) if isinstance(wanted, str) else wanted
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RequestError(
                f"data.target: {where} has no column {name!r}{hint} (columns: {listed(known, 20)})"
            )
        if known.count(name) > 1 or names.count(name) > 1:
            raise RequestError(f"data.target: {where}: {name!r} must be one column, written once")
    x = table.drop(columns=list(names))
    if x.shape[1] == 0:
        raise RequestError(f"data.target: {where} has no column beside the target")
    y = table[names[0]] if len(names) == 1 else table[list(names)]
    return x, y.to_numpy(), names


def _usual(known: list[str], where: str) -> str:
    found = [name for name in known if name.lower() in USUAL]
    if len(found) == 1:
        return found[0]
    raise RequestError(
        f"data.target: write which column of {where} is to be predicted "
        f"({len(found)} are called {', '.join(USUAL)}) (columns: {listed(known, 20)})"
    )
