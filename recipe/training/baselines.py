"""Dumb models to beat, from scikit-learn: one that ignores its input, a linear one, and trees."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from recipe.config import Task
from recipe.data import Dataset
from recipe.data.cheap import TREES, compressor, fitted_forest
from recipe.data.stored import BLOCK, Stored
from recipe.models import prior_bias
from recipe.training.objective import known_constant, loss_of

NAMES = {"mean_squared_error": "mean", "mean_absolute_error": "median", "huber": "constant"}
"""What the first is called in a regression, by the loss that it is best at; else "majority"."""

EXAMPLES = 20_000
"""On which they are fitted at most: more move their scores by less than seeds do."""

ABSENT = -100.0
"""Logit of a class or label that train lacks."""


def dumb_logits(data: Dataset, x: np.ndarray | Stored, loss: str = "auto") -> dict[str, np.ndarray]:
    """Logits (regression: scaled predictions) of each dumb model, fitted on train.

    Args:
        data: what to fit on.
        x: (examples, *shape) scaled, to predict.
        loss: `train.loss`, whose best constant the first says; the others are least squares.

    Returns:
        name -> (examples, outputs), in the form a net's are: "majority", or "mean" and the like;
        "linear", "trees".
    """
    ignorant = NAMES.get(loss_of(data.task, loss).name, "majority")
    constant = np.tile(prior_bias(data.task, known_constant(data, loss)), (len(x), 1))
    if data.train.y.ndim == 1 and len(np.unique(data.train.y)) == 1:
        # nothing to tell apart
        return {ignorant: constant, "linear": constant, "trees": constant}
    with warnings.catch_warnings():
        # inputs far from 0 and 1 make the fit imprecise: it is a baseline all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        models = {"linear": _linear(data), "trees": _trees(data)}
    blocks = [x[i : i + BLOCK] for i in range(0, len(x), BLOCK)]
    said = {name: np.concatenate([of(block) for block in blocks]) for name, of in models.items()}
    return {ignorant: constant, **said}


Fitted = Callable[[np.ndarray], np.ndarray]
"""From (examples, *shape) to (examples, outputs)."""


def _trees(data: Dataset) -> Fitted:
    """The forest that judges data elsewhere; wide inputs compressed as there.

    Its shares can be 0, and a logit can't: the prior stands beside the trees as one more.
    """
    some = data.train.drawn(EXAMPLES).loaded()
    narrow = compressor(some.x, seed=0)
    # of several labels, or 0 and 1 alone, the mean in a leaf is the share
    of_numbers = data.task in (Task.REGRESSION, Task.MULTILABEL)
    forest = fitted_forest(narrow(some.x), np.squeeze(some.y), of_numbers, seed=0)
    if data.task is Task.REGRESSION:
        return lambda x: forest.predict(narrow(x)).reshape(len(x), -1)

    def shares(x: np.ndarray) -> np.ndarray:
        if data.task is Task.MULTILABEL:
            return np.asarray(forest.predict(narrow(x))).reshape(len(x), -1)
        p = np.zeros((len(x), len(data.classes)))
        p[:, forest.classes_] = forest.predict_proba(narrow(x))
        return p if data.task is Task.MULTICLASS else p[:, 1:]

    def logits(x: np.ndarray) -> np.ndarray:
        p = (TREES * shares(x) + data.prior) / (TREES + 1)
        return prior_bias(data.task, p)

    return logits


def _linear(data: Dataset) -> Fitted:
    some = data.train.drawn(EXAMPLES).loaded()
    train, y = _flat(some.x), some.y
    if data.task is Task.REGRESSION:
        ridge = Ridge().fit(train, y)
        return lambda x: ridge.predict(_flat(x)).reshape(len(x), -1)
    if data.task is Task.MULTILABEL:
        each = [_one_label(train, label) for label in y.T]
        return lambda x: np.stack([logits(_flat(x)) for logits in each], axis=1)
    model = LogisticRegression(max_iter=1000).fit(train, y)
    if data.task is Task.BINARY:
        return lambda x: model.decision_function(_flat(x))[:, np.newaxis]

    def multiclass(x: np.ndarray) -> np.ndarray:
        decision = model.decision_function(_flat(x))
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
