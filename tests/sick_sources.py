"""Data sets with one planted fault each, and their sound twin, as `data.source` functions."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

NAMES = [str(n) for n in range(10)]


def sound() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The digits as they are."""
    x, y = load_digits(return_X_y=True)
    return x, y, NAMES


def labels_from_one() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels 1..10 for ten classes that are counted from 0."""
    x, y, names = sound()
    return x, y + 1, names


def labels_permuted() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels that belong to other examples."""
    x, y, names = sound()
    return x, np.random.default_rng(0).permutation(y), names


def inputs_times_255() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Inputs far from 0 and 1."""
    x, y, names = sound()
    return x * 255, y, names


def never_the_same() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Some of them, shuffled anew at each reading."""
    x, y, names = sound()
    order = np.random.default_rng().permutation(150)
    return x[order], y[order], names
