"""From labels of any kind to what a loss understands, and back to their names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recipe.config import RequestError, Task

MOST_CLASSES = 20
"""Whole numbers with more distinct values than this are taken for a quantity."""


@dataclass(frozen=True)
class Targets:
    """The target of every example, encoded."""

    task: Task
    y: np.ndarray
    """(examples,) int32 class positions, or (examples, targets) float32."""

    classes: tuple[str, ...]
    """Names of the classes in the order of their positions; empty for regression."""


def encode(y: np.ndarray, class_names: tuple[str, ...] | None, task: str) -> Targets:
    """Decide the task and encode the target.

    Args:
        y: (examples[, targets]) as the source gives it.
        class_names: given, `y` is taken for positions in it, unchanged: whether they fit is
            the baseline's check, not repaired here.
        task: the config's `data.task`.

    Raises:
        RequestError: the target can't be what the config says it is.
    """
    kind = _infer(y, class_names) if task == "auto" else Task(task)
    if kind is Task.REGRESSION:
        return Targets(kind, _numbers(y), ())
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise RequestError(
            f"data.task: {kind.value} needs one label an example, got y of {y.shape}"
        )
    if class_names is not None:
        if y.dtype.kind not in "bui":
            raise RequestError(f"data.source: with class_names, y holds positions, got {y.dtype}")
        classes, codes = class_names, y.astype(np.int32)
    else:
        if missing(y).any():
            raise RequestError(
                "data.source: some labels are missing; write data.missing: drop, "
                "or fill them in the source"
            )
        labels = y.astype(str) if y.dtype.kind == "O" else y
        values, positions = np.unique(labels, return_inverse=True)
        classes, codes = tuple(_name(v) for v in values), positions.astype(np.int32)
    if len(classes) < 2 or (kind is Task.BINARY and len(classes) != 2):
        wanted = "exactly 2" if kind is Task.BINARY else "at least 2"
        raise RequestError(f"data.task: {kind.value} needs {wanted} classes, got {len(classes)}")
    if task == "auto":
        kind = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
    return Targets(kind, codes, classes)


def missing(y: np.ndarray) -> np.ndarray:
    """Which examples lack a target: NaN, infinite, None or pandas' NA, (examples,) bool."""
    bad = ~np.isfinite(y) if y.dtype.kind == "f" else pd.isna(y)
    return np.asarray(bad.reshape(len(y), -1).any(axis=1))


def _infer(y: np.ndarray, class_names: tuple[str, ...] | None) -> Task:
    """Classes, or a quantity; binary and multiclass are told apart after counting."""
    if class_names is not None or y.dtype.kind not in "uif":
        return Task.MULTICLASS
    whole = bool(np.isfinite(y).all() and (y == np.round(y)).all())
    one_column = y.ndim == 1 or y.shape[1] == 1
    few = one_column and len(np.unique(y)) <= MOST_CLASSES
    return Task.MULTICLASS if whole and few else Task.REGRESSION


def _numbers(y: np.ndarray) -> np.ndarray:
    try:
        return y.reshape(len(y), -1).astype(np.float32)
    except (TypeError, ValueError):
        raise RequestError(f"data.task: regression needs numbers, got dtype {y.dtype}") from None


def _name(value: object) -> str:
    """1.0 as "1": a class read from a float column keeps the name that people know."""
    if isinstance(value, np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
