"""How much a net knows of its target, on one scale whatever the loss.

0 is what anybody knows who has not seen the inputs, 1 is everything. Classes: balanced accuracy, so
that a rare class counts as much as a frequent one; numbers: R2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from recipe.doctor.head import CLASSES, HINGE, Head

LOWEST = -1.0
"""Below, one net is as bad as another."""


def skill(
    heads: Sequence[Head], targets: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
) -> float:
    """The mean over a net's outputs; NaN where an output is not finite or nothing is known.

    Args:
        heads: what each output is meant for.
        targets: of the examples, one array an output.
        outputs: of the net, one array an output.
    """
    found = [_skill(*each) for each in zip(heads, targets, outputs, strict=True)]
    return float(np.mean(found))


def _skill(head: Head, y: np.ndarray, predicted: np.ndarray) -> float:
    if not np.isfinite(predicted).all():
        return float("nan")
    kind = head.target.kind
    if kind in ("classes", "shifted") and head.units == 1:
        kind = "real"
    if kind in ("classes", "shifted"):
        return _classes(y.reshape(-1), predicted.reshape(-1, head.units).argmax(axis=-1))
    if kind == "binary" and head.units > 1:
        return _classes(y.reshape(-1), predicted.reshape(-1, head.units).argmax(axis=-1))
    if kind == "one_hot":
        rows = y.reshape(-1, y.shape[-1])
        return _classes(rows.argmax(axis=-1), predicted.reshape(rows.shape).argmax(axis=-1))
    if kind in ("binary", "signs", "labels"):
        truth = y.reshape(-1, y.shape[-1] if kind == "labels" else 1) > 0.5
        said = predicted.reshape(truth.shape) > _middle(head, kind)
        return float(np.mean([_classes(t, s) for t, s in zip(truth.T, said.T, strict=True)]))
    truth, said = (part.reshape(-1, head.units) for part in (y, predicted))
    return _numbers(truth, said) if head.loss else _order(truth, said)


def _middle(head: Head, kind: str) -> float:
    """Between what stands for no and what stands for yes."""
    if head.activation in ("sigmoid", "hard_sigmoid", "softmax") and not head.from_logits:
        return 0.5
    is_logit = head.from_logits or head.loss in (*CLASSES, *HINGE)
    return 0.0 if is_logit or kind == "signs" else 0.5


def _classes(truth: np.ndarray, said: np.ndarray) -> float:
    classes = np.unique(truth)
    if len(classes) < 2:
        return float("nan")
    right = float(np.mean([(said[truth == each] == each).mean() for each in classes]))
    return (right - 1 / len(classes)) / (1 - 1 / len(classes))


def _numbers(truth: np.ndarray, said: np.ndarray) -> float:
    truth, said = truth.astype(np.float64), said.astype(np.float64)
    spread = float(((truth - truth.mean(axis=0)) ** 2).sum())
    if spread == 0:
        return float("nan")
    return max(LOWEST, 1 - float(((truth - said) ** 2).sum()) / spread)


def _order(truth: np.ndarray, said: np.ndarray) -> float:
    """What a loss of somebody's own wants of a number is unknown: at least its order.

    A quantile is no mean, and no worse for it.
    """
    if truth.shape[1] != 1 or truth.std() == 0 or said.std() == 0:
        return 0.0
    rank = stats.spearmanr(truth[:, 0], said[:, 0]).statistic
    return float(max(rank, 0.0) ** 2)


def noise(score: float, examples: int, classes: int | None = None) -> float:
    """Twice the standard error of a skill that was measured on as many examples, about.

    Of classes (balanced, about) it follows from the share of right answers; of numbers, what is
    lacking to 1 is taken as a share of the variance. `classes`: None for numbers.
    """
    if classes is None or classes < 2:
        lacking = min(max(1 - score, 1 / max(examples, 1)), 0.5)
        return float(2 * np.sqrt(lacking * (1 - lacking) / max(examples, 1)))
    least, step = 1 / classes, 1 / max(examples, 1)
    right = min(max(least + score * (1 - least), step), 1 - step)
    return float(2 * np.sqrt(right * (1 - right) / max(examples, 1)) / (1 - least))
