"""Dumb models to beat, from scikit-learn: one that ignores its input, and a linear one."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from recipe.config import Task
from recipe.data import Dataset
from recipe.models import prior_bias

NAMES = {Task.REGRESSION: ("mean", "linear")}
"""What the two are called, by task."""


def dumb_logits(data: Dataset, x: np.ndarray) -> dict[str, np.ndarray]:
    """Logits (regression: scaled predictions) of each dumb model, fitted on train.

    Args:
        data: what to fit on.
        x: (examples, *shape) scaled, to predict.

    Returns:
        name -> (examples, outputs), in the form a net's are: "majority" or "mean", "linear".
    """
    ignorant, linear = NAMES.get(data.task, ("majority", "linear"))
    constant = np.tile(prior_bias(data.task, data.prior), (len(x), 1))
    if data.task is not Task.REGRESSION and len(np.unique(data.train.y)) == 1:
        return {ignorant: constant, linear: constant}  # nothing for a linear model to tell apart
    with warnings.catch_warnings():
        # inputs far from 0 and 1 make the fit imprecise: it is a baseline all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        return {ignorant: constant, linear: _linear(data, x.reshape(len(x), -1))}


def _linear(data: Dataset, x: np.ndarray) -> np.ndarray:
    train = data.train.x.reshape(len(data.train), -1)
    if data.task is Task.REGRESSION:
        return Ridge().fit(train, data.train.y).predict(x).reshape(len(x), -1)
    model = LogisticRegression(max_iter=1000).fit(train, data.train.y)
    decision = model.decision_function(x)
    if data.task is Task.BINARY:
        return decision[:, np.newaxis]
    if decision.ndim == 1:  # train holds two of several classes
        decision = np.stack([np.zeros_like(decision), decision], axis=1)
    logits = np.full((len(x), len(data.classes)), -100.0)  # a class that train lacks
    logits[:, model.classes_] = decision
    return logits
