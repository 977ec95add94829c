"""Whether val and test look like train, column by column.

A shift must be both beyond chance and large: PSI alone fires on 23 to 100 % of clean random
splits of small sets, a p-value alone on every large set. Labels are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

SIGNIFICANT = 0.001
"""Of a p-value, after Holm's correction over all columns and both parts."""

LARGE = 0.25
"""Of the population stability index; the usual rule: .1 is a small shift, .25 a large one."""

BINS = 10
"""Of the index: tenths of train."""

RARE = 10
"""Categories with fewer examples, in both parts together, count as one: a chi-square test wants
about 5 in each cell, and every identifier is rare."""

NONE_SEEN = 0.5
"""Examples that an empty bin counts as, so that the index stays finite."""


@dataclass(frozen=True)
class Drift:
    """A column that differs between train and another part."""

    column: str
    part: str
    """ "val" or "test"."""

    p: float
    """That chance alone does this, after Holm's correction."""

    psi: float
    """Population stability index: sum of (q - p) log(q / p) over the bins."""


def drift(table: pd.DataFrame, parts: Mapping[str, np.ndarray]) -> list[Drift]:
    """Columns of val or test that are not distributed as in train, the largest shift first.

    Args:
        table: (examples, columns) as in the source: numeric columns as floats (NaN: missing),
            all others as categories.
        parts: row numbers of "train", "val" and "test".

    Source: checklist row 1.9 (Kolmogorov-Smirnov or chi-square, Holm, and PSI).
    """
    found = []
    for name in table.columns:
        column = table[name]
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        values = column.to_numpy(np.float64, na_value=np.nan) if number else _codes(column)
        for part in ("val", "test"):
            one, other = values[parts["train"]], values[parts[part]]
            p, psi = _numbers(one, other) if number else _categories(one, other)
            found.append((str(name), part, p, psi))
    corrected = _holm(np.array([p for _, _, p, _ in found]))
    drifted = [
        Drift(name, part, float(p), psi)
        for (name, part, _, psi), p in zip(found, corrected, strict=True)
        if p < SIGNIFICANT and psi > LARGE
    ]
    return sorted(drifted, key=lambda one: -one.psi)


def _codes(column: pd.Series) -> np.ndarray:
    """(examples,) int: a number for each category, missing ones are a category."""
    return pd.factorize(column.astype(object).where(column.notna(), None), use_na_sentinel=False)[0]


def _numbers(train: np.ndarray, part: np.ndarray) -> tuple[float, float]:
    """The p-value (the values', or the gaps') and the index of two (examples,) of floats."""
    gaps, other_gaps = ~np.isfinite(train), ~np.isfinite(part)
    p = _categories(gaps.astype(int), other_gaps.astype(int))[0]
    have, other_have = train[~gaps], part[~other_gaps]
    edges = np.unique(np.quantile(have, np.arange(1, BINS) / BINS)) if len(have) else np.array([])
    if len(have) and len(other_have):
        values = float(stats.ks_2samp(have, other_have, method="asymp").pvalue)
        p = min(1.0, 2 * min(p, values))  # two looks at one column
    # a tenth ends with its edge: a value that half of train has stays in one bin
    bins = [np.searchsorted(edges, values, side="left") for values in (train, part)]
    counts = [
        np.bincount(np.where(missing, len(edges) + 1, one), minlength=len(edges) + 2)
        for one, missing in zip(bins, (gaps, other_gaps), strict=True)
    ]
    return p, _stability(*counts)


def _categories(train: np.ndarray, part: np.ndarray) -> tuple[float, float]:
    """The p-value and the index of two (examples,) of category numbers."""
    size = int(max(train.max(initial=0), part.max(initial=0))) + 1
    counts = np.stack([np.bincount(one, minlength=size) for one in (train, part)])
    rare = counts.sum(axis=0) < RARE
    counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or (counts.sum(axis=1) == 0).any():
        return 1.0, 0.0
    return float(stats.chi2_contingency(counts).pvalue), _stability(*counts)


def _stability(train: np.ndarray, part: np.ndarray) -> float:
    """The index of two counts of (bins,)."""
    some = train + part > 0
    p, q = (np.maximum(counts[some], NONE_SEEN) for counts in (train, part))
    if not some.any():
        return 0.0
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction: the smallest p times all tests, the next times one fewer, ..."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected
