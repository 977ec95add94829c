"""What may be wrong where nothing is at first sight: rates, lengths, amounts, widths.

All of it is named by trial alone, and tried only where a net is ill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from recipe.doctor.change import Change
from recipe.doctor.draft import WIDTH
from recipe.doctor.flow import Flow, width_of
from recipe.doctor.head import CLASSES, Head
from recipe.doctor.layers import stuck
from recipe.doctor.outcome import Outcome
from recipe.doctor.reference import Reference
from recipe.doctor.scale import NEAR_IN, NEAR_OUT, input_scale, target_scale
from recipe.doctor.subject import Subject, scheduled
from recipe.doctor.suspect import Suspect
from recipe.doctor.training import LACKING, POOR, curve, still_falls
from recipe.findings import listed

CLEAR = 0.15
"""Of skill: what a trial must bring of a scale, of frozen weights, of a number of units that would
raise no suspicion in a net that is well."""

CUT_SHORT = 0.5
"""Rule 31: share of the epochs asked for, below which somebody ended the training early."""

DECAYED, SOON, FEWEST = 0.1, 0.5, 4
"""Row 3.5: of the highest learning rate; share of the training until which it should stay above;
epochs of which that can be said."""

TINY = 2
"""Rule 18: examples in a batch, up to which steps are mostly noise."""

NARROW = 2
"""Rule 30: units of a hidden layer; or so few that they have not even a bit for each class."""

USUAL = {"sgd": (3e-3, 1.0), "adagrad": (3e-3, 1.0), "ftrl": (3e-3, 1.0), "adadelta": (0.1, 10.0)}
"""Rule 17: learning rates within which an optimizer is commonly used, over 1 - momentum; of others
1e-4 to 1e-2. Keras's page of Adadelta and Adagrad: their papers have 1.0, its default is 0.001."""


def rivals(
    subject: Subject, base: Outcome, dead: list[Suspect], flow: Flow, heads: Sequence[Head]
) -> Iterator[Suspect]:
    """What may be wrong where nothing else is: proven by trial alone.

    Whoever helps first explains those after it. A rate that is out of the common range comes before
    the length of the training, another one after it: a short training is helped by any rate that
    is higher, and a slow one by more epochs. A size that is a little off comes before these: both
    help where there is a long way to go.

    Args:
        subject: the training.
        base: how it went.
        dead: suspicions of units that died in it: a rate that is too high kills them.
        flow: through the net.
        heads: its outputs.
    """
    optimizer, steps = subject.model.optimizer, subject.steps * subject.epochs
    rates = scheduled(subject)  # a warm-up begins at 0, which is not the rate that is meant
    rate = float(np.asarray(optimizer.learning_rate) if rates is None else rates.max())
    low, high = USUAL.get(type(optimizer).__name__.lower(), (1e-4, 1e-2))
    effective = rate / (1 - getattr(optimizer, "momentum", 0.0))
    high_rates = [_too_high(base, rate, times) for times in (0.1, 0.01)]
    low_rates = [_too_low(base, rate, times) for times in (10.0, 100.0)]
    ran = len(base.history.get("loss", ()))
    if ran < CUT_SHORT * subject.epochs and not base.is_broken:
        yield Suspect(
            "undertraining", "error", "after",
            f"a callback ended it after {ran} of {subject.epochs} epochs", ran,
            f"more than {CUT_SHORT:.0%} of the epochs, or nothing to gain from them",
            "diagnosis rule 31", "all epochs, or an EarlyStopping whose patience outlasts the "
            "noise of the validation score", {"train.early_stopping": None}, Change(waits=True),
        )  # fmt: skip
    yield from _slowed(subject, base)
    if effective > high or dead or base.is_broken or not still_falls(base.losses):
        yield from high_rates
    yield from dead
    if effective < low:
        yield from low_rates
    for near in (*input_scale(flow, NEAR_IN), *target_scale(heads, NEAR_OUT)):
        yield replace(near, least=CLEAR)
    size = min(subject.batch_size, subject.examples)
    if size >= subject.examples / 2 and subject.examples > 64:
        yield Suspect(
            "batch_size", "warning", "before",
            f"batches of {size} of {subject.examples} examples, so {steps} steps in all",
            size, "several steps an epoch", "diagnosis rule 18", "a batch of 32",
            {"train.batch_size": 32}, Change(batch_size=32),
        )  # fmt: skip
    elif size <= TINY:
        yield Suspect(
            "batch_size", "warning", "before", f"batches of {size}", size,
            f"more than {TINY}", "diagnosis rule 18", "a batch of 32", {"train.batch_size": 32},
            Change(batch_size=32),
        )  # fmt: skip
    yield from _held_back(subject)
    yield Suspect(
        "undertraining", "error", "after", f"after {steps} steps, {curve(base)}", steps,
        "a training after which more epochs bring nothing", "diagnosis rule 31", "more epochs",
        {"train.epochs": 4 * subject.epochs}, Change(epochs=4),
    )  # fmt: skip
    if low <= effective <= high:
        yield from low_rates
    for still in stuck(flow):
        yield replace(still, least=CLEAR)


def larger(
    subject: Subject,
    base: Outcome,
    known: Reference | None,
    flow: Flow,
    heads: Sequence[Head],
) -> Iterator[Suspect]:
    """Rule 30: more units, where the net does not even learn its own training examples."""
    enough = POOR if known is None else max(known.best, POOR)
    narrow = [call for call in flow.hidden if width_of(call) < WIDTH]
    if base.train < enough - LACKING and narrow and not _comes_out_again(subject, flow, heads):
        widths = sorted({width_of(call) for call in narrow})
        yield Suspect(
            "underfitting", "warning", "after",
            f"with hidden layers of {listed([str(width) for width in widths])} units it knows "
            f"{base.train:.2f} of what it was trained on", base.train, f"{enough:.2f} at least",
            "diagnosis rule 30", f"hidden layers of {WIDTH} units or more",
            {"model.widths": [256, 256]}, Change(wider=True), least=CLEAR,
        )  # fmt: skip


def _held_back(subject: Subject) -> Iterator[Suspect]:
    """Clipping, dropout and penalties that are within bounds, and may be too much all the same."""
    model = subject.model
    clips = [
        name for name in ("clipnorm", "clipvalue", "global_clipnorm")
        if getattr(model.optimizer, name, None)
    ]  # fmt: skip
    if clips:
        value = getattr(model.optimizer, clips[0])
        yield Suspect(
            "excess_clipping", "warning", "during", f"gradients are clipped at {value:g}", value,
            "clipping that changes little", "diagnosis rule 23", f"{clips[0]}: 1.0 or none",
            {"train.clipnorm": None},
            Change(settings=tuple(("optimizer", name, None) for name in clips)),
        )  # fmt: skip
    drops = [layer for layer in model._flatten_layers() if getattr(layer, "rate", 0) and
             "Dropout" in type(layer).__name__]  # fmt: skip
    if drops:
        rate = max(layer.rate for layer in drops)
        yield Suspect(
            "excess_dropout", "warning", "during", f"{rate:.0%} of the units are dropped", rate,
            "a rate at which training examples are learnt", "diagnosis rule 15",
            "a lower rate", {"model.dropout": 0.1},
            Change(settings=tuple((layer, "rate", 0.0) for layer in drops)),
        )  # fmt: skip
    penalties = [v for v in model.trainable_variables if v.regularizer is not None]
    if penalties:
        yield Suspect(
            "excess_regularization", "warning", "during",
            f"{len(penalties)} weights have a penalty", len(penalties),
            "a penalty under which training examples are learnt", "diagnosis rule 15",
            "a hundredth of the penalty", {"model.l2": 0.0},
            Change(settings=tuple((v, "regularizer", None) for v in penalties)),
        )  # fmt: skip


def _slowed(subject: Subject, base: Outcome) -> Iterator[Suspect]:
    """Row 3.5 of the checklist: a rate that falls while there is still much to learn."""
    told = base.history.get("learning_rate")  # callbacks that change it note it
    rates = np.array(told) if told else scheduled(subject)
    if rates is None or len(rates) < FEWEST or not rates.max() > 0:
        return
    peak = int(rates.argmax())
    low = np.flatnonzero(rates[peak:] < DECAYED * rates[peak])
    if len(low) and peak + low[0] < SOON * len(rates):
        share, highest = (peak + low[0]) / len(rates), float(rates[peak])
        yield Suspect(
            "lr_too_low", "error", "during",
            f"after {share:.0%} of the training the learning rate is "
            f"{rates[peak + low[0]]:.2g}, from {highest:.2g}", float(rates[-1]),
            f"{DECAYED:g} of its highest value until {SOON:.0%} of the training",
            'Karpathy, "A Recipe for Training Neural Networks" (2019), step 3: learning rate decay',
            f"a learning rate of {highest:.2g}, held", {"train.learning_rate": highest},
            Change(held=highest),
        )  # fmt: skip


def _too_high(base: Outcome, rate: float, times: float) -> Suspect:
    return Suspect(
        "lr_too_high", "error", "during", f"with a learning rate of {rate:.2g}, {curve(base)}",
        rate, f"a rate at which {times:g} times as much is no better", "diagnosis rule 22",
        f"a learning rate of {rate * times:.2g}", {"train.learning_rate": rate * times},
        Change(rate=times),
    )  # fmt: skip


def _too_low(base: Outcome, rate: float, times: float) -> Suspect:
    return Suspect(
        "lr_too_low", "error", "during", f"with a learning rate of {rate:.2g}, {curve(base)}",
        rate, f"a rate at which {times:g} times as much is no better", "diagnosis rule 23",
        f"a learning rate of {rate * times:.2g}", {"train.learning_rate": rate * times},
        Change(rate=times),
    )  # fmt: skip


def narrow_layer(subject: Subject, flow: Flow, heads: Sequence[Head]) -> str | None:
    """Rule 30: the hidden layer through which hardly anything gets, or that there is none.

    A few numbers between wider layers may be meant as a code, where inputs are to come out again.
    """
    if not flow.hidden:
        return "no hidden layer"
    width, name = min((width_of(call), call.layer.name) for call in flow.hidden)
    classes = max((head.target.classes for head in heads if head.loss in CLASSES), default=1)
    if width > max(NARROW, np.log2(classes)) or _comes_out_again(subject, flow, heads):
        return None
    return f"{width} unit{'s' if width > 1 else ''} in {name!r}"


def _comes_out_again(subject: Subject, flow: Flow, heads: Sequence[Head]) -> bool:
    """Whether as much comes out as goes in, and no classes do: then a narrow layer is a code."""
    if any(head.target.kind in ("binary", "classes", "shifted", "one_hot") for head in heads):
        return False
    goes_in = sum(int(np.prod(part.shape[1:])) for part in subject.inputs)
    comes_out = sum(int(np.prod(part.shape[1:])) for part in flow.outputs)
    return comes_out >= goes_in > 1
