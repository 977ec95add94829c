"""What a training says of itself: its curve, and its end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recipe.doctor.change import Change
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

POOR = 0.5
"""Of skill: a net below is ill, where cheap models can't be asked."""

LACKING = 0.04
"""Rule 30: of skill, below what cheap models know out of fold."""


def has_risen(base: Outcome) -> bool:
    """Whether the validation loss was best early, and has become clearly worse since."""
    val = base.history.get("val_loss")
    if not val or len(val) < 5 or not np.isfinite(val).all():
        return False
    best = int(np.argmin(val))
    return best + 1 < EARLY * len(val) and bool(val[-1] > RISEN * val[best] > 0)


def by_heart(base: Outcome) -> Iterator[Suspect]:
    """Rule 29: what was learnt of training examples has made it worse of others."""
    gap = base.train - base.val
    if has_risen(base) and gap > GAP:
        val = base.history["val_loss"]
        best = int(np.argmin(val))
        yield Suspect(
            "overfitting", "warning", "after",
            f"validation was best after epoch {best + 1} of {len(val)} and has become "
            f"{val[-1] / val[best]:.2g} times as bad since; skill is {base.train:.2f} on training "
            f"and {base.val:.2f} on validation examples", gap,
            f"a gap of at most {GAP:g}", "diagnosis rule 29",
            "stop early, dropout 0.3, weight decay, augmentation, or a smaller net",
            {"train.early_stopping": 5, "model.dropout": 0.3},
            Change(epochs=(best + 1) / len(val)),
        )  # fmt: skip


def after(
    subject: Subject,
    base: Outcome,
    known: Reference | None,
    score: float,
    is_explained: bool,
    narrow: str | None,
) -> Iterator[Suspect]:
    """Rules 29 and 30: learnt by heart, or too small to learn."""
    yield from by_heart(base)
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


def curve(base: Outcome) -> str:
    """The loss from its beginning to its end, in words."""
    if base.is_broken or len(base.losses) < 2:
        return "the loss is not finite"
    start, end = _ends(base.losses)
    return f"the loss goes from {start:.4g} to {end:.4g} in {len(base.losses)} steps"


def _ends(losses: np.ndarray) -> tuple[float, float]:
    some = max(1, len(losses) // 10)
    return float(losses[:some].mean()), float(losses[-some:].mean())


def still_falls(losses: np.ndarray) -> bool:
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
