"""Dumb models to beat, from scikit-learn: one that ignores its input, and a linear one."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from recipe.config import Task
from recipe.data import Dataset
from recipe.data.stored import BLOCK, Stored
from recipe.models import prior_bias

NAMES = {Task.REGRESSION: ("mean", "linear")}
"""What the two are called, by task."""

EXAMPLES = 20_000
"""On which the linear model is fitted at most: more move its score by less than seeds do."""

ABSENT = -100.0
"""Logit of a class or label that train lacks."""


def dumb_logits(data: Dataset, x: np.ndarray | Stored) -> dict[str, np.ndarray]:
    """Logits (regression: scaled predictions) of each dumb model, fitted on train.

    Args:
        data: what to fit on.
        x: (examples, *shape) scaled, to predict.

    Returns:
        name -> (examples, outputs), in the form a net's are: "majority" or "mean", "linear".
    """
    ignorant, linear = NAMES.get(data.task, ("majority", "linear"))
    constant = np.tile(prior_bias(data.task, data.prior), (len(x), 1))
    if data.train.y.ndim == 1 and len(np.unique(data.train.y)) == 1:
        return {ignorant: constant, linear: constant}  # nothing for a linear model to tell apart
    with warnings.catch_warnings():
        # inputs far from 0 and 1 make the fit imprecise: it is a baseline all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        logits = _linear(data)
    blocks = [logits(_flat(x[i : i + BLOCK])) for i in range(0, len(x), BLOCK)]
    return {ignorant: constant, linear: np.concatenate(blocks)}


def _linear(data: Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """A fitted linear model, from (examples, features) to (examples, outputs)."""
    some = data.train.drawn(EXAMPLES)
    train, y = _flat(some.x), some.y
    if data.task is Task.REGRESSION:
        ridge = Ridge().fit(train, y)
        return lambda x: ridge.predict(x).reshape(len(x), -1)
    if data.task is Task.MULTILABEL:
        each = [_one_label(train, label) for label in y.T]
        return lambda x: np.stack([logits(x) for logits in each], axis=1)
    model = LogisticRegression(max_iter=1000).fit(train, y)
    if data.task is Task.BINARY:
        return lambda x: model.decision_function(x)[:, np.newaxis]

    def multiclass(x: np.ndarray) -> np.ndarray:
        decision = model.decision_function(x)
        if decision.ndim == 1:  # train holds two of several classes
            decision = np.stack([np.zeros_like(decision), decision], axis=1)
        logits = np.full((len(x), len(data.classes)), ABSENT)
        logits[:, model.classes_] = decision
        return logits

    return multiclass


def _one_label(train: np.ndarray, label: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A label's logit, (examples,); a constant where all or none have it."""
    if label.min() == label.max():
        return lambda x: np.full(len(x), ABSENT if label[0] == 0 else -ABSENT)
    model = LogisticRegression(max_iter=1000).fit(train, label.astype(int))
    return lambda x: np.asarray(model.decision_function(x))


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)
