"""Checks of a learning rate: what a range test suggests, and what short trainings make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from recipe.findings import Finding, Verdict, judge

SMITH = 'Smith, "Cyclical Learning Rates" (2015), section 3.3'
APART = 10.0
"""Times, from which two rates are far from each other (checklist row 3.3)."""

Interval = tuple[float, float, float]
"""A mean over seeds, and the ends of its interval."""


def check_first_steps(steps: Sequence[int], least: int, low: float) -> Finding:
    """At the lowest of rates a net must at least stand still.

    Args:
        steps: of each range test before its loss was not finite or had risen, (seeds,).
        least: steps without which nothing can be told.
        low: the rate of the first step.
    """
    soon = [count for count in steps if count <= least]
    message = f"Every range test made more than {least} steps."
    if soon:
        message = (
            f"On {len(soon)} of {len(steps)} seeds the loss was not finite, or four times as high "
            f"as at the start, within {least} steps at rates about {low:.2g}."
        )
    return judge(
        "first_steps",
        not soon,
        message,
        measured=min(steps),
        expected=f"more than {least} steps with a loss that is finite and has not risen",
        source=f"{SMITH}: the rate begins where nothing happens",
        code="nan_loss",
        prescription="data.scaling, model.kernel_initializer; then stages.lr_find.low: lower",
    )


def check_range(suggestion: Interval, fall: Interval, is_at_end: bool, high: float) -> Finding:
    """The loss falls and rises again within the range, on every seed at about the same rate.

    Args:
        suggestion: a third of the rate of the lowest loss.
        fall: of the smoothed loss, as a fraction of where it starts.
        is_at_end: some seed's loss was still falling at the highest rate.
        high: that rate.
    """
    rate, low, most = suggestion
    agree = most / low < APART
    message = f"The loss falls by {_share(fall)}; a third of the rate where it is lowest is "
    message += f"{rate:.2g} [{low:.2g}, {most:.2g}]."
    prescription = None
    if is_at_end:
        message += f" It still falls at {high:.2g}, the end of the range."
        prescription = "stages.lr_find.high: higher"
    elif not agree:
        message += " Seeds disagree on where that is: inconclusive."
        prescription = "stages.lr_find.steps or seeds: more"
    elif fall[1] <= 0:
        message += " The fall is not beyond noise: inconclusive."
        prescription = "stages.lr_find.steps or seeds: more"
    return judge(
        "range_test",
        Verdict.WARN if prescription else Verdict.PASS,
        message,
        measured=rate,
        expected=f"a fall beyond noise, ending before {high:.2g}, and an interval of less than "
        f"{APART:g} times",
        source=f"{SMITH}; the third measured (docs/stages.md)",
        prescription=prescription,
    )


def check_rate_learns(rate: float, gain: Interval, least: float = 0.05) -> Finding:
    """At the best of the rates the net must know more of new examples than the prior does.

    Args:
        rate: with the lowest validation loss.
        gain: by how much that is below the prior's, a fraction of it; NaN: all rates diverged.
        least: the fraction that counts.
    """
    verdict = Verdict.FAIL
    said = f"at none of the rates does the net learn; at the best, {rate:.2g}, its"
    if gain[0] > least:
        verdict = Verdict.PASS if gain[1] > 0 else Verdict.WARN
        said = f"at {rate:.2g} the"
    message = f"In short trainings {said} validation loss is {_share(gain)} below the prior's."
    if not isfinite(gain[0]):
        message = "At every rate some short training diverged."
    elif verdict is Verdict.WARN:
        message += " The interval holds zero: inconclusive."
    return judge(
        "rate_learns",
        verdict,
        message,
        measured=gain[0],
        expected=f"more than {least:.0%} below it, and the whole interval above 0",
        source="checklist row 2.7 (inputs must help by 5 %)",
        code=None if verdict is Verdict.WARN else "no_learning",
        prescription="recipe baseline and overfit: labels, loss, head, initialization; or "
        "stages.lr_find.steps: more",
    )


def check_suggestion(rate: float, others: Mapping[float, Interval], found: float) -> Finding:
    """A suggestion holds if no other rate that was tried is better beyond noise.

    Args:
        rate: that the range test suggests.
        others: rate -> its gain in validation loss over the suggestion; infinite where one of
            the two diverged, NaN where both did.
        found: the best of them beyond noise: `rate` itself, if it holds.
    """
    holds = found == rate
    tried = "; ".join(f"{other:.2g}: {_gain(gain)}" for other, gain in others.items())
    said = f"{rate:.2g} holds" if holds else f"{found:.2g} is better than {rate:.2g}"
    measured = [gain[0] for gain in others.values() if isfinite(gain[0])]
    return judge(
        "suggestion_holds",
        Verdict.PASS if holds else Verdict.WARN,
        f"In short trainings {said}. Gain in validation loss over {rate:.2g}: {tried}.",
        measured=max(measured, default=float("nan")),
        expected=f"no rate better than {rate:.2g}: no whole interval above 0",
        source="diagnosis rule 22: the prescribed change, tried",
        prescription=f"go by {found:g}, not by the range test's {rate:g}",
    )


def check_config_rate(current: float, found: float, gain: Interval, diverged: int) -> Finding:
    """The config's rate is near the one that short trainings found, or that one is no better.

    Args:
        current: as configured.
        found: by the range test, and verified.
        gain: in validation loss, of `found` over `current`, over paired seeds.
        diverged: seeds on which the config's rate diverged.
    """
    times = max(found / current, current / found)
    side = "above" if current > found else "below"
    far = f"{times:.1f}" if times < APART else f"{times:.0f}"
    message = f"The config's rate {current:g} is {far} times {side} {found:.2g}, which gains "
    message += f"{_gain(gain)} in validation loss over it."
    code = "lr_too_high" if current > found else "lr_too_low"
    verdict = Verdict.WARN if times >= APART else Verdict.PASS
    if current == found:
        message = f"The config's rate {current:g} is the best of those that were tried."
    if diverged and gain[1] > 0:
        verdict, code = Verdict.FAIL, "lr_too_high"
        message = f"At the config's rate {current:g}, {diverged} of the trainings diverged; at "
        message += f"{found:.2g} none did."
    return judge(
        "config_rate",
        verdict,
        message,
        measured=times,
        expected=f"less than {APART:g} times from it, and no training diverges",
        source="checklist row 3.3; diagnosis rules 22 and 23",
        code=code if gain[1] > 0 else None,
        prescription=f"train.learning_rate: {current:g} -> {found:g}" if gain[1] > 0 else None,
    )


def _share(part: Interval) -> str:
    return f"{part[0]:.1%} [{part[1]:.1%}, {part[2]:.1%}]"


def _gain(gain: Interval) -> str:
    """With the answer in a word."""
    middle, low, high = gain
    if np.isnan(middle):
        return "both diverged"
    if not isfinite(middle):
        return "the other diverged (better)" if middle > 0 else "diverged (worse)"
    word = "better" if low > 0 else "worse" if high < 0 else "inconclusive"
    return f"{middle:+.4f} [{low:+.4f}, {high:+.4f}] ({word})"
