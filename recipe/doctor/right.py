"""Which units, last activation and loss suit a target: the head table of `docs/doctor.md`.

What a user chose stays where it suits: a loss of the right kind, with its settings, and logits.
"""

from __future__ import annotations

from dataclasses import dataclass

from recipe.doctor.head import BINARY, CLASSES, HINGE, ONE_HOT, SPARSE, SQUARED, Head


@dataclass(frozen=True)
class Right:
    """A head that suits a target."""

    units: int
    activation: str
    loss: str | None
    """None: the one that it has."""


def right(head: Head) -> Right:
    """The head for a target, as near as can be to the one that it has."""
    kind, width = head.target.kind, head.units if head.is_column else head.y.shape[-1]
    if kind == "binary":
        return _binary(head)
    if kind in ("classes", "shifted") and (head.units > 1 or _counts(head)):
        return _kept(head, max(head.units, head.target.classes), "softmax", (SPARSE,))
    if kind == "one_hot" and not (head.loss in BINARY and head.activation != "softmax"):
        return _kept(head, width, "softmax", ONE_HOT)
    if kind in ("one_hot", "labels"):
        return _kept(head, width, "sigmoid", BINARY)
    if kind == "shares":
        return _kept(head, width, "softmax", (*ONE_HOT, "kl_divergence"))
    if kind == "signs" and head.loss in HINGE:
        return Right(head.units, "tanh", None)
    if head.loss == "poisson" and head.target.low >= 0:
        return Right(1 if head.is_column else width, "exponential", None)
    return _kept(head, 1 if head.is_column else width, "linear", ("mean_squared_error", *SQUARED))


def _binary(head: Head) -> Right:
    if head.units > 1 and head.loss == SPARSE:
        return _kept(head, head.units, "softmax", (SPARSE,))
    if head.loss in SQUARED and not head.counts_right and head.activation != "sigmoid":
        return Right(1, "sigmoid", None)
    return _kept(head, 1, "sigmoid", BINARY)


def _counts(head: Head) -> bool:
    """Whether one unit before several whole numbers was meant for classes, and for no amount."""
    return head.counts_right or head.loss in (SPARSE, *ONE_HOT)


def _kept(head: Head, units: int, activation: str, losses: tuple[str, ...]) -> Right:
    """The loss that it has if it is one of these, else the first."""
    keeps = head.loss in losses
    in_logits = keeps and head.from_logits and head.loss in CLASSES
    return Right(units, "linear" if in_logits else activation, None if keeps else losses[0])
