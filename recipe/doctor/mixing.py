"""Whether batches are samples of the whole, or of what stands beside each other."""

from __future__ import annotations

import numpy as np

CLASSES = 50
"""Different values of a target, up to which each is counted by itself."""

FEWEST = 10
"""Batches, below which their means say little."""

UNMIXED = 3.0
"""Times what batches drawn by lot would differ by: of ten thousand draws of 10 batches of two
classes a tenth lies above 1.6, and one in a thousand above 3."""


def unevenness(y: np.ndarray, size: int) -> float:
    """How much batches differ in their targets, as a multiple of what draws by lot would.

    The variance of the batches' means over that of one target, times the size of a batch (Cochran
    1977, "Sampling Techniques", section 9.4): 1 for batches drawn by lot, `size` where each holds
    one class alone.

    Args:
        y: targets in the order in which they are trained on, (examples,) or (examples, columns).
        size: examples in a batch.

    Returns:
        That multiple, the mean over classes or columns; 1.0 where it can't be told.
    """
    y = np.asarray(y)
    if size < 2 or y.dtype.kind not in "fiub" or len(y) // size < FEWEST:
        return 1.0
    columns = y.reshape(len(y), -1).astype(np.float64)
    if columns.shape[1] == 1 and len(values := np.unique(columns)) <= CLASSES:
        columns = (columns == values).astype(np.float64)
    whole = columns[: len(y) // size * size]
    variances = whole.var(axis=0)
    if not variances.any():
        return 1.0
    means = whole.reshape(-1, size, columns.shape[1]).mean(axis=1)
    return float(size * means.var(axis=0, ddof=1).sum() / variances.sum())
