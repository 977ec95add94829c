"""What the last layer and the loss say about a target, against what the target is.

The table of `docs/doctor.md`: the range of the last activation must cover that of the target, and
what the loss takes that of the activation. Nothing is trained here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEW = 20
"""Whole numbers from 0 on with at most as many values may be classes; more are amounts."""

CLASSES = ("binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy",
           "categorical_focal_crossentropy", "sparse_categorical_crossentropy")  # fmt: skip
BINARY = CLASSES[:2]
ONE_HOT = CLASSES[2:4]
SPARSE = CLASSES[4]
SQUARED = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh",
           "mean_absolute_percentage_error", "mean_squared_logarithmic_error")  # fmt: skip
HINGE = ("hinge", "squared_hinge")

RANGES: dict[str, tuple[float, float]] = {
    "sigmoid": (0, 1), "hard_sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1),
    "hard_tanh": (-1, 1), "softsign": (-1, 1), "relu": (0, np.inf), "relu6": (0, 6),
    "softplus": (0, np.inf), "exponential": (0, np.inf), "elu": (-1, np.inf),
    "selu": (-1.76, np.inf),
}  # fmt: skip
"""Between which values an activation lies; others reach everywhere."""


@dataclass(frozen=True)
class Target:
    """What the numbers of a target are."""

    kind: str
    """binary (0 and 1), signs (-1 and 1), classes (0..K-1), shifted (1..K, or gaps), one_hot,
    labels (several of 0 and 1), shares (rows that add up to 1), unit (within 0 and 1), real."""

    low: float
    high: float
    classes: int
    """Distinct values of a column, or its width."""


@dataclass(frozen=True)
class Head:
    """One output of a net, its loss, and its target."""

    y: np.ndarray
    """(examples, ...)."""

    predicted: np.ndarray
    """Of the probe, (examples, ..., units)."""

    activation: str | None
    """Of the last layer; None: it can't be told."""

    loss: str | None
    """Keras's name of the loss; None: somebody's own."""

    from_logits: bool
    counts_right: bool
    """Whether accuracy was asked for: then the target is meant as classes."""

    @property
    def units(self) -> int:
        """Width of the last axis."""
        return self.predicted.shape[-1]

    @property
    def target(self) -> Target:
        """What the target is."""
        return target_of(self.y, is_column=self.is_column)

    @property
    def is_column(self) -> bool:
        """Whether each example (or time step) has one number for a target."""
        return self.y.ndim < self.predicted.ndim or self.y.shape[-1] == 1


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a head, and what would be right."""

    code: str
    severity: str
    said: str
    expected: str
    cure: str
    loss: str | None = None
    """The loss that would be right."""
    activation: str | None = None
    """And the activation, with `from_logits=False`."""


def target_of(y: np.ndarray, is_column: bool) -> Target:
    """Look at the numbers of a target."""
    values = np.asarray(y, np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return Target("real", 0, 0, 0)
    low, high = float(values.min()), float(values.max())
    whole = bool((values == np.round(values)).all())
    if not is_column:
        width = y.shape[-1]
        rows = np.asarray(y, np.float64).reshape(-1, width)
        adds_up = np.allclose(rows.sum(axis=-1), 1, atol=1e-4)
        if low >= 0 and high <= 1:
            if whole:
                return Target("one_hot" if adds_up else "labels", low, high, width)
            return Target("shares" if adds_up else "unit", low, high, width)
        return Target("real", low, high, width)
    distinct = np.unique(values)
    found = len(distinct)
    if whole and set(distinct) <= {0, 1}:
        return Target("binary", low, high, 2)
    if whole and set(distinct) == {-1, 1}:
        return Target("signs", low, high, 2)
    if whole and low >= 0 and found <= FEW and high < 2 * FEW:
        regular = low == 0 and high == found - 1
        return Target("classes" if regular else "shifted", low, high, found)
    if low >= 0 and high <= 1:
        return Target("unit", low, high, found)
    return Target("real", low, high, found)


def trouble(head: Head) -> Trouble | None:
    """The worst thing that is wrong with a head; None: nothing is."""
    if head.loss is None:
        return None
    return _encoding(head) or _units(head) or _pairing(head) or _logits(head) or _reach(head)


def _encoding(head: Head) -> Trouble | None:
    """Labels that the loss can't mean."""
    target, loss = head.target, head.loss
    span = f"labels run from {target.low:g} to {target.high:g}"
    if loss == SPARSE:
        if not head.is_column and head.y.shape[-1] == head.units and head.units > 1:
            return Trouble(
                "label_encoding", "error",
                f"{loss} takes class positions, and was given rows of {target.classes}",
                "one whole number for each example",
                "the loss categorical_crossentropy",
                loss="categorical_crossentropy",
            )  # fmt: skip
        whole = (head.y == np.round(head.y)).all()
        if target.low < 0 or target.high >= head.units or not whole:
            return Trouble(
                "label_encoding", "error",
                f"{span}, and the last layer has {head.units} units",
                f"whole numbers from 0 to {head.units - 1}",
                "count the classes from 0, and give the last layer a unit for each",
            )  # fmt: skip
    if loss in ONE_HOT and head.is_column and head.units > 1:
        return Trouble(
            "label_encoding", "error",
            f"{loss} takes rows of {head.units}, and was given one number for each example",
            "a row with a 1 for each example",
            "the loss sparse_categorical_crossentropy",
            loss=SPARSE,
        )  # fmt: skip
    if loss in BINARY and (target.low < 0 or target.high > 1):
        if target.kind == "classes" and target.classes > 2:
            return Trouble(
                "wrong_loss", "error",
                f"{loss} takes 0 and 1, and there are {target.classes} classes",
                "labels of 0 and 1",
                f"the loss {SPARSE}, with {target.classes} units and softmax",
                loss=SPARSE if head.units == target.classes else None, activation="softmax",
            )  # fmt: skip
        if target.kind == "real" and not (head.y == np.round(head.y)).all():
            return Trouble(
                "wrong_loss", "error", f"{loss} takes 0 and 1, and {span}", "labels of 0 and 1",
                "the loss mean_squared_error, with a linear last layer",
                loss="mean_squared_error", activation="linear",
            )  # fmt: skip
        return Trouble(
            "label_encoding", "error", f"{loss} takes 0 and 1, and {span}", "labels of 0 and 1",
            "write the labels as 0 and 1",
        )  # fmt: skip
    return None


def _units(head: Head) -> Trouble | None:
    """A last layer that is too narrow to say anything."""
    if head.units == 1 and head.activation == "softmax":
        return Trouble(
            "wrong_output_activation", "error",
            "softmax over one unit is 1 whatever comes in", "sigmoid, or a linear unit and logits",
            "sigmoid for two classes, a linear last layer for a number", activation=_right(head),
        )  # fmt: skip
    if head.units == 1 and head.loss in ONE_HOT:
        return Trouble(
            "wrong_loss", "error", f"{head.loss} of one unit is 0 whatever comes in",
            "two units at least", "the loss binary_crossentropy", loss="binary_crossentropy",
            activation="sigmoid",
        )  # fmt: skip
    return None


def _pairing(head: Head) -> Trouble | None:
    """A loss that is made for another kind of target."""
    target, loss = head.target, head.loss
    if loss in CLASSES and target.kind == "real":
        return Trouble(
            "wrong_loss", "error", f"{loss} is for classes, and the target is a number",
            "a loss for numbers", "the loss mean_squared_error, with a linear last layer",
            loss="mean_squared_error", activation="linear",
        )  # fmt: skip
    if loss in ONE_HOT and target.kind == "labels":
        return Trouble(
            "wrong_loss", "error",
            f"{loss} wants one class an example, and here are several labels at once",
            "rows that add up to 1", "the loss binary_crossentropy, with sigmoid",
            loss="binary_crossentropy", activation="sigmoid",
        )  # fmt: skip
    if (
        loss in BINARY
        and target.kind == "one_hot"
        and head.activation == "softmax"
        and head.units > 2
    ):
        return Trouble(
            "wrong_loss", "warning",
            f"{loss} takes each of {head.units} classes by itself, and softmax all together",
            "categorical_crossentropy", "the loss categorical_crossentropy",
            loss="categorical_crossentropy",
        )  # fmt: skip
    if loss in SQUARED and _is_meant_as_classes(head):
        return Trouble(
            "wrong_loss", "warning", f"{loss} is for numbers, and the target is classes",
            "a cross-entropy", f"the loss {_loss_of_classes(head)}",
            loss=_loss_of_classes(head), activation=_right(head),
        )  # fmt: skip
    if loss == "poisson" and target.low < 0:
        return Trouble(
            "wrong_loss", "error",
            f"poisson is for counts, and the target goes down to {target.low:g}",
            "a target of 0 or more", "the loss mean_squared_error", loss="mean_squared_error",
        )  # fmt: skip
    return None


def _logits(head: Head) -> Trouble | None:
    """Probabilities where the loss takes logits, or the other way round."""
    name, loss = head.activation, head.loss
    if loss not in CLASSES:
        return None
    wanted = "sigmoid" if loss in BINARY else "softmax"
    if head.from_logits:
        if name in ("sigmoid", "softmax"):
            return Trouble(
                "logits_mismatch", "error",
                f"the loss takes logits, and the last layer ends in {name}", "a linear last layer",
                "from_logits=False, or a linear last layer", activation="linear",
            )  # fmt: skip
        if name not in (None, "linear"):
            return _ends_wrong(head, "linear")
        return None
    if name == "linear":
        return Trouble(
            "logits_mismatch", "error",
            "the loss takes probabilities, and the last layer is linear", wanted,
            "from_logits=True", activation=wanted,
        )  # fmt: skip
    if name == "softmax" and loss in BINARY and head.units == 2:
        return None  # the same as two classes
    if name is None:
        low, high = float(head.predicted.min()), float(head.predicted.max())
        if low < 0 or high > 1:
            return Trouble(
                "logits_mismatch", "error",
                f"the loss takes probabilities, and the net puts out {low:.3g} to {high:.3g}",
                wanted, "from_logits=True",
            )  # fmt: skip
        return None
    if loss in BINARY and name == "softmax":
        return None if head.target.kind == "one_hot" else _ends_wrong(head, wanted)
    return None if name == wanted else _ends_wrong(head, wanted)


def _reach(head: Head) -> Trouble | None:
    """A last activation that can't reach the target."""
    if head.loss in CLASSES or head.activation is None:
        return None
    target = head.target
    if head.loss in HINGE and head.activation not in ("sigmoid", "softmax", "relu"):
        return None
    if head.loss == "poisson" and head.activation == "linear":
        return _ends_wrong(head, "exponential", "warning")
    low, high = RANGES.get(head.activation, (-np.inf, np.inf))
    slack = 1e-6 * max(abs(target.low), abs(target.high), 1)
    if target.low < low - slack or target.high > high + slack:
        right = "linear" if head.loss != "poisson" else "exponential"
        return Trouble(
            "wrong_output_activation", "error",
            f"the target runs from {target.low:.4g} to {target.high:.4g}, and "
            f"{head.activation} from {low:g} to {high:g}",
            "an activation that reaches the whole target", f"{right} in the last layer",
            activation=right,
        )  # fmt: skip
    return None


def _ends_wrong(head: Head, right: str, severity: str = "error") -> Trouble:
    return Trouble(
        "wrong_output_activation", severity,
        f"the last layer ends in {head.activation}, and {head.loss} takes "
        + ("logits" if head.from_logits else "probabilities" if head.loss in CLASSES else "rates"),
        right, f"{right} in the last layer", activation=right,
    )  # fmt: skip


def _is_meant_as_classes(head: Head) -> bool:
    """Numbers that are few may be an amount: then nobody asks for accuracy, or ends in softmax."""
    kind = head.target.kind
    if kind == "one_hot":
        return head.units > 1 and (head.counts_right or head.activation == "softmax")
    if kind in ("binary", "signs", "classes", "shifted"):
        return head.counts_right or (kind == "binary" and head.activation == "sigmoid")
    return False


def _loss_of_classes(head: Head) -> str:
    if head.target.kind == "one_hot":
        return "categorical_crossentropy"
    return "binary_crossentropy" if head.units == 1 else SPARSE


def _right(head: Head) -> str:
    """The activation for a target, where the loss takes no logits."""
    kind = head.target.kind
    if head.loss in BINARY or kind in ("binary", "labels"):
        return "sigmoid"
    return "softmax" if head.units > 1 and kind in ("one_hot", "classes") else "linear"
