"""What goes into the net: numbers scaled by what was learnt on train, and on train only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """value -> (value - mean) / std, and back."""

    mean: np.ndarray
    """(features,) for tables, (channels,) for images, (targets,) for targets."""

    std: np.ndarray
    """The same shape; 1 where the values never change."""

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scaled values, float32, of the same shape."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Values in their original unit."""
        return values * self.std + self.mean


def learn_scaling(train: np.ndarray, kind: str) -> Scaling:
    """Mean and standard deviation of the training values.

    Args:
        train: (examples, *shape); the last axis keeps its own mean and std.
        kind: "none", or "standardize" (which "auto" means).
    """
    columns = train.reshape(-1, train.shape[-1]).astype(np.float64)
    if kind == "none":
        return Scaling(np.zeros(columns.shape[1]), np.ones(columns.shape[1]))
    finite = np.ma.masked_invalid(columns)
    mean, std = finite.mean(axis=0).filled(0.0), finite.std(axis=0).filled(0.0)
    # a constant column's std is rounding noise of its mean, and would blow it up
    constant = ~(std > 1e-7 * np.abs(mean))
    return Scaling(mean, np.where(constant, 1.0, std))
