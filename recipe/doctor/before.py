"""Before the first step: the data, the head, the layers and the settings, as they were given.

Each rule looks at what things mean, not at what they are called: at the numbers that reach the
first kernel, whatever scaled them; at the last activation, whatever layer it stands in. Numbers of
rules are those of the table in `docs/doctor.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from recipe.doctor.change import Change
from recipe.doctor.dependencies import dependencies
from recipe.doctor.flow import RECURRENT, Flow
from recipe.doctor.head import Head, trouble
from recipe.doctor.labels import distance
from recipe.doctor.layers import of_layers, once
from recipe.doctor.losses import upside_down
from recipe.doctor.mixing import UNMIXED, unevenness
from recipe.doctor.scale import input_scale, target_scale
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect

PRE = "before"

RUN = 0.5
"""Rule 10: how much more often than by chance a label equals the next, as a share of what is
left."""

ALIKE = 0.25
"""Rule 10: of the unevenness of batches that hold one class each; a stream that shuffles, and lies
above, does not shuffle as was meant."""

APART = 0.5
"""Rule 10: of the labels of training and validation examples, where examples stand in order."""

DROPPED, PENALTY = 0.7, 0.1
"""Rule 15: a rate above, an L1 or L2 factor above."""

RATES = {"sgd": (1e-4, 1.0), "adaptive": (1e-5, 0.1)}
"""Rule 17: learning rates of the SGD family, over 1 - momentum, and of all others."""

CLIP = 1e-2
"""Rule 17: a smaller norm or value lets nothing through."""


def before(subject: Subject, flow: Flow, heads: list[Head]) -> Iterator[Suspect]:
    """All suspicions that need no training, in no order."""
    yield from not_finite(subject)
    yield from words(subject)
    yield from of_heads(subject, flow, heads)
    yield from upside_down(subject, heads)
    yield from input_scale(flow)
    yield from target_scale(heads)
    yield from order(subject, heads)
    yield from dependencies(subject, flow, heads)
    yield from of_layers(subject, flow)
    yield from amounts(subject, flow)
    yield from clipping(subject)
    yield from rate(subject)


def not_finite(subject: Subject) -> Iterator[Suspect]:
    """Rule 1: a missing value makes NaN of everything that it touches."""
    given = {"x": subject.x, "y": subject.y}
    if subject.val:
        given |= {"validation x": subject.val[0], "validation y": subject.val[1]}
    for name, structure in given.items():
        if structure is None:
            continue
        parts = [part for part in keras.tree.flatten(structure) if part.dtype.kind == "f"]
        bad = sum(int((~np.isfinite(part)).sum()) for part in parts)
        if bad:
            yield Suspect(
                "nan_input", "error", PRE, f"{bad:,} values of {name} are missing or infinite",
                bad, "none", "diagnosis rule 1",
                "drop such examples, or fill the gaps with the median of the training examples",
                {"data.missing": "impute"}, is_certain=True,
            )  # fmt: skip
            return


def of_heads(subject: Subject, flow: Flow, heads: list[Head]) -> Iterator[Suspect]:
    """Rules 4 and 5: target, last activation and loss must mean the same."""
    for number, head in enumerate(heads):
        found = trouble(head)
        if found is None:
            continue
        settings: tuple[tuple[Any, str, Any], ...] = ()
        if found.activation and head.activation and number < len(flow.outputs):
            layer = activating(flow, flow.outputs[number])
            if layer is not None:
                settings = ((layer, "activation", keras.activations.get(found.activation)),)
        loss = found.loss if len(heads) == 1 else None
        if found.activation and not loss and head.from_logits and found.activation != "linear":
            loss = head.loss
        # no key of a config: there the head follows from the task
        yield Suspect(
            found.code, found.severity, PRE, found.said, head.activation, found.expected,
            "diagnosis rules 4 and 5, head table", found.cure, {},
            Change(settings=settings, loss=loss) if settings or loss else None, is_certain=True,
        )  # fmt: skip


def words(subject: Subject) -> Iterator[Suspect]:
    """Rule 4: a loss takes numbers."""
    kinds = {part.dtype.kind for part in subject.targets()} if subject.y is not None else set()
    if kinds & set("OSU"):
        yield Suspect(
            "label_encoding", "error", PRE, "the targets are words, or objects of Python",
            "words", "numbers", "diagnosis rule 4",
            "numbers from 0 on for classes, e.g. np.unique(y, return_inverse=True)[1]",
            is_certain=True,
        )  # fmt: skip


def order(subject: Subject, heads: list[Head]) -> Iterator[Suspect]:
    """Rule 10: sorted by label, and never shuffled, or the end cut off for validation."""
    for head in heads[:1]:
        labels = _labels(head)
        if labels is None or len(labels) < 2:
            continue
        largest = float(np.unique(labels, return_counts=True)[1].max() / len(labels))
        repeats = float((labels[1:] == labels[:-1]).mean())
        is_sorted = repeats > RUN + largest / 2
        uneven = unevenness(labels, subject.batch_size)
        falls_short = subject.falls_short and uneven > ALIKE * subject.batch_size
        # class after class, and not a series whose state lasts
        in_order = int((labels[1:] != labels[:-1]).sum()) < len(np.unique(labels))
        if (is_sorted or uneven > UNMIXED) and not subject.shuffles:
            yield Suspect(
                "unshuffled_data", "error", PRE,
                f"{repeats:.0%} of all labels equal the next, batches differ {uneven:.3g} times as "
                "much as if they were drawn by lot, and nothing shuffles them enough", repeats,
                f"at most {RUN + largest / 2:.0%}, and {UNMIXED:g} times", "diagnosis rule 10",
                "shuffle=True, or shuffle the stream over more examples than a class has",
                {}, Change(shuffles=True), is_certain=in_order or falls_short,
            )  # fmt: skip
        if subject.val is not None:
            val = _labels(head, subject.targets(subject.val[1])[0])
            apart = 0.0 if val is None else distance(labels, val)
            if is_sorted and in_order and apart > APART:
                yield Suspect(
                    "unshuffled_data", "error", PRE,
                    f"examples stand in the order of their labels, and {apart:.0%} of the "
                    "validation examples would need another label to be as the training examples",
                    apart, f"at most {APART:.0%}", "diagnosis rule 10",
                    "shuffle before the end is cut off for validation", is_certain=True,
                )  # fmt: skip


def amounts(subject: Subject, flow: Flow) -> Iterator[Suspect]:
    """Rule 15: so much dropout or penalty that little is left to learn with."""
    drops = [
        layer for layer in once(flow)
        if "Dropout" in type(layer).__name__ and getattr(layer, "rate", 0) > DROPPED
    ]  # fmt: skip
    if drops:
        rate = max(layer.rate for layer in drops)
        yield Suspect(
            "excess_dropout", "warning", PRE, f"{rate:.0%} of the units are dropped", rate,
            f"at most {DROPPED:.0%}; Keras's rate is what is dropped, not what is kept",
            "diagnosis rule 15; Srivastava et al. 2014", "a rate of 0.3", {"model.dropout": 0.3},
            Change(settings=tuple((layer, "rate", 0.3) for layer in drops)),
        )  # fmt: skip
    factors = [(v, _factor(v.regularizer)) for v in subject.model.trainable_variables]
    heavy = [(v, factor) for v, factor in factors if factor > PENALTY]
    if heavy:
        largest = max(factor for _, factor in heavy)
        yield Suspect(
            "excess_regularization", "warning", PRE, f"a penalty factor of {largest:g}", largest,
            f"at most {PENALTY:g}", "diagnosis rule 15", "1e-4", {"model.l2": 1e-4},
            Change(settings=tuple((v, "regularizer", None) for v, _ in heavy)),
        )  # fmt: skip


def clipping(subject: Subject) -> Iterator[Suspect]:
    """Rule 17: gradients cut to almost nothing."""
    optimizer = subject.model.optimizer
    for name in ("clipnorm", "clipvalue", "global_clipnorm"):
        value = getattr(optimizer, name, None)
        if value is not None and value < CLIP:
            yield Suspect(
                "excess_clipping", "error", PRE, f"{name} is {value:g}", value,
                f"{CLIP:g} at least", "diagnosis rule 17", f"{name}=1.0", {"train.clipnorm": 1.0},
                Change(settings=(("optimizer", name, 1.0),)),
            )  # fmt: skip


def rate(subject: Subject) -> Iterator[Suspect]:
    """Rule 17: far off what the optimizer is used at, which may be meant."""
    optimizer = subject.model.optimizer
    given = float(np.asarray(optimizer.learning_rate))
    is_sgd = type(optimizer).__name__ == "SGD"
    low, high = RATES["sgd"] if is_sgd else RATES["adaptive"]
    effective = given / (1 - getattr(optimizer, "momentum", 0.0)) if is_sgd else given
    if low <= effective <= high or given <= 0:
        return
    is_high = effective > high
    code = "lr_too_high" if is_high else "lr_too_low"
    usual = (0.1 if is_high else 0.01) if is_sgd else (0.01 if is_high else 0.001)
    yield Suspect(
        code, "error", PRE, f"a learning rate of {given:.2g}", given,
        f"{low:g} to {high:g} for {type(optimizer).__name__}", "diagnosis rule 17",
        f"a learning rate of {usual:g}", {"train.learning_rate": usual}, Change(rate=usual / given),
    )  # fmt: skip


def activating(flow: Flow, output: Any) -> Any:
    """The layer whose `activation` is the last before an output."""
    call = flow.producers.get(id(output))
    while call is not None:
        if hasattr(call.layer, "activation") and not isinstance(call.layer, RECURRENT):
            return call.layer
        call = flow.one_before(call)
    return None


def _labels(head: Head, y: np.ndarray | None = None) -> np.ndarray | None:
    y = head.y if y is None else y
    kind = head.target.kind
    if kind == "one_hot":
        return y.reshape(-1, y.shape[-1]).argmax(axis=-1)
    if kind in ("binary", "classes", "shifted", "signs") and y.size == len(y):
        return y.reshape(-1)
    return None


def _factor(regularizer: Any) -> float:
    given = [getattr(regularizer, name, 0.0) for name in ("l1", "l2")]
    return max(float(value or 0.0) for value in given)
