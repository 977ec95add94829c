"""What cheap models know of a target: a floor for what a net should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recipe.doctor.head import Head
from recipe.doctor.subject import Subject

SEEN = 2_000
"""Examples that cheap models see."""

COLUMNS = 4_096
"""Numbers of an example that they can bear."""


TREES, FEWER, MANY = 100, 30, 512
"""Of a forest; of one on more columns than these, which takes long and gains little by more."""


@dataclass(frozen=True)
class Reference:
    """What cheap models know of a target, as `skill.skill` counts it, out of fold."""

    best: float
    name: str
    predicted: np.ndarray
    """Of the best one, out of fold: positions of classes, or numbers."""
    shares: np.ndarray | None
    """Its probabilities, (examples, classes); None for numbers."""
    y: np.ndarray


def reference(subject: Subject, head: Head) -> Reference | None:
    """Cross-validated; None: there is no table of numbers and no single column to predict."""
    x = flat(subject)
    if x is None:
        return None
    kind = head.target.kind
    rows = np.linspace(0, len(x) - 1, min(len(x), SEEN)).astype(int)
    x, y = x[rows], head.y[rows]
    if kind == "one_hot" and y.ndim == 2:
        y = y.argmax(axis=-1)
    y = y.reshape(len(y), -1)
    if y.shape[1] != 1 or len(x) < 30 or not np.isfinite(x).all():
        return None
    y = y[:, 0]
    if kind in ("binary", "classes", "shifted", "one_hot", "signs"):
        return of_classes(x, y)
    if kind in ("real", "unit") and np.isfinite(y.astype(np.float64)).all():
        return of_numbers(x, y)
    return None


def flat(subject: Subject, x: Any = None) -> np.ndarray | None:
    """The inputs as one table (examples, numbers), or None."""
    parts = subject.inputs if x is None else [*keras.tree.flatten(x)]
    if any(part.dtype.kind not in "fiub" for part in parts):
        return None
    tables = [part.reshape(len(part), -1) for part in parts]
    if sum(table.shape[1] for table in tables) > COLUMNS:
        return None
    return np.concatenate(tables, axis=1).astype(np.float32)


def of_classes(x: np.ndarray, y: np.ndarray) -> Reference | None:
    """Of one table (examples, numbers) and its classes; None: too few of one."""
    classes, y = np.unique(y, return_inverse=True)
    counts = np.bincount(y)
    if len(classes) < 2 or counts.min() < 2:
        return None
    folds = int(min(3, counts.min()))
    models: dict[str, Any] = {
        "a linear model": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        "a forest": RandomForestClassifier(_trees(x), min_samples_leaf=2, random_state=0, n_jobs=2),
    }
    found = []
    for name, model in models.items():
        if name == "a linear model" and x.shape[1] * len(classes) > 5_000:
            continue
        shares = cross_val_predict(model, x, y, cv=folds, method="predict_proba")
        said = shares.argmax(axis=1)
        score = (balanced_accuracy_score(y, said) - 1 / len(classes)) / (1 - 1 / len(classes))
        found.append(Reference(float(score), name, said, shares, y))
    return max(found, key=lambda each: each.best)


def of_numbers(x: np.ndarray, y: np.ndarray) -> Reference | None:
    """Of one table (examples, numbers) and a number for each; None: they are all the same."""
    y = y.astype(np.float64)
    if y.std() == 0:
        return None
    models: dict[str, Any] = {
        "a linear model": make_pipeline(StandardScaler(), Ridge()),
        "a forest": RandomForestRegressor(60, min_samples_leaf=2, random_state=0, n_jobs=2),
    }
    found = []
    for name, model in models.items():
        if name == "a forest" and x.shape[1] > 500:
            continue
        said = cross_val_predict(model, x, y, cv=3)
        score = 1 - float(((y - said) ** 2).mean() / y.var())
        found.append(Reference(score, name, said, None, y))
    return max(found, key=lambda each: each.best)


def _trees(x: np.ndarray) -> int:
    return TREES if x.shape[1] <= MANY else FEWER
