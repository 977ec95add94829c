"""Columns that give the target away, and files that are sorted by it.

One column alone that predicts the target perfectly is either a leak or an honest, easy problem:
iris and wine nearly are. It is called a leak if the others can't do without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

MOST_EXAMPLES = 3000
"""Drawn at random: a column that gives everything away does so on a few thousand."""

FOLDS = 3
TREES = 100
SUSPICIOUS = 0.995
"""AUC, or R2 for regression, of one column alone."""

PERFECT = 0.9995
"""AUC. Two columns that both give everything away must not excuse each other: columns above this
(for regression all suspicious ones) are taken away together. The best of iris and wine stay
below."""

FEWEST_OF_A_CLASS = 6
FEWEST_EXAMPLES = 20


@dataclass(frozen=True)
class Leak:
    """A column that alone predicts the target almost perfectly."""

    column: str
    alone: float
    """AUC (classes one against the rest, each counted alike), or R2."""

    with_: float
    """Of the best cheap model with all columns, in `metric`."""

    without: float
    """Without this one (and others that are perfect); NaN if none is left."""

    metric: str
    """ "AUC", "accuracy" or "R2". Of AUC and accuracy the one that misses the column more: on
    easy problems the AUC is near 1 without any leak, with rare classes the accuracy is."""


def leaks(
    x: np.ndarray, y: np.ndarray, task_is_regression: bool, columns: np.ndarray, seed: int
) -> list[Leak]:
    """Raw columns that alone predict the target with an AUC (or R2) above .995, the worst first.

    Args:
        x: (examples, features) without gaps, one-hot where there are categories.
        y: (examples,) class positions or quantities.
        task_is_regression: quantities.
        columns: (features,) name of the raw column that each feature stems from.
        seed: of the draw, folds and trees.

    Returns:
        None found, or too few examples to say: an empty list.

    Source: checklist row 1.10.
    """
    columns = np.asarray(columns).astype(str)
    chosen = _chosen(y, task_is_regression, seed)
    if chosen is None:
        return []
    x, y = np.asarray(x[chosen], dtype=np.float32), y[chosen]
    x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    suspects = {}
    for name in dict.fromkeys(columns.tolist()):
        alone = _scores(x[:, columns == name], y, task_is_regression, seed, small=True)
        if alone[0] > SUSPICIOUS:
            suspects[name] = alone
    if not suspects:
        return []
    limit = SUSPICIOUS if task_is_regression else PERFECT
    perfect = {name for name, alone in suspects.items() if alone[0] > limit}
    everything = _scores(x, y, task_is_regression, seed, small=False)
    metrics = ("R2",) if task_is_regression else ("AUC", "accuracy")
    found = []
    for name, alone in suspects.items():
        rest = ~np.isin(columns, list(perfect | {name}))
        without = np.full(len(metrics), np.nan)
        if rest.any():
            without = _scores(x[:, rest], y, task_is_regression, seed, small=False)
        best = np.maximum(everything, alone)  # the column alone is a model with all columns, too
        most = int(np.argmax(np.nan_to_num(best - without)))
        found.append(
            Leak(name, float(alone[0]), float(best[most]), float(without[most]), metrics[most])
        )
    return sorted(found, key=lambda leak: -leak.alone)


def row_order(y: np.ndarray, task_is_regression: bool, seed: int) -> float | None:
    """How well the row number alone predicts the target: near 1, the file is sorted by it.

    Args:
        y: (examples,) class positions or quantities, in the order of the source.
        task_is_regression: quantities.
        seed: of the draw and folds.

    Returns:
        AUC (.5 is chance; classes one against the rest, each counted alike) or R2 (0 is chance);
        None where there are too few examples to say.
    """
    chosen = _chosen(y, task_is_regression, seed)
    if chosen is None:
        return None
    place = (chosen / len(y)).astype(np.float32)[:, np.newaxis]
    return float(_scores(place, y[chosen], task_is_regression, seed, small=True)[0])


def _chosen(y: np.ndarray, regression: bool, seed: int) -> np.ndarray | None:
    """Sorted row numbers: a few thousand, without rare classes; None if that leaves too little."""
    rows = np.arange(len(y))
    if len(rows) > MOST_EXAMPLES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_EXAMPLES, replace=False))
    if regression:
        varies = len(rows) > 0 and np.isfinite(y[rows]).all() and np.ptp(y[rows]) > 0
    else:
        values, counts = np.unique(y[rows], return_counts=True)
        often = values[counts >= FEWEST_OF_A_CLASS]
        rows = rows[np.isin(y[rows], often)]
        varies = len(often) >= 2
    return rows if varies and len(rows) >= FEWEST_EXAMPLES else None


def _scores(x: np.ndarray, y: np.ndarray, regression: bool, seed: int, small: bool) -> np.ndarray:
    """Mean cross-validated AUC and accuracy, or R2: (metrics,), of the best of the models.

    Args:
        x: (examples, features).
        y: (examples,).
        regression: quantities.
        seed: of folds and trees.
        small: one tree (and a straight line), else a forest.
    """
    if small and not regression and x.shape[1] == 1 and _in_a_row(x[:, 0], y):
        return np.ones(2)
    splitter = KFold if regression else StratifiedKFold
    scores = []
    for train, held_out in splitter(FOLDS, shuffle=True, random_state=seed).split(x, y):
        scores.append(
            [_judged(_fitted(model, x[train], y[train]), x[held_out], y[held_out], regression)
             for model in _models(regression, seed, small)]
        )  # fmt: skip
    return np.asarray(np.mean(scores, axis=0).max(axis=0))


def _models(regression: bool, seed: int, small: bool) -> list[Any]:
    """Unfitted scikit-learn models; a straight line is exact where trees have steps."""
    if regression and small:
        return [DecisionTreeRegressor(min_samples_leaf=3, random_state=seed), LinearRegression()]
    if regression:
        return [ExtraTreesRegressor(TREES, n_jobs=2, random_state=seed), LinearRegression()]
    if small:
        return [DecisionTreeClassifier(min_samples_leaf=3, random_state=seed)]
    return [ExtraTreesClassifier(TREES, min_samples_leaf=2, n_jobs=2, random_state=seed)]


def _fitted(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The model, trained; forests predict in one thread, two add up in any order."""
    model = model.fit(x, y)
    return model.set_params(n_jobs=1) if "n_jobs" in model.get_params() else model


def _judged(model: Any, x: np.ndarray, y: np.ndarray, regression: bool) -> list[float]:
    """R2, or AUC and accuracy, of a fitted model on held-out examples."""
    if regression:
        return [float(r2_score(y, model.predict(x)))]
    probabilities = model.predict_proba(x)
    truth = y[:, np.newaxis] == model.classes_
    guess = model.classes_[probabilities.argmax(axis=1)]
    return [float(roc_auc_score(truth, probabilities, average="macro")), float((guess == y).mean())]


def _in_a_row(values: np.ndarray, y: np.ndarray) -> bool:
    """Whether each class has an interval of the values for itself, as with an id sorted by it.

    In a small set a tree misplaces the borders: with such an id it has an AUC of .985 on wine.
    """
    order = np.argsort(values, kind="stable")
    values, y = values[order], y[order]
    changes = np.flatnonzero(y[1:] != y[:-1])
    apart = bool((values[changes] < values[changes + 1]).all())
    return apart and len(changes) == len(np.unique(y)) - 1
