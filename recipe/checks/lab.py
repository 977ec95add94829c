"""Answers of the laboratory. What it measures is no fault of yours; only your own net can warn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.findings import Finding, Verdict, judge

VANISHING = 1e-4
"""Norm of the gradient in the first hidden layer (Zhang et al. 2021, AUTOTRAINER)."""

EXPLODING = 70.0
"""The same over the norm in the last one (the same)."""


def answer(
    check: str,
    message: str,
    ends: tuple[float, float, float],
    expected: str,
    source: str,
) -> Finding:
    """A number with its interval; whichever way it lies, it is an answer.

    Args:
        check: name of the question.
        message: the answer in a sentence.
        ends: the number, and the ends of its interval; not finite: it could not be measured.
        expected: which answer would say what.
        source: who says so.
    """
    known = bool(np.isfinite(ends[0]))
    return judge(
        check,
        Verdict.PASS if known else Verdict.SKIP,
        message,
        measured=float(ends[0]) if known else None,
        expected=expected,
        source=source,
    )


def beyond(ends: tuple[float, float, float], nothing: float, words: tuple[str, str]) -> str:
    """Whether an interval leaves `nothing` out: the first of the words above it, else the second.

    Where it does not, "inconclusive".
    """
    _, low, high = ends
    return words[0] if low > nothing else words[1] if high < nothing else "inconclusive"


def check_own_signal(gradients: Sequence[float]) -> Finding:
    """Do gradients reach the first hidden layer of your net, before its first step?

    Args:
        gradients: norm of each hidden layer's gradient, first to last.
    """
    first, last = float(gradients[0]), float(gradients[-1])
    lost = not np.isfinite(gradients).all() or first > EXPLODING * last > 0
    wrong = "explodes" if lost else "vanishes" if first < VANISHING else ""
    return judge(
        "own_signal",
        Verdict.WARN if wrong else Verdict.PASS,
        f"Your net at the start: the gradient in its first hidden layer has a norm of {first:.3g}, "
        f"in its last {last:.3g}" + (f": it {wrong}." if wrong else "."),
        measured=first,
        expected=f"at least {VANISHING:g} in the first, and at most {EXPLODING:g} times the last's",
        source="Zhang et al. 2021, AUTOTRAINER; course notes",
        code="bad_init",
        prescription="model.kernel_initializer: auto, or model.norm: batch",
    )
