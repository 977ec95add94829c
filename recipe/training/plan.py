"""What a training does, whichever way its steps are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipe.data import Split
from recipe.training.disturb import Disturbance


@dataclass(frozen=True)
class Plan:
    """The arguments of `fit`, where they mean the same on both ways."""

    train: Split
    val: Split | None
    sample: Split | None
    weights: np.ndarray | None
    batch_size: int
    epochs: int
    seed: int
    disturbance: Disturbance
    norms: str
    averages: bool

    @property
    def steps(self) -> int:
        """In an epoch, the last partial batch included."""
        return -(-len(self.train) // self.batch_size)
