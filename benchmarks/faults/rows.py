"""What a data set of the benchmark is: rows to train on and rows to score on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Rows to train on, (examples, *shape), and rows to score on."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def split(x: np.ndarray, y: np.ndarray, seed: int, test: float = 0.3) -> Rows:
    """In random order, the last share held out."""
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order].astype("float32"), y[order]
    cut = round(len(x) * (1 - test))
    return Rows(x[:cut], y[:cut], x[cut:], y[cut:])
