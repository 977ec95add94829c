"""Which loss a config trains, what its examples weigh, and what a net would say without inputs."""

from __future__ import annotations

import numpy as np

from recipe.checks.constant import best_constant, prior_loss
from recipe.checks.formulas import Loss, smoothed
from recipe.config import Config, RequestError, Task
from recipe.data import Dataset
from recipe.models import prior_bias

SQUARED = "mean_squared_error"

OF_TASK = {
    Task.MULTICLASS: "sparse_categorical_crossentropy",
    Task.BINARY: "binary_crossentropy",
    Task.MULTILABEL: "binary_crossentropy",
    Task.REGRESSION: SQUARED,
}
"""What `train.loss: auto` stands for, in Keras's names."""


def loss_of(task: Task, asked: str = "auto", label_smoothing: float = 0.0) -> Loss:
    """The loss of a net that ends in logits, or in scaled numbers.

    Args:
        task: of the data.
        asked: `train.loss`.
        label_smoothing: of the training loss.

    Raises:
        RequestError: the loss is for another task.
    """
    if task is Task.REGRESSION:
        if label_smoothing:
            raise RequestError("train.label_smoothing: a regression has no labels; write 0.0")
        return Loss(OF_TASK[task] if asked == "auto" else asked)
    if asked != "auto":
        raise RequestError(
            f"train.loss: {asked} is for a regression, and this target is {task.value}; write auto"
        )
    return Loss(OF_TASK[task], from_logits=True, label_smoothing=label_smoothing)


def trained_loss(config: Config, task: Task) -> Loss:
    """The loss that a config trains.

    Raises:
        RequestError: it is for another task.
    """
    return loss_of(task, config.train.loss, config.train.label_smoothing)


def known_constant(data: Dataset, asked: str = "auto") -> np.ndarray:
    """What is known of the target without looking at the input, (outputs,).

    Args:
        data: its train split is used.
        asked: `train.loss`: mean, median or Huber's constant of a scaled target.

    Returns:
        Shares, as `Dataset.prior` has them, or scaled numbers.
    """
    loss = loss_of(data.task, asked)
    if data.task is Task.REGRESSION and loss.name != SQUARED:
        return best_constant(loss, data.train.y)
    return data.prior


def trained_prior(config: Config, data: Dataset) -> np.ndarray:
    """What a net that ignores its inputs is trained to say, (outputs,): shares, or numbers.

    Class weights and label smoothing change it: balanced classes are all as likely.
    """
    shares, weights = known_constant(data, config.train.loss), class_weights(config, data)
    if weights is not None:
        every = np.r_[1 - shares, shares] if data.task is Task.BINARY else shares
        every = every * weights / (every @ weights)
        shares = every[1:] if data.task is Task.BINARY else every
    return smoothed(trained_loss(config, data.task), shares)


def prior_logits(config: Config, data: Dataset) -> np.ndarray:
    """The head's bias of lowest training loss while its kernel is zero, (outputs,)."""
    return prior_bias(data.task, trained_prior(config, data))


def first_loss(config: Config, data: Dataset) -> float:
    """The training loss of that head: the lowest of a net that ignores its inputs.

    Weights and label smoothing are counted in; penalties are not.
    """
    weights = example_weights(config, data)
    return prior_loss(
        trained_loss(config, data.task), data.train.y, len(data.classes), weights=weights
    )


def example_weights(config: Config, data: Dataset) -> np.ndarray | None:
    """What each training example weighs in the loss, (examples,); None: 1 for each.

    Raises:
        RequestError: an example has not one class.
    """
    weights = class_weights(config, data)
    return None if weights is None else weights[data.train.y].astype(np.float32)


def class_weights(config: Config, data: Dataset) -> np.ndarray | None:
    """What an example of each class weighs, (classes,); None: 1 for each.

    balanced: every class weighs as much as any other, the mean stays 1 (King & Zeng 2001).

    Raises:
        RequestError: an example has not one class.
    """
    if config.train.class_weight == "none":
        return None
    if data.task in (Task.REGRESSION, Task.MULTILABEL):
        raise RequestError(
            f"train.class_weight: {data.task.value} has not one class an example; write none"
        )
    counts = np.bincount(data.train.y, minlength=len(data.classes))
    return np.asarray(len(data.train) / (np.count_nonzero(counts) * np.maximum(counts, 1)))
