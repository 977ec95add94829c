"""What a net that ignores its inputs would say at best, and what loss that has.

With such an answer as the head's bias, no step is lost on learning it, and the first loss is known
before Keras computes it (Karpathy 2019, step 2, "init well" and "verify loss @ init").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, logit, softmax

from recipe.checks.formulas import (
    BINARY,
    TINY,
    Loss,
    direction,
    each,
    signs,
    smoothed,
)


def best_constant(loss: Loss, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The constant of lowest loss, (outputs,): in closed form where there is one.

    Args:
        loss: one of Keras's (`formulas.py`).
        y: targets (examples, outputs); classes as rows with one 1.
        weights: of the examples, (examples,); None: all weigh the same.

    Returns:
        What the loss takes: logits for one with `from_logits`, else probabilities (that add up
        to 1 for a categorical loss) or numbers.
    """
    y = np.asarray(y, np.float64)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    found = CONSTANTS[loss.name](loss, y, w / w.sum())
    if not loss.from_logits:
        return found
    found = np.clip(found, 1e-300, 1 - 1e-16)  # as far as doubles go
    return np.asarray(logit(found) if loss.name in BINARY else np.log(found))


def loss_at(
    loss: Loss, y: np.ndarray, said: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """The loss of one answer for all examples, as Keras reduces it: the sum over their number.

    Args:
        loss: one of Keras's.
        y: targets (examples, outputs).
        said: what the loss takes, (outputs,).
        weights: of the examples, (examples,); their sum need not be the number of examples.
    """
    losses = each(loss, y, said)
    return float((losses if weights is None else losses * weights).mean())


def prior_loss(loss: Loss, y: np.ndarray, classes: int, weights: np.ndarray | None = None) -> float:
    """The lowest loss of a net that ignores its input: of classes, the entropy of their shares.

    Args:
        loss: one of Keras's.
        y: (examples,) class positions, (examples, labels) of 0 and 1, or (examples, targets)
            numbers.
        classes: number of classes, where y are positions.
        weights: of the examples, (examples,); None: all weigh the same.
    """
    if y.ndim == 1:  # a class is looked at once, whatever number of examples it has
        counts = np.bincount(y, weights, minlength=classes)
        kinds = np.eye(classes)[:, 1:] if loss.name in BINARY else np.eye(classes)
        y, weights = kinds, counts * (classes / len(y))
    return loss_at(loss, y, best_constant(loss, y, weights), weights)


def shrunk_loss(loss: Loss, y: np.ndarray, fraction: float) -> float:
    """The loss of an answer whose squared errors are a fraction of the best constant's.

    "5 % of the variance" in the unit of any loss of numbers: errors times the root of it.
    """
    error = np.asarray(y, np.float64) - best_constant(loss, y)
    return float(each(loss, np.sqrt(fraction) * error, np.zeros(y.shape[-1])).mean())


def curvature(loss: Loss, y: np.ndarray, said: np.ndarray, scatter: float) -> float:
    """Second difference of a constant's loss: twice what a unit of variance about it costs.

    Args:
        loss: of numbers.
        y: targets (examples, outputs).
        said: the constant, (outputs,).
        scatter: std of the answers about it: a loss with a corner has no derivative to take.
    """
    beside = [loss_at(loss, y, said + step) for step in (scatter, -scatter)]
    return (sum(beside) - 2 * loss_at(loss, y, said)) / scatter**2


def _mean(_: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Of the squared error and of Poisson's; the shares of classes."""
    return np.asarray(w @ y)


def _shares(loss: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(w @ smoothed(loss, y))


def _median(_: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Half of the weight lies on each side: the middle where a whole interval has it."""
    return np.array([_weighted_median(column, w) for column in y.T])


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    values, below = values[order], np.cumsum(weights[order])
    half = below[-1] / 2
    close = 1e-9 * below[-1]
    first = int(np.searchsorted(below, half - close))
    last = int(np.searchsorted(below, half + close))
    return float(values[first] + values[min(last, len(values) - 1)]) / 2


def _relative_median(_: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Of the percentage error: what is small weighs more."""
    return np.array(
        [_weighted_median(column, w / np.maximum(np.abs(column), TINY)) for column in y.T]
    )


def _log_mean(_: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(np.expm1(w @ np.log1p(np.maximum(y, TINY))))


def _root(pull: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """Of a convex loss: where errors below and above pull alike."""

    def found(loss: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
        unit = loss.argument("delta") if loss.name == "huber" else 1.0

        def column(values: np.ndarray) -> float:
            low, high = float(values.min()), float(values.max())
            if low == high:
                return low
            return float(brentq(lambda c: w @ pull((c - values) / unit), low, high, xtol=1e-12))

        return np.array([column(values) for values in y.T])

    return found


def _binary_numerically(loss: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Each output by itself, over log odds."""
    taken = Loss(loss.name, True, loss.label_smoothing, loss.arguments)

    def column(values: np.ndarray) -> float:
        rows = values[:, np.newaxis]
        found = minimize_scalar(
            lambda z: w @ each(taken, rows, np.array([z])), bounds=(-16, 16), method="bounded",
            options={"xatol": 1e-9},
        )  # fmt: skip
        return float(expit(found.x))

    return np.array([column(values) for values in y.T])


def _shares_numerically(loss: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """All classes at once, over logits, from the classes' shares on."""
    taken = Loss(loss.name, False, loss.label_smoothing, loss.arguments)
    kinds, which = np.unique(y, axis=0, return_inverse=True)  # few: classes, not examples
    weight = np.bincount(which.ravel(), w)
    found = minimize(
        lambda z: weight @ each(taken, kinds, softmax(z)),
        np.log(np.maximum(w @ y, TINY)),
        method="BFGS",
    )
    return np.asarray(softmax(found.x))


def _majority(_: Loss, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Of the categorical hinge: no answer, or the most frequent class at a margin of 1.

    The first has loss 1, the second 2 (1 - its share), and between them it is a line.
    """
    share = w @ y
    return np.where(share == share.max(), float(share.max() > 0.5), 0.0)


CONSTANTS: dict[str, Callable[[Loss, np.ndarray, np.ndarray], np.ndarray]] = {
    "categorical_crossentropy": _shares,
    "sparse_categorical_crossentropy": _shares,
    "categorical_focal_crossentropy": _shares_numerically,
    "categorical_generalized_cross_entropy": _shares_numerically,
    "kl_divergence": _mean,
    "binary_crossentropy": _shares,
    "binary_focal_crossentropy": _binary_numerically,
    "categorical_hinge": _majority,
    "hinge": lambda _, y, w: np.sign(w @ signs(y)),
    "squared_hinge": lambda _, y, w: w @ signs(y),
    "cosine_similarity": lambda _, y, w: w @ direction(y),
    "mean_squared_error": _mean,
    "mean_absolute_error": _median,
    "mean_absolute_percentage_error": _relative_median,
    "mean_squared_logarithmic_error": _log_mean,
    "huber": _root(lambda error: np.clip(error, -1, 1)),
    "log_cosh": _root(np.tanh),
    "poisson": _mean,
}
"""Keras's function -> (loss, targets, weights that add up to 1) -> the constant of lowest loss."""
