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
    """(examples,) int32 class positions; (examples, labels) float32 of 0 and 1; or
    (examples, targets) float32."""

    classes: tuple[str, ...]
    """Names of the classes, or of the labels, in the order of their positions; empty for
    regression."""

    why: str
    """How the task was decided, a sentence."""


def encode(
    y: np.ndarray,
    class_names: tuple[str, ...] | None,
    task: str,
    target_names: tuple[str, ...] = (),
) -> Targets:
    """Decide the task and encode the target.

    Args:
        y: (examples[, targets]) as the source gives it.
        class_names: given, `y` is taken for positions in it, unchanged: whether they fit is
            the baseline's check, not repaired here.
        task: the config's `data.task`.
        target_names: of the columns of a `y` with several.

    Raises:
        RequestError: the target can't be what the config says it is.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if task == "auto":
        kind, why = _infer(y, class_names)
        why = f"{why}; data.task says otherwise if that is wrong"
    else:
        kind, why = Task(task), "data.task says so"
    if kind is Task.REGRESSION:
        return Targets(kind, _numbers(y), (), why)
    if kind is Task.MULTILABEL:
        _must_be_there(y)
        return Targets(kind, _zeros_and_ones(y), _label_names(y, target_names), why)
    if y.ndim != 1:
        raise RequestError(
            f"data.task: {kind.value} needs one label an example, got y of {y.shape}"
        )
    if class_names is not None:
        if y.dtype.kind not in "bui":
            raise RequestError(f"data.source: with class_names, y holds positions, got {y.dtype}")
        classes, codes = class_names, y.astype(np.int32)
    else:
        _must_be_there(y)
        values, positions = np.unique(_comparable(y), return_inverse=True)
        classes, codes = tuple(_name(v) for v in values), positions.astype(np.int32)
    if len(classes) < 2 or (kind is Task.BINARY and len(classes) != 2):
        wanted = "exactly 2" if kind is Task.BINARY else "at least 2"
        raise RequestError(f"data.task: {kind.value} needs {wanted} classes, got {len(classes)}")
    if task == "auto":
        kind = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
    return Targets(kind, codes, classes, why)


def missing(y: np.ndarray) -> np.ndarray:
    """Which examples lack a target: NaN, infinite, None or pandas' NA, (examples,) bool."""
    bad = ~np.isfinite(y) if y.dtype.kind == "f" else pd.isna(y)
    return np.asarray(bad.reshape(len(y), -1).any(axis=1))


def _must_be_there(y: np.ndarray) -> None:
    if missing(y).any():
        raise RequestError(
            f"data.source: {int(missing(y).sum())} labels are missing; "
            "write data.missing: drop, or fill them in the source"
        )


def _infer(y: np.ndarray, class_names: tuple[str, ...] | None) -> tuple[Task, str]:
    """Classes, or a quantity, and why; binary and multiclass are told apart after counting."""
    if class_names is not None:
        return Task.MULTICLASS, "the source names the classes"
    if y.ndim == 2:
        if y.dtype.kind in "buif" and np.isin(y[np.isfinite(y)], (0, 1)).all():
            return Task.MULTILABEL, f"the target is {y.shape[1]} columns of 0 and 1"
        return Task.REGRESSION, f"the target is {y.shape[1]} columns of numbers"
    if y.dtype.kind == "b":
        return Task.MULTICLASS, "the target is true or false"
    if y.dtype.kind not in "uif":
        return Task.MULTICLASS, "the target is text"
    present = y[~missing(y)]
    distinct = len(np.unique(present))
    if not (present == np.round(present)).all():
        return Task.REGRESSION, "the target holds fractions"
    if distinct > MOST_CLASSES:
        return Task.REGRESSION, f"the target has {distinct} different whole numbers"
    return Task.MULTICLASS, f"the target has {distinct} different whole numbers"


def _numbers(y: np.ndarray) -> np.ndarray:
    try:
        return y.reshape(len(y), -1).astype(np.float32)
    except (TypeError, ValueError):
        raise RequestError(f"data.task: regression needs numbers, got dtype {y.dtype}") from None


def _zeros_and_ones(y: np.ndarray) -> np.ndarray:
    """(examples, labels) float32."""
    try:
        numbers = y.astype(np.float32)
    except (TypeError, ValueError):
        numbers = np.full(y.shape, np.nan, np.float32)
    if y.ndim != 2 or not np.isin(numbers, (0, 1)).all():
        raise RequestError(
            "data.task: multilabel needs a column of 0 and 1 for each label "
            f"(data.target: [A, B]), got {y.dtype} of {y.shape}"
        )
    return numbers


def _label_names(y: np.ndarray, names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(names) == y.shape[1] else tuple(f"label_{i}" for i in range(y.shape[1]))


def _comparable(y: np.ndarray) -> np.ndarray:
    """Labels that can be sorted: mixed ones as text."""
    return y.astype(str) if y.dtype.kind == "O" else y


def _name(value: object) -> str:
    """1.0 as "1": a class read from a float column keeps the name that people know."""
    if isinstance(value, np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
