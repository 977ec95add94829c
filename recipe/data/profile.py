"""What is in the data, as numbers: the checks judge them, this file only counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from recipe.data.columns import Column, Kind, values
from recipe.data.stored import BLOCK, Stored

NUMBERS = (Kind.NUMERIC, Kind.DATE)


def column_table(x: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame:
    """One row for each column: what it is and why, missing, distinct, range, most frequent value.

    Args:
        x: (examples, columns), unscaled.
        columns: what each of them is.
    """
    rows = []
    for name, column in columns.items():
        raw = x[name]
        is_number = column.kind in NUMBERS or pd.api.types.is_numeric_dtype(raw)
        numbers = values(Column(name, Kind.NUMERIC, ""), raw) if is_number else None
        if column.kind is Kind.DATE:
            numbers = values(column, raw)
        gone = raw.isna() if numbers is None else numbers.isna()
        counts = raw.value_counts()
        row: dict[str, object] = {
            "column": name,
            "kind": column.kind.value,
            "why": column.why,
            "missing": int(gone.sum()),
            "distinct": len(counts),
            "most_frequent": str(counts.index[0])[:40] if len(counts) else "",
            "its_share": float(counts.iloc[0] / len(raw)) if len(counts) else float("nan"),
        }
        if numbers is not None:
            row |= {
                "min": numbers.min(),
                "median": numbers.median(),
                "mean": numbers.mean(),
                "max": numbers.max(),
                "std": numbers.std(ddof=0),
            }
        rows.append(row)
    return pd.DataFrame(rows).set_index("column")


def channel_table(x: np.ndarray | Stored) -> pd.DataFrame:
    """One row for each channel of the images: missing, infinite, min, mean, max, std.

    Args:
        x: (examples, height, width, channels), unscaled.
    """
    width = x.shape[-1]
    missing, infinite, count = (np.zeros(width, int) for _ in range(3))
    total, squares = np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for start in range(0, len(x), BLOCK):
        some = x[start : start + BLOCK].reshape(-1, width).astype(np.float64)
        finite = np.ma.masked_invalid(some)
        missing += np.isnan(some).sum(axis=0)
        infinite += np.isinf(some).sum(axis=0)
        count += finite.count(axis=0)
        total += finite.sum(axis=0).filled(0.0)
        squares += (finite**2).sum(axis=0).filled(0.0)
        low = np.minimum(low, finite.min(axis=0).filled(np.inf))
        high = np.maximum(high, finite.max(axis=0).filled(-np.inf))
    some_finite = np.where(count > 0, count, np.nan)
    mean = total / some_finite
    table = pd.DataFrame(
        {
            "missing": missing,
            "infinite": infinite,
            "min": np.where(count > 0, low, np.nan),
            "mean": mean,
            "max": np.where(count > 0, high, np.nan),
            "std": np.sqrt(np.maximum(squares / some_finite - mean**2, 0)),
        }
    )
    table.index = pd.Index([f"channel_{i}" for i in range(width)], name="channel")
    return table


def image_properties(x: np.ndarray | Stored) -> pd.DataFrame:
    """What can be said of each image without knowing what it shows.

    Args:
        x: (examples, height, width, channels), unscaled.

    Returns:
        (examples, properties): brightness (mean), contrast (std), darkest, brightest, sharpness
        (mean step from pixel to pixel), symmetry (correlation with its mirror image), ink (share
        of pixels beyond the middle of its range), center_x and center_y of the light, color (mean
        distance of the channels), missing pixels.
    """
    blocks = [_properties(x[start : start + BLOCK]) for start in range(0, len(x), BLOCK)]
    return pd.concat(blocks, ignore_index=True)


def _properties(x: np.ndarray) -> pd.DataFrame:
    with_gaps = x.astype(np.float64)
    missing = ~np.isfinite(with_gaps)
    x = np.where(missing, 0.0, with_gaps)
    gray = x.mean(axis=3)
    low, high = gray.min(axis=(1, 2)), gray.max(axis=(1, 2))
    light = gray - low[:, None, None]
    weight = np.maximum(light.sum(axis=(1, 2)), 1e-12)
    height, width = gray.shape[1:]
    centred = gray - gray.mean(axis=(1, 2), keepdims=True)
    power = np.maximum((centred**2).sum(axis=(1, 2)), 1e-12)
    steps = [np.abs(np.diff(gray, axis=a)).mean(axis=(1, 2)) for a in (1, 2) if gray.shape[a] > 1]
    return pd.DataFrame(
        {
            "brightness": gray.mean(axis=(1, 2)),
            "contrast": gray.std(axis=(1, 2)),
            "darkest": low,
            "brightest": high,
            "sharpness": np.mean(steps, axis=0) if steps else 0.0,
            "symmetry": (centred * centred[:, :, ::-1]).sum(axis=(1, 2)) / power,
            "ink": (light > ((high - low) / 2)[:, None, None]).mean(axis=(1, 2)),
            "center_x": (light.sum(axis=1) @ np.arange(width)) / weight / max(width - 1, 1),
            "center_y": (light.sum(axis=2) @ np.arange(height)) / weight / max(height - 1, 1),
            "color": np.abs(x - gray[..., None]).mean(axis=(1, 2, 3)),
            "missing": missing.sum(axis=(1, 2, 3)),
        }
    )


def duplicate_share(keys: np.ndarray) -> float:
    """Fraction of examples that repeat an earlier one.

    Args:
        keys: (examples,), equal for equal inputs.
    """
    return 1.0 - len(np.unique(keys)) / len(keys)


def across(keys: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Fraction of val and of test whose equal stands in train.

    Args:
        keys: (examples,), equal for equal inputs.
        parts: row numbers of train, val and test.
    """
    train = keys[parts["train"]]
    return {name: float(np.isin(keys[parts[name]], train).mean()) for name in ("val", "test")}


def conflict_floor(groups: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """What equal inputs with different labels leave possible.

    Args:
        groups: (examples,) the same number where inputs are equal.
        labels: (examples,) class positions, or (examples, labels) of 0 and 1.

    Returns:
        The highest accuracy and the lowest cross-entropy (nats an example) that any function
        of the input can reach on these examples.
    """
    if labels.ndim == 2:
        floors = [conflict_floor(groups, label) for label in labels.T]
        accuracies, losses = zip(*floors, strict=True)
        return float(np.mean(accuracies)), float(np.mean(losses))
    sizes = pd.Series(1, [groups, labels]).groupby(level=[0, 1]).size()
    whole = sizes.groupby(level=0)
    accuracy = whole.max().sum() / sizes.sum()
    share = sizes / whole.transform("sum")
    return float(accuracy), float(-(sizes * np.log(share)).sum() / sizes.sum())


def conflict_errors(
    groups: np.ndarray, y: np.ndarray, constant: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The errors that any function of the input makes: equal inputs, different targets.

    Args:
        groups: (examples,) the same number where inputs are equal.
        y: (examples, targets).
        constant: from the targets of such a group to the answer of lowest loss, (targets,).

    Returns:
        (examples, targets), 0 where an example is alone.
    """
    errors = np.zeros(y.shape)
    for rows in pd.Series(np.arange(len(y))).groupby(groups).indices.values():
        if len(rows) > 1:
            errors[rows] = y[rows] - constant(y[rows])
    return errors


def far_values(x: pd.DataFrame, columns: Mapping[str, Column], limit: float = 20.0) -> pd.Series:
    """Values of each column further from its median than `limit` usual ranges.

    The usual range is from the 1st to the 99th percentile; columns that hardly ever change
    have none, and are left out.

    Args:
        x: (examples, columns), unscaled.
        columns: what each of them is; those of numbers are looked at.
        limit: in usual ranges.

    Returns:
        Column -> number of such values.
    """
    counts = {}
    for column in columns.values():
        if column.kind is not Kind.NUMERIC:
            continue
        numbers = values(column, x[column.name]).dropna()
        if numbers.empty:
            continue
        low, median, high = np.percentile(numbers, (1, 50, 99))
        if high > low:
            counts[column.name] = int((np.abs(numbers - median) > limit * (high - low)).sum())
    return pd.Series(counts, dtype=int)
