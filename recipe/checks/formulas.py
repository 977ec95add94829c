"""Keras's losses, written down in NumPy from their definitions.

What Keras computes on its way (wrappers, weights, masks, types) is held against these, so none of
it is called here. Losses that are no mean over examples (Dice, Tversky, circle, CTC) are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax

TINY = 1e-7
"""Keras's epsilon: probabilities are cut off there, so that their logarithm stays finite."""


@dataclass(frozen=True)
class Loss:
    """A loss of Keras and its arguments."""

    name: str
    """Of Keras's function, e.g. "huber"."""

    from_logits: bool = False
    label_smoothing: float = 0.0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Those that only this loss has: delta, gamma, alpha, apply_class_balancing, q."""

    def argument(self, name: str) -> Any:
        """An argument, or Keras's default for it."""
        return self.arguments.get(name, DEFAULTS.get(name))


DEFAULTS: dict[str, Any] = {
    "delta": 1.0, "gamma": 2.0, "alpha": 0.25, "apply_class_balancing": False, "q": 0.5,
}  # fmt: skip

CATEGORICAL = (
    "categorical_crossentropy", "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_generalized_cross_entropy", "kl_divergence",
)  # fmt: skip
"""Losses of one distribution over all outputs."""

BINARY = ("binary_crossentropy", "binary_focal_crossentropy")


def each(loss: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    """The loss of each example, (examples,) float64.

    Args:
        loss: one of `FORMULAS`.
        y: (examples, outputs); classes as rows with one 1.
        said: what the loss takes, logits or probabilities or numbers: (examples, outputs), or one
            answer for all, (outputs,).
    """
    rows, answer = (np.asarray(part, np.float64) for part in (y, said))
    return np.asarray(FORMULAS[loss.name](loss, rows, answer))


def smoothed(loss: Loss, y: np.ndarray) -> np.ndarray:
    """Labels as a loss that smooths them sees them (Szegedy et al. 2016, section 7)."""
    share = loss.label_smoothing
    width = 2 if loss.name in BINARY else y.shape[-1]
    return y * (1 - share) + share / width if share else y


def signs(y: np.ndarray) -> np.ndarray:
    """0 and 1 as -1 and 1; what is neither stays as it is."""
    return 2 * y - 1 if np.isin(y, (0, 1)).all() else y


def huber(error: np.ndarray, delta: float) -> np.ndarray:
    """Half the square up to delta, and a line from there on (Huber 1964)."""
    size = np.abs(error)
    return np.where(size <= delta, size**2 / 2, delta * size - delta**2 / 2)


def log_shares(loss: Loss, said: np.ndarray) -> np.ndarray:
    """Log probabilities of all classes, from what a categorical loss takes."""
    if loss.from_logits:
        return np.asarray(log_softmax(said, axis=-1))
    total = np.maximum(said.sum(axis=-1, keepdims=True), TINY)
    return np.log(np.clip(said / total, TINY, 1 - TINY))


def _categorical(loss: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    return -(smoothed(loss, y) * log_shares(loss, said)).sum(axis=-1)


def _categorical_focal(loss: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Lin et al. 2017: what is known already counts less."""
    log_p = log_shares(loss, said)
    factor = np.asarray(loss.argument("alpha")) * (1 - np.exp(log_p)) ** loss.argument("gamma")
    return -(smoothed(loss, y) * factor * log_p).sum(axis=-1)


def _generalized(loss: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Zhang and Sabuncu 2018."""
    q = loss.argument("q")
    return (1 - (said * y).sum(axis=-1) ** q) / q


def _divergence(_: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    y, said = np.clip(y, TINY, 1), np.clip(said, TINY, 1)
    return (y * np.log(y / said)).sum(axis=-1)


def _log_odds(loss: Loss, said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log probabilities of yes and of no."""
    if loss.from_logits:
        return log_expit(said), log_expit(-said)
    p = np.clip(said, TINY, 1 - TINY)
    return np.log(p), np.log1p(-p)


def _binary(loss: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    y, (yes, no) = smoothed(loss, y), _log_odds(loss, said)
    return -(y * yes + (1 - y) * no).mean(axis=-1)


def _binary_focal(loss: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    y, (yes, no) = smoothed(loss, y), _log_odds(loss, said)
    p = np.exp(yes)
    factor = (1 - (y * p + (1 - y) * (1 - p))) ** loss.argument("gamma")
    if loss.argument("apply_class_balancing"):
        alpha = loss.argument("alpha")
        factor = factor * (y * alpha + (1 - y) * (1 - alpha))
    return -(factor * (y * yes + (1 - y) * no)).mean(axis=-1)


def _categorical_hinge(_: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    right, wrong = (y * said).sum(axis=-1), ((1 - y) * said).max(axis=-1)
    return np.maximum(wrong - right + 1, 0)


def _cosine(_: Loss, y: np.ndarray, said: np.ndarray) -> np.ndarray:
    return -(direction(y) * direction(said)).sum(axis=-1)


def direction(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.sqrt(np.maximum((rows**2).sum(axis=-1, keepdims=True), TINY))


def _log1p(values: np.ndarray) -> np.ndarray:
    return np.log1p(np.maximum(values, TINY))


Formula = Callable[[Loss, np.ndarray, np.ndarray], np.ndarray]

FORMULAS: dict[str, Formula] = {
    "categorical_crossentropy": _categorical,
    "sparse_categorical_crossentropy": _categorical,
    "categorical_focal_crossentropy": _categorical_focal,
    "categorical_generalized_cross_entropy": _generalized,
    "kl_divergence": _divergence,
    "binary_crossentropy": _binary,
    "binary_focal_crossentropy": _binary_focal,
    "categorical_hinge": _categorical_hinge,
    "hinge": lambda _, y, z: np.maximum(1 - signs(y) * z, 0).mean(axis=-1),
    "squared_hinge": lambda _, y, z: (np.maximum(1 - signs(y) * z, 0) ** 2).mean(axis=-1),
    "cosine_similarity": _cosine,
    "mean_squared_error": lambda _, y, z: ((z - y) ** 2).mean(axis=-1),
    "mean_absolute_error": lambda _, y, z: np.abs(z - y).mean(axis=-1),
    "mean_absolute_percentage_error": lambda _, y, z: (
        100 * (np.abs(z - y) / np.maximum(np.abs(y), TINY)).mean(axis=-1)
    ),
    "mean_squared_logarithmic_error": lambda _, y, z: ((_log1p(z) - _log1p(y)) ** 2).mean(axis=-1),
    "huber": lambda loss, y, z: huber(z - y, loss.argument("delta")).mean(axis=-1),
    "log_cosh": lambda _, y, z: (np.logaddexp(z - y, y - z) - np.log(2)).mean(axis=-1),
    "poisson": lambda _, y, z: (z - y * np.log(z + TINY)).mean(axis=-1),
}
"""Keras's function -> the loss of each example."""
