"""How good a net is: over all examples, in inference mode, from its logits.

Losses here hold no penalty terms, so that nets with and without L2 can be compared, and every
example weighs the same whatever the batch size.
"""

from __future__ import annotations

import keras
import numpy as np
from scipy.special import log_expit, log_softmax, softmax
from sklearn import metrics

from recipe.checks.formulas import each
from recipe.config import Task
from recipe.data import Dataset, Split
from recipe.data.stored import Stored
from recipe.training.objective import loss_of

BLOCK = 1024
"""Examples per forward pass: large enough to be fast, small enough for memory."""


def predict(model: keras.Model, x: np.ndarray | Stored) -> np.ndarray:
    """Logits (regression: scaled predictions) of every example, (examples, outputs)."""
    # called directly: `Model.predict` traces a function first, which costs more than it saves
    blocks = [np.asarray(model(x[i : i + BLOCK], training=False)) for i in range(0, len(x), BLOCK)]
    return np.concatenate(blocks)


def predictions(
    logits: np.ndarray, split: Split, name: str, data: Dataset, loss: str = "auto"
) -> dict[str, np.ndarray]:
    """Every example's prediction, to be kept: which ones are wrong can be asked later.

    Args:
        logits: (examples, outputs).
        split: the examples.
        name: of the split, which the arrays' names begin with.
        data: its task, and the unit of its target.
        loss: `train.loss`.

    Returns:
        `<name>_ids` row numbers in the source; `<name>_y` as the net is asked; `<name>_logits`;
        `<name>_loss` of each example; `<name>_answer` probabilities, or predictions in the
        target's unit, (examples, outputs).
    """
    scaling = data.target_scaling
    answer = scaling.undo(logits) if scaling else probabilities(logits, data.task)
    kept = {
        "ids": split.ids,
        "y": split.y,
        "logits": logits,
        "loss": losses(logits, split.y, data.task, loss),
        "answer": answer,
    }
    return {f"{name}_{part}": values for part, values in kept.items()}


def probabilities(logits: np.ndarray, task: Task) -> np.ndarray:
    """Class probabilities, (examples, classes); two columns for binary, one for each label."""
    if task is Task.MULTILABEL:
        return np.exp(log_expit(logits.astype(np.float64)))
    if task is Task.BINARY:
        positive = np.exp(log_expit(logits.astype(np.float64)))
        return np.concatenate([1 - positive, positive], axis=1)
    return softmax(logits.astype(np.float64), axis=1)


def losses(logits: np.ndarray, y: np.ndarray, task: Task, loss: str = "auto") -> np.ndarray:
    """The loss of each example, as it is trained but for weights, smoothing and penalties.

    Args:
        logits: (examples, outputs).
        y: (examples,) class positions or (examples, labels or targets).
        task: classes: nats.
        loss: `train.loss`, which of a regression: squared, absolute or Huber's error of the
            scaled target.

    Returns:
        (examples,) float64.
    """
    z = logits.astype(np.float64)
    if task is Task.MULTICLASS:
        return -np.take_along_axis(log_softmax(z, axis=1), y[:, np.newaxis], axis=1)[:, 0]
    if task is Task.BINARY:
        return -log_expit(np.where(y == 1, z[:, 0], -z[:, 0]))
    if task is Task.MULTILABEL:
        return -log_expit(np.where(y == 1, z, -z)).mean(axis=1)
    return each(loss_of(task, loss), y, z)


def is_right(logits: np.ndarray, y: np.ndarray, task: Task) -> np.ndarray:
    """Whether each label is predicted, (examples,) bool; (examples, labels) for multilabel."""
    if task is Task.MULTILABEL:
        return np.asarray((logits > 0) == (y == 1))
    return np.asarray(probabilities(logits, task).argmax(axis=1) == y)


def scores(
    logits: np.ndarray, y: np.ndarray, data: Dataset, loss: str = "auto"
) -> dict[str, float]:
    """Loss (`train.loss`) and metrics over all examples; errors of a regression in its own unit.

    All are NaN where a logit is not finite: argmax would make a class of it.
    """
    if not np.isfinite(logits).all():
        metric = ("r2", "mae", "rmse") if data.target_scaling else ("accuracy",)
        return dict.fromkeys(("loss", *metric), float("nan"))
    result = {"loss": float(losses(logits, y, data.task, loss).mean())}
    if data.target_scaling is None:
        return {**result, "accuracy": float(is_right(logits, y, data.task).mean())}
    truth, predicted = data.target_scaling.undo(y), data.target_scaling.undo(logits)
    return {
        **result,
        "r2": float(metrics.r2_score(truth, predicted)),
        "mae": float(metrics.mean_absolute_error(truth, predicted)),
        "rmse": float(metrics.root_mean_squared_error(truth, predicted)),
    }


def evaluate(
    model: keras.Model, split: Split, data: Dataset, loss: str = "auto"
) -> dict[str, float]:
    """Loss (`train.loss`) and metrics of a model on a split."""
    return scores(predict(model, split.x), split.y, data, loss)
