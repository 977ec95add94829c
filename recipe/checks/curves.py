"""What the loss curves say: does the net learn by heart, too little, both, or neither?

A gap between training and validation asks for regularization; no gap at a low level asks for
capacity. Both are held against chance: what another seed, or other validation examples, would
have shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recipe.findings import Finding, Verdict, advise, judge

Answer = Literal["overfits", "underfits", "both", "neither", "can't say"]

LARGE = 0.10
"""Gap from which AUTOTRAINER (Zhang et al., ICSE 2021) calls a net overfitted, in the unit of
accuracy or R2; of a loss, this fraction of it. A gap that chance could hide must be smaller."""

EARLY = 0.6
"""Validation is best before this fraction of the epochs ..."""

RISEN = 1.1
"""... and its loss ends this many times as high as it was then: it rises (diagnosis rule 29)."""

FALLS = 0.02
"""Fall of both losses in the last tenth of the epochs, above which it is not done (rule 31)."""

FEWEST = 5
"""Epochs below which a curve has no shape (as in the doctor's rule 29)."""

SOURCE = (
    "AUTOTRAINER (Zhang et al., ICSE 2021); Karpathy 2019, step 4, a validation loss that rises; "
    "diagnosis rules 29 to 31"
)

PRESCRIBED: dict[Answer, str] = {
    "overfits": "more data, train.augment, model.dropout, train.weight_decay, or a smaller net",
    "underfits": "a larger net (model.widths, model.depth), or less regularization",
    "both": "a larger net or a better learning rate first, and regularization after it",
}


@dataclass(frozen=True)
class Fit:
    """How a net fits, in units of the deciding metric."""

    answer: Answer
    train: float
    """Mean score over seeds, in inference mode."""

    val: float
    gap: float
    """By how much train is better; positive whichever way the metric goes."""

    noise: float
    """The largest gap that chance alone would show: 2 standard errors, or the noise floor."""

    rises: bool
    """The validation loss is past its minimum."""

    falls: bool
    """Both losses still fall: it was stopped before it was done."""

    why: str
    """In a sentence."""


def diagnose_fit(
    train: Sequence[float],
    val: Sequence[float],
    losses: Sequence[Sequence[float]],
    val_losses: Sequence[Sequence[float]],
    error: float,
    reference: tuple[str, float] | None,
    target: float | None,
    higher_is_better: bool,
) -> Fit:
    """Name what limits a net.

    Args:
        train: score on the training examples of each seed, (seeds,), in inference mode.
        val: the same on the validation examples.
        losses: training loss of each epoch, (seeds, epochs); seeds may have stopped early.
        val_losses: validation loss of each epoch.
        error: standard error of a validation score, for which examples are in val.
        reference: name and validation score of the strongest baseline; None: there is none.
        target: training score that the net could reach without regularization; None: unknown.
        higher_is_better: which way the score goes.
    """
    sign = 1.0 if higher_is_better else -1.0
    good, held_out = sign * np.asarray(train, float), sign * np.asarray(val, float)
    rises = _most(_rises(each) for each in val_losses)
    falls = _most(
        _falls(one) and _falls(other) for one, other in zip(losses, val_losses, strict=True)
    )
    level, reached = float(good.mean()), float(held_out.mean())
    gap = level - reached
    floor = float(held_out.std(ddof=1)) if len(held_out) > 1 else 0.0
    gaps = float((good - held_out).std(ddof=1)) / np.sqrt(len(good)) if len(good) > 1 else 0.0
    noise = max(2 * float(np.hypot(gaps, error)), floor)

    def said(answer: Answer, why: str) -> Fit:
        return Fit(answer, sign * level, sign * reached, gap, noise, rises, falls, why)

    if not np.isfinite([*good, *held_out, error]).all():
        return said("can't say", "a seed diverged")
    shortest = min(len(each) for each in val_losses)
    if shortest < FEWEST:
        return said("can't say", f"{shortest} epochs are no curve; it takes {FEWEST}")
    large = LARGE if higher_is_better else LARGE * abs(reached)
    has_gap = gap > noise
    low = _too_low(sign, level, reached, noise, reference, target, has_gap)
    if has_gap and low:
        return said("both", f"the gap is beyond chance, and {low}")
    if has_gap:
        return said("overfits", "the gap is beyond chance" + (" and val loss rises" * rises))
    if noise > large:
        return said("can't say", f"chance alone could hide a gap of {large:.2g}")
    if low:
        return said("underfits", f"there is no gap beyond chance, and {low}")
    return said("neither", "there is no gap beyond chance, and the level is not low")


def _too_low(
    sign: float,
    level: float,
    reached: float,
    noise: float,
    reference: tuple[str, float] | None,
    target: float | None,
    has_gap: bool,
) -> str:
    """Why the level is low, in words; "" if it is not. All but `reference` are signed."""
    # behind a gap, only the training score tells whether the net is too small as well
    shown = level if has_gap else reached
    if reference is not None and sign * reference[1] - shown > noise:
        of = "training" if has_gap else "validation"
        return f"the {of} score is below that of the {reference[0]} baseline, {reference[1]:.4g}"
    if target is not None and not has_gap and sign * target - level > noise:
        return f"the training score is below {target:.4g}, which it could reach"
    return ""


def check_fit(fit: Fit, metric: str, seeds: int) -> Finding:
    """What limits the net, and what to do about it: advice, for both are where one starts from.

    Args:
        fit: as diagnosed.
        metric: that decides.
        seeds: trainings.
    """
    numbers = (
        f"{metric} {fit.train:.4f} on training and {fit.val:.4f} on validation examples ({seeds} "
        f"seeds), a gap of {fit.gap:+.4f}; chance alone shows up to {fit.noise:.2g}"
    )
    expected = "neither a gap beyond chance, nor a level below the baselines' or the target"
    if fit.answer == "can't say":
        return judge(
            "loss_curves", Verdict.SKIP, f"Can't say whether it over- or underfits: {fit.why}.",
            measured=None, expected=expected, source=SOURCE,
        )  # fmt: skip
    if fit.answer == "neither":
        return judge(
            "loss_curves", Verdict.PASS, f"Neither over- nor underfits: {fit.why}. {numbers}.",
            measured=fit.gap, expected=expected, source=SOURCE,
        )  # fmt: skip
    first = "train.epochs: twice as many, for both losses still fall; then " if fit.falls else ""
    named = "Over- and underfits" if fit.answer == "both" else fit.answer.capitalize()
    return advise(
        "loss_curves",
        f"{named}: {fit.why}. {numbers}.",
        measured=fit.gap,
        expected=expected,
        source=SOURCE,
        prescription=first + PRESCRIBED[fit.answer],
        code="overfitting" if fit.answer == "overfits" else "underfitting",
    )


def _rises(losses: Sequence[float]) -> bool:
    """Rule 29: the loss was lowest long before the end, and is clearly higher now."""
    curve = np.asarray(losses, float)
    if len(curve) < FEWEST or not np.isfinite(curve).all():
        return False
    best = int(curve.argmin())
    return bool(best + 1 < EARLY * len(curve) and curve[-1] > RISEN * max(curve[best], 0.0))


def _falls(losses: Sequence[float]) -> bool:
    """Rule 31: it loses more than 2 % in the last tenth; means of two tenths, for one is noise."""
    curve = np.asarray(losses, float)
    if len(curve) < FEWEST or not np.isfinite(curve).all():
        return False
    tenth = max(len(curve) // 10, 1)
    before, last = curve[-2 * tenth : -tenth].mean(), curve[-tenth:].mean()
    return bool(before > 0 and (before - last) / before > FALLS)


def _most(truths: Iterable[bool]) -> bool:
    """Whether more than half of the seeds say so."""
    return bool(np.mean([*truths]) > 0.5)
