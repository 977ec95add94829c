"""Rule 19, the first loss: against what the targets alone say, and exactly with a silenced head.

The best constant and its loss are those by which `baseline` starts and checks its own nets
(`checks/constant.py`). A bound about log C would be passed by no ordinary net: Keras's default head
starts a sixth above it (checklist, fact 1). So the loss must be twice as far from what can be
reached as the constant's is, and is then a symptom, never a cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.special import logit

from recipe.checks.constant import best_constant
from recipe.checks.formulas import BINARY, CATEGORICAL, TINY, Loss, each, smoothed
from recipe.checks.initial import EXACT, MOST_VARIANCE, WILD
from recipe.doctor.flow import Flow, array
from recipe.doctor.head import SQUARED, Head
from recipe.doctor.losses import formula_of, losses_of
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect

POSITIONS = ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")
"""Losses whose targets are class positions."""

OF_NUMBERS = (*SQUARED, "poisson")

MOST_STDS = 4.0
"""Of a number, off the best constant. Measured on standardized inputs, 300 ReLU nets of each kind
with He's weights and Keras's head, 1 to 10 layers of 16 to 256 units: 4 to 15 % put out numbers 2
stds wide or more, about 1 % 4 stds. Of ten classes, 99 % had a loss below 2.1 times log 10."""

MOST_NUMBERS = 5_000_000
"""Outputs of the probe: of a larger answer (words of a large vocabulary) nothing is said."""

INVERSE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda said: said,
    "softmax": lambda said: np.log(np.maximum(said, TINY)),
    "sigmoid": lambda said: logit(np.clip(said, TINY, 1 - TINY)),
    "tanh": np.arctanh,
    "exponential": np.log,
    "softplus": lambda said: np.log(np.expm1(said)),
    "relu": lambda said: said,
}
"""Last activation -> from an answer to what must go into it; NaN where it has no such answer."""


@dataclass(frozen=True)
class Asked:
    """The targets of the probe as rows, and what each of them counts in the loss."""

    loss: Loss
    y: np.ndarray
    """(rows, outputs)."""

    shares: np.ndarray
    """(rows,): weight over what the sum is divided by."""

    def loss_of(self, said: np.ndarray) -> float:
        """By the formula. `said`: (rows, outputs), or one answer for all, (outputs,)."""
        return float(each(self.loss, self.y, said) @ self.shares)


@dataclass(frozen=True)
class Start:
    """The first loss of one output, and what it is made of."""

    first: float
    """As Keras computes it."""

    known: float
    """Of the best constant, by the formula."""

    own: float
    """Of the last layer's own bias alone, as Keras computes it, or of the mean answer, by the
    formula, where that can't be had."""

    least: float
    """Of the targets themselves."""

    allowed: float
    """Above it, there is something to unlearn."""

    exact: float | None
    """Of the best constant, as Keras computes it; None: the head can't be made to say it."""


def first_losses(subject: Subject, flow: Flow, heads: list[Head]) -> Iterator[Suspect]:
    """The symptom, and what it comes from, for each output with a loss that has a formula."""
    losses = losses_of(subject.model, len(heads)) if heads else []
    for number, (head, loss) in enumerate(zip(heads, losses, strict=bool(heads))):
        try:
            start = start_of(subject, flow, number, head, loss)
        except Exception:  # whatever a loss or a layer of somebody's own may raise
            continue
        if start is None or not np.isfinite([start.first, start.known, start.own]).all():
            continue
        off = None if start.exact is None else abs(start.exact - start.known)
        if off is not None and off > EXACT * max(abs(start.known), start.known - start.least):
            yield Suspect(
                "high_initial_loss", "warning", "init",
                f"with its kernel at 0 and the best constant as its bias, the last layer has loss "
                f"{start.exact:.4g} by Keras, and the targets say {start.known:.4g}",
                start.exact, f"{start.known:.4g} within {EXACT:.0%}",
                "diagnosis rule 19; checklist row 2.4 a",
                "look at the shapes of targets and outputs, at the weights and at the mask",
            )  # fmt: skip
        elif start.first > start.allowed and start.known > start.least:
            yield _too_high(start)


def _too_high(start: Start) -> Suspect:
    by_bias = start.own > start.allowed
    why = (
        f"with a kernel of 0 the last bias alone has {start.own:.4g}" if by_bias
        else "the answers scatter more than those of a net that knows nothing"
    )  # fmt: skip
    return Suspect(
        "high_initial_loss", "advice", "init",
        f"the first loss is {start.first:.4g}, and the best constant has {start.known:.4g}: {why}",
        start.first, f"at most {start.allowed:.4g}",
        "diagnosis rule 19; checklist rows 2.4 and 2.5",
        "start the last bias there: log shares of classes, log odds, the mean or median" if by_bias
        else "inputs that are scaled, and smaller weights in the last layer",
        {"model.head_bias" if by_bias else "model.kernel_initializer": "auto"},
    )  # fmt: skip


def start_of(subject: Subject, flow: Flow, number: int, head: Head, loss: Any) -> Start | None:
    """Measure one output on the probe; None: its loss, weights or targets have no formula."""
    formula = formula_of(loss)
    output = flow.outputs[number]
    if formula is None or head.predicted.size > MOST_NUMBERS:
        return None
    y = subject.targets(subject.probe(y=True))[number]
    weights = _weights(subject, y)
    asked = _asked(formula, loss, y, output, weights)
    if asked is None or not np.isfinite(asked.y).all() or not asked.shares.sum() > 0:
        return None
    said = array(output).reshape(-1, head.units)
    counted = None if weights is None else tf.constant(weights, tf.float32)
    constant = best_constant(asked.loss, asked.y, asked.shares)
    known, least = asked.loss_of(constant), _least(asked)
    own, exact = _silenced(subject, flow, number, head, constant)

    def computed(output: Any) -> float:
        return float(loss(y, output, sample_weight=counted))

    return Start(
        first=computed(output),
        known=known,
        own=asked.loss_of(said.mean(axis=0)) if own is None else computed(own),
        least=least,
        allowed=max(least + WILD * (known - least), _scattered(asked, constant)),
        exact=None if exact is None else computed(exact),
    )


def _weights(subject: Subject, y: np.ndarray) -> np.ndarray | None:
    """What each example of the probe weighs, as `fit` takes it from weights of rows or classes."""
    if subject.weights is not None:
        rows = np.linspace(0, subject.examples - 1, len(y)).astype(int)
        return np.asarray(subject.weights, np.float64)[rows]
    if not subject.class_weight:
        return None
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y), -1)[:, 0]
    return np.array([subject.class_weight.get(int(label), 1.0) for label in labels])


def _asked(
    formula: Loss, loss: Any, y: np.ndarray, output: Any, weights: np.ndarray | None
) -> Asked | None:
    """The targets as the formula takes them; None: they are of no shape that it knows."""
    shape, units = tuple(output.shape[:-1]), int(output.shape[-1])
    mask = getattr(output, "_keras_mask", None)
    counts = np.ones(shape) if mask is None else np.asarray(mask, np.float64)
    ignored = getattr(loss, "_fn_kwargs", {}).get("ignore_class")
    if formula.name in POSITIONS:
        if y.size != np.prod(shape):
            return None
        labels = y.reshape(shape)
        if ignored is not None:
            counts = counts * (labels != ignored)
            labels = np.where(labels == ignored, 0, labels)
        if (labels != np.round(labels)).any() or labels.min() < 0 or labels.max() >= units:
            return None
        rows = np.eye(units)[labels.astype(int).ravel()]
    elif y.size == np.prod(shape) * units:
        rows = np.asarray(y, np.float64).reshape(-1, units)
    else:
        return None
    is_share = formula.name in (*BINARY, *CATEGORICAL)
    if counts.shape != shape or (is_share and not ((rows >= 0) & (rows <= 1)).all()):
        return None
    number = counts.sum()
    if weights is not None:
        if weights.size != np.prod(shape):
            return None
        counts = counts * weights.reshape(shape)
    divisor = {"sum": 1.0, "mean_with_sample_weight": counts.sum()}.get(loss.reduction, number)
    if loss.reduction in (None, "none") or divisor == 0:
        return None
    return Asked(formula, rows, counts.ravel() / divisor)


def _scattered(asked: Asked, constant: np.ndarray) -> float:
    """The loss of logits with a variance of 4 about the constant, or of numbers 4 stds off it.

    An ordinary net may start there. Of classes it follows from the second order of the
    cross-entropy (checklist row 2.4 b, as in `checks.initial.check_initial_spread`).
    """
    loss, known = asked.loss, asked.loss_of(constant)
    p = asked.shares @ smoothed(loss, asked.y) / asked.shares.sum()
    if loss.name in OF_NUMBERS:
        return asked.loss_of(constant + MOST_STDS * asked.y.std(axis=0))
    spread = {CATEGORICAL[0]: 1 - (p**2).sum(), BINARY[0]: (p * (1 - p)).mean()}
    name = CATEGORICAL[0] if loss.name == CATEGORICAL[1] else loss.name
    return float(known + MOST_VARIANCE / 2 * spread.get(name, 0.0) * asked.shares.sum())


def _least(asked: Asked) -> float:
    """The loss of whoever knows the targets."""
    loss, y = asked.loss, asked.y
    if loss.name in (*BINARY, *CATEGORICAL):
        sure = Loss(loss.name, False, loss.label_smoothing, loss.arguments)
        return float(each(sure, y, smoothed(loss, y)) @ asked.shares)
    if loss.name in ("hinge", "squared_hinge", "categorical_hinge"):
        return 0.0
    return asked.loss_of(y)


def _silenced(
    subject: Subject, flow: Flow, number: int, head: Head, constant: np.ndarray
) -> tuple[Any | None, Any | None]:
    """The output of the net while its last kernel is 0: with its own bias, and with the constant's.

    None: it can't be done, or what stands behind that layer keeps it from saying the constant.
    Kernel and bias are put back.
    """
    call = flow.heads[number]
    layer = None if call is None else call.layer
    kernel, bias = getattr(layer, "kernel", None), getattr(layer, "bias", None)
    if kernel is None or bias is None:
        return None, None
    inverse = INVERSE.get(str(head.activation))
    with np.errstate(all="ignore"):
        given = None if inverse is None else inverse(constant)
    is_sayable = given is not None and given.shape == bias.shape and np.isfinite(given).all()
    kept = [(variable, np.array(variable.numpy())) for variable in (kernel, bias)]
    x = keras.tree.map_structure(tf.constant, subject.probe())
    said = None
    try:
        kernel.assign(np.zeros(kernel.shape))
        own = keras.tree.flatten(subject.model(x, training=False))[number]
        if is_sayable:
            bias.assign(given)
            said = keras.tree.flatten(subject.model(x, training=False))[number]
    finally:
        for variable, value in kept:
            variable.assign(value)
    is_said = said is not None and np.allclose(array(said), constant, rtol=1e-3, atol=1e-5)
    return own, said if is_said else None
