"""What a training says of itself: its curve, its end, and what a little more or less would do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recipe.doctor.change import Change
from recipe.doctor.flow import Flow, tensors
from recipe.doctor.outcome import Outcome
from recipe.doctor.reference import Reference
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect

SWINGS, AMPLITUDE = 0.5, 0.3
"""Rule 22: share of the smoothed loss's steps that turn, and their size as a share of its fall."""

FALL = 0.02
"""Of the loss: a training that falls less has learnt nothing."""

RISEN = 1.1
"""Rule 29: validation loss at the end, times its least."""

EARLY = 0.6
"""Rule 29: share of the epochs after which validation was best."""

GAP = 0.1
"""Rule 29: of skill between training and validation."""

LACKING = 0.04
"""Rule 30: of skill, below what cheap models know out of fold."""

CUT_SHORT = 0.5
"""Rule 31: share of the epochs asked for, below which somebody ended the training early."""

TINY = 2
"""Rule 18: examples in a batch, up to which steps are mostly noise."""

NARROW = 2
"""Rule 30: units of a hidden layer."""

USUAL = {"sgd": (1e-3, 1.0)}
"""Rule 17: learning rates within which an optimizer is commonly used; of others 1e-4 to 1e-2."""


def rivals(subject: Subject, base: Outcome, dead: list[Suspect]) -> Iterator[Suspect]:
    """What may be wrong where nothing else is: proven by trial alone.

    Whoever helps first explains those after it. A rate that is out of the common range comes before
    the length of the training, another one after it: a short training is helped by any rate that
    is higher, and a slow one by more epochs.

    Args:
        subject: the training.
        base: how it went.
        dead: suspicions of units that died in it: a rate that is too high kills them.
    """
    rate, steps = _rate(subject), subject.steps * subject.epochs
    low, high = USUAL.get(type(subject.model.optimizer).__name__.lower(), (1e-4, 1e-2))
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
    if rate > high or dead or base.is_broken or not _still_falls(base.losses):
        yield from high_rates
    yield from dead
    if rate < low:
        yield from low_rates
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
        "undertraining", "error", "after", f"after {steps} steps, {_curve(base)}", steps,
        "a training after which more epochs bring nothing", "diagnosis rule 31", "more epochs",
        {"train.epochs": 4 * subject.epochs}, Change(epochs=4),
    )  # fmt: skip
    if low <= rate <= high:
        yield from low_rates


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


def _too_high(base: Outcome, rate: float, times: float) -> Suspect:
    return Suspect(
        "lr_too_high", "error", "during", f"with a learning rate of {rate:.2g}, {_curve(base)}",
        rate, f"a rate at which {times:g} times as much is no better", "diagnosis rule 22",
        f"a learning rate of {rate * times:.2g}", {"train.learning_rate": rate * times},
        Change(rate=times),
    )  # fmt: skip


def _too_low(base: Outcome, rate: float, times: float) -> Suspect:
    return Suspect(
        "lr_too_low", "error", "during", f"with a learning rate of {rate:.2g}, {_curve(base)}",
        rate, f"a rate at which {times:g} times as much is no better", "diagnosis rule 23",
        f"a learning rate of {rate * times:.2g}", {"train.learning_rate": rate * times},
        Change(rate=times),
    )  # fmt: skip


def narrow_layer(subject: Subject, flow: Flow) -> str | None:
    """Rule 30: the hidden layer through which hardly anything gets, or that there is none.

    A few numbers between wider layers may be meant as a code, where inputs are to come out again.
    """
    ends = {id(call.layer) for call in flow.heads if call is not None}
    hidden = [call for call in flow.kernels if id(call.layer) not in ends]
    if not hidden:
        return "no hidden layer"
    width, name = min((int(tensors(c.output)[0].shape[-1]), c.layer.name) for c in hidden)
    goes_in = sum(int(np.prod(part.shape[1:])) for part in subject.inputs)
    comes_out = sum(int(np.prod(part.shape[1:])) for part in flow.outputs)
    if width > NARROW or comes_out >= goes_in > 1:
        return None
    return f"{width} unit{'s' if width > 1 else ''} in {name!r}"


def after(
    subject: Subject,
    base: Outcome,
    known: Reference | None,
    score: float,
    is_explained: bool,
    narrow: str | None,
) -> Iterator[Suspect]:
    """Rules 29 and 30: learnt by heart, or too small to learn."""
    val = base.history.get("val_loss")
    if val and len(val) >= 5 and np.isfinite(val).all():
        best = int(np.argmin(val))
        gap = base.train - base.val
        risen = val[-1] / val[best] if val[best] > 0 else 1.0
        if best + 1 < EARLY * len(val) and risen > RISEN and gap > GAP:
            yield Suspect(
                "overfitting", "warning", "after",
                f"validation was best after epoch {best + 1} of {len(val)} and has become "
                f"{risen:.2g} times as bad since; skill is {base.train:.2f} on training and "
                f"{base.val:.2f} on validation examples", gap,
                f"a gap of at most {GAP:g}", "diagnosis rule 29",
                "stop early, dropout 0.3, weight decay, augmentation, or a smaller net",
                {"train.early_stopping": 5, "model.dropout": 0.3},
                Change(epochs=(best + 1) / len(val)),
            )  # fmt: skip
    if is_explained or known is None or base.is_broken:
        return
    if narrow and known.best - score > LACKING and base.train < known.best - LACKING:
        yield Suspect(
            "underfitting", "warning", "after",
            f"{known.name} knows {known.best:.2f} out of fold, and the net, with {narrow}, "
            f"{base.train:.2f} of what it was trained on", base.train,
            f"at least what {known.name} knows", "diagnosis rule 30", "more units, more layers",
            {"model.widths": [256, 256]},
        )  # fmt: skip


def symptoms(base: Outcome, known: Reference | None) -> Iterator[Suspect]:
    """What is seen, whatever the cause."""

    def seen(code: str, said: str, measured: float, expected: str) -> Suspect:
        return Suspect(
            code, "advice", "during", said, measured, expected, "diagnosis rules 22 to 28", ""
        )

    losses = base.losses
    if base.is_broken:
        yield seen("nan_loss", "the loss is not finite", float("nan"), "a finite loss")
        return
    if len(losses) < 4:
        return
    start, end = _ends(losses)
    fall = (start - end) / abs(start) if start else 0.0
    if fall < FALL:
        yield seen("no_learning", f"the loss falls by {fall:.1%}", fall, f"{FALL:.0%} at least")
    swings = _swings(losses)
    if swings > SWINGS and _amplitude(losses) > AMPLITUDE:
        yield seen("oscillating_loss", f"{swings:.0%} of the loss's steps turn back", swings, "")
    if known is not None and base.val > 0.99 and known.best < 0.9:
        yield seen("suspicious_accuracy", "nearly everything is right", base.val, "")


def _rate(subject: Subject) -> float:
    return float(np.asarray(subject.model.optimizer.learning_rate))


def _curve(base: Outcome) -> str:
    if base.is_broken or len(base.losses) < 2:
        return "the loss is not finite"
    start, end = _ends(base.losses)
    return f"the loss goes from {start:.4g} to {end:.4g} in {len(base.losses)} steps"


def _ends(losses: np.ndarray) -> tuple[float, float]:
    some = max(1, len(losses) // 10)
    return float(losses[:some].mean()), float(losses[-some:].mean())


def _still_falls(losses: np.ndarray) -> bool:
    """Whether the last third is clearly lower than the third before it."""
    if len(losses) < 9:
        return True
    third = len(losses) // 3
    last, before = losses[-third:], losses[-2 * third : -third]
    spread = float(np.std(losses[-2 * third :])) / np.sqrt(third)
    return float(before.mean() - last.mean()) > 2 * spread


def _smooth(losses: np.ndarray) -> np.ndarray:
    window = max(1, len(losses) // 50)
    usable = len(losses) // window * window
    return losses[:usable].reshape(-1, window).mean(axis=1)


def _swings(losses: np.ndarray) -> float:
    steps = np.diff(_smooth(losses))
    if len(steps) < 3:
        return 0.0
    return float((np.sign(steps[1:]) != np.sign(steps[:-1])).mean())


def _amplitude(losses: np.ndarray) -> float:
    line = _smooth(losses)
    fall = float(line[0] - line.min())
    return float(np.median(np.abs(np.diff(line))) / fall) if fall > 0 else 1.0
