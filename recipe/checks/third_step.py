"""Checks of the overfit stage beside its floor: what is in hand, what changed, which rate and net.

Karpathy's third step asks for one verified change at a time, on top of what is known to work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from recipe.checks.learning import KARPATHY_3
from recipe.checks.rate import APART
from recipe.findings import Finding, Verdict, advise, judge

NEEDED = ("one_batch_overfit", "seed_repeats", "inputs_zeroed", "inputs_permuted", "whole_set")
"""Findings of the second stage without which no number of the third means anything."""

PROVEN = {
    "table": {"mlp": "Gorishniy et al. 2021, Kadra et al. 2021: a well-tuned MLP"},
    "images": {
        "cnn": "LeCun et al. 1998",
        "resnet": "He et al. 2016",
        "application": "a backbone of keras.applications",
    },
}
"""Kind of data -> families that others have shown to work on it, the simplest first."""

SMALL_IMAGE = 12
"""Pixels a side, up to which an image is little more than a table."""

GONE, WASTED = 0.01, 0.2
"""Row 3.5: of its peak, a rate that moves nothing; share of the steps at such a rate."""


def check_baselines(
    findings: Mapping[str, Verdict], metric: str, scores: Collection[str]
) -> Finding:
    """Scores to compare with, and a pipeline that was proven, before a larger net is trained.

    Args:
        findings: check -> verdict, of the last baseline stage; empty: it never ran.
        metric: that decides.
        scores: names of the scores that the stage has written.
    """
    missing = [name for name in NEEDED if findings.get(name) in (None, Verdict.SKIP)]
    failed = [name for name in NEEDED if findings.get(name) is Verdict.FAIL]
    rivals = [name for name in scores if name.endswith(f"_{metric}")]
    person = findings.get("human_baseline") is Verdict.PASS
    good = not missing and not failed and len(rivals) > 1
    lacking = ", ".join([*missing, *(f"{name} (failed)" for name in failed)])
    return judge(
        "baselines_in_hand",
        Verdict.PASS if good else Verdict.WARN,
        f"{len(rivals)} baselines to compare {metric} with, {'and' if person else 'without'} a "
        "person's score; the pipeline is proven."
        if good
        else f"Not known, so that no score of this stage can be trusted: {lacking or 'any score'}.",
        measured=len(rivals),
        expected="a baseline stage that has passed; a person's score may be missing",
        source=f"{KARPATHY_3}; checklist row 3.6",
        prescription="recipe baseline first",
    )


def check_one_change(changed: Sequence[str] | None, gained: float | None, metric: str) -> Finding:
    """Between two runs one thing changes; of two, nobody knows which of them helped.

    Args:
        changed: ideas (size, norm, dropout, ...) that are not as in the run before; None: this is
            the first.
        gained: validation score, positive if it is better than the run before; None: not known.
        metric: of the score.
    """
    source = f"{KARPATHY_3}, add complexity one at a time; checklist row 3.4"
    expected = "one change at most since the run before"
    if changed is None:
        said = "This is the first run in its folder: nothing to compare it with."
        return judge("one_change", True, said, measured=0, expected=expected, source=source)
    by = "" if gained is None else f" Validation {metric} {gained:+.4f}, on one seed."
    if len(changed) > 1:
        return advise(
            "one_change",
            f"{len(changed)} things changed since the run before ({', '.join(changed)}): "
            f"confounded.{by}",
            measured=len(changed),
            expected=expected,
            source=source,
            prescription="change one, look, then the next; recipe regularize does so with seeds",
        )
    said = f"{changed[0]} changed since the run before." if changed else "Nothing changed."
    return judge(
        "one_change", True, said + by, measured=len(changed), expected=expected, source=source
    )


def check_proven(family: str, shape: Sequence[int]) -> Finding:
    """Don't be a hero: the simplest kind of net that others have shown to work comes first.

    Args:
        family: `model.family`.
        shape: of one example.
    """
    is_image = len(shape) == 3 and max(shape[:2]) > SMALL_IMAGE
    kind = "images" if is_image else "table"
    known = PROVEN["images"] if is_image else PROVEN["images"] | PROVEN["table"]
    source = f"{KARPATHY_3}, don't be a hero; checklist row 3.2"
    expected = f"one of {', '.join(known)}"
    if family in known:
        said = f"model.family {family}: {known[family]}."
        return judge("proven_family", True, said, measured=family, expected=expected, source=source)
    first = next(iter(PROVEN[kind]))
    return advise(
        "proven_family",
        f"model.family {family} is a net of its own kind for {kind}.",
        measured=family,
        expected=expected,
        source=source,
        prescription=f"see what {first} reaches first ({PROVEN[kind][first]})",
    )


def check_rate_found(
    current: float, found: float | None, is_fitted: bool, optimizer: str
) -> Finding:
    """The rate lies near the one that a range test finds, or fits the training examples anyway.

    Args:
        current: the config's rate.
        found: a third of the rate at which the loss is lowest; None: the loss never fell.
        is_fitted: whether the net reached its floor at the config's rate.
        optimizer: its name.
    """
    source = f"{KARPATHY_3}, Adam is safe; checklist row 3.3 (Adam at 3e-4)"
    expected = f"less than {APART:g} times apart, or a floor that is reached"
    if found is None:
        said = "The loss falls at no rate of a range test."
        return judge(
            "rate_found", Verdict.PASS if is_fitted else Verdict.WARN, said, measured=None,
            expected=expected, source=source, code="no_learning",
            prescription="recipe baseline: labels, loss, head, initialization",
        )  # fmt: skip
    times = max(found / current, current / found)
    good = is_fitted or times < APART
    said = f"{optimizer} at {current:g}; a range test finds {found:.2g}, {times:.1f} times apart"
    if good and times >= APART:
        said += ", but the net reaches its floor all the same"
    return judge(
        "rate_found",
        Verdict.PASS if good else Verdict.WARN,
        f"{said}.",
        measured=times,
        expected=expected,
        source=source,
        code="lr_too_low" if found > current else "lr_too_high",
        prescription=f"recipe lr-find; train.learning_rate: {current:g} -> {found:.1g}",
    )


def check_decay(rates: np.ndarray, best: int, constant: bool = False) -> Finding:
    """No training is spent at rates that move nothing: schedules come last, tuned.

    Args:
        rates: of each epoch as it was trained, (epochs,).
        best: epochs up to the best.
        constant: whether the stage keeps the rate as it is.
    """
    seen = np.asarray(rates, np.float64)[: max(best, 1)]
    share = float((seen < GONE * seen.max()).mean())
    varies = constant and bool((seen != seen[0]).any())
    said = f"The rate runs from {seen[0]:.2g} to {seen[-1]:.2g}"
    if not (seen != seen[0]).any():
        said = f"The rate stays {seen[0]:.2g}"
    return judge(
        "rate_decay",
        Verdict.WARN if share > WASTED or varies else Verdict.PASS,
        f"{said} in {len(seen)} epochs; {share:.0%} of them are below {GONE:.0%} of its peak.",
        measured=share,
        expected=f"at most {WASTED:.0%} of the epochs up to the best below {GONE:.0%} of the peak"
        + (", and no schedule in this stage" if constant else ""),
        source=f"{KARPATHY_3}, do not trust learning rate decay defaults; checklist row 3.5",
        code="lr_too_low",
        prescription="train.schedule: -> constant",
    )
