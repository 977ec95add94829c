"""What is in the data, as numbers: the checks judge them, this file only counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from recipe.data.splits import equal_groups


def feature_table(x: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """One row for each feature: missing, infinite, distinct, min, mean, max, std.

    Args:
        x: (examples, *shape), unscaled; images are taken pixel by pixel.
        names: of the features; made up for images.
    """
    columns = x.reshape(len(x), -1).astype(np.float64)
    if len(names) != columns.shape[1]:
        names = tuple(f"pixel_{i}" for i in range(columns.shape[1]))
    finite = pd.DataFrame(np.where(np.isfinite(columns), columns, np.nan))
    table = pd.DataFrame(
        {
            "missing": np.isnan(columns).sum(axis=0),
            "infinite": np.isinf(columns).sum(axis=0),
            "distinct": finite.nunique(),
            "min": finite.min(),
            "mean": finite.mean(),
            "max": finite.max(),
            "std": finite.std(ddof=0),
        }
    )
    table.index = pd.Index(names, name="feature")
    return table


NEAR = 0.01
"""Of a standard deviation: values that differ by less are taken for the same."""

FEWEST_FEATURES = 8
"""With fewer features, examples agree in all of them by chance."""


def shared_examples(x: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, float] | None:
    """Fraction of val and of test of which a near copy stands in train.

    Equal examples are kept together by the split; copies with a little noise are not.

    Args:
        x: (examples, *shape), scaled.
        parts: row numbers of train, val and test.

    Returns:
        None where there are too few features to tell a copy from a neighbour.
    """
    if np.prod(x.shape[1:]) < FEWEST_FEATURES:
        return None
    groups = equal_groups(np.round(x / NEAR))
    return {
        name: float(np.isin(groups[parts[name]], groups[parts["train"]]).mean())
        for name in ("val", "test")
    }


def duplicate_share(x: np.ndarray) -> float:
    """Fraction of examples that repeat an earlier one."""
    return 1.0 - len(np.unique(equal_groups(x))) / len(x)


def conflict_floor(x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """What equal inputs with different labels leave possible.

    Args:
        x: (examples, *shape).
        labels: (examples,) class positions.

    Returns:
        The highest accuracy and the lowest cross-entropy (nats an example) that any function
        of the input can reach on these examples.
    """
    counts = pd.crosstab(equal_groups(x), labels).to_numpy()
    size = counts.sum(axis=1)
    accuracy = counts.max(axis=1).sum() / size.sum()
    entropy = stats.entropy(counts, axis=1)
    return float(accuracy), float((entropy * size).sum() / size.sum())


def conflict_variance(x: np.ndarray, y: np.ndarray) -> float:
    """The lowest squared error of any function of the input: equal inputs, different targets.

    Args:
        x: (examples, *shape).
        y: (examples, targets).
    """
    groups = pd.Series(equal_groups(x))
    residual = y - pd.DataFrame(y).groupby(groups).transform("mean").to_numpy()
    return float((residual**2).mean())


def far_values(x: np.ndarray, names: tuple[str, ...], limit: float = 20.0) -> dict[str, int]:
    """Values of each feature further from its median than `limit` usual ranges.

    The usual range is from the 1st to the 99th percentile; features that hardly ever change
    have none, and are left out. Images too: every pixel may be black or white.

    Args:
        x: (examples, features) or (examples, *image), unscaled.
        names: of the features.
        limit: in usual ranges.
    """
    if x.ndim != 2:
        return {}
    columns = np.where(np.isfinite(x), x, np.nan).astype(np.float64)
    columns[:, np.isnan(columns).all(axis=0)] = 0  # no value at all: it never changes
    low, median, high = np.nanpercentile(columns, (1, 50, 99), axis=0)
    usual = high - low
    far = np.abs(columns - median) > limit * usual
    return {name: int(far[:, i].sum()) for i, name in enumerate(names) if usual[i] > 0}
