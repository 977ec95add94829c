"""Would more data help more than the best regularizer? The answer may be that it can't be said."""

from __future__ import annotations

from typing import Literal

import numpy as np

from recipe.findings import Finding, Verdict, advise, judge

Advice = Literal["collect data", "regularize", "can't say"]

SOURCE = "checklist row 4.1; Karpathy 2019, step 4, get more data; power law: Hestness et al. 2017"

EXPECTED = "an answer where the interval of the difference leaves 0 out"

Gain = tuple[float, float, float]
"""In the metric's unit, and the ends of its interval."""


def data_or_regularizer(data: Gain, best: Gain) -> Advice:
    """Which of two gains is larger beyond doubt.

    The interval of the difference is put together from those of the two (Zou and Donner 2008,
    MOVER), which need not be symmetric.

    Args:
        data: of twice the data, forecast.
        best: of the best regularizer; zeros: nothing helped.
    """
    (gain, low, high), (other, below, above) = data, best
    apart = gain - other
    if apart - np.hypot(gain - low, above - other) > 0:
        return "collect data"
    if apart + np.hypot(high - gain, other - below) < 0:
        return "regularize"
    return "can't say"


def check_more_data(
    data: Gain, best: Gain, name: str | None, metric: str, examples: int
) -> Finding:
    """What twice the data would bring, against what the best regularizer brought.

    Args:
        data: gain of twice the data, forecast, with its prediction interval.
        best: gain of the best regularizer, with its interval.
        name: of that regularizer; None: nothing helped.
        metric: of both.
        examples: that there are.
    """
    answer = data_or_regularizer(data, best)
    rival = (
        "no regularizer helped"
        if name is None
        else f"{name} gained {best[0]:+.4f} [{best[1]:+.4f}, {best[2]:+.4f}]"
    )
    said = (
        f"Twice the {examples:,} training examples would gain {data[0]:+.4f} "
        f"[{data[1]:+.4f}, {data[2]:+.4f}] of val {metric}; {rival}: {answer}."
    )
    if answer != "collect data":
        return judge(
            "more_data", Verdict.PASS, said,
            measured=data[0], expected=EXPECTED, source=SOURCE,
        )  # fmt: skip
    return advise(
        "more_data", said, measured=data[0], expected=EXPECTED, source=SOURCE,
        prescription="collect more examples like these: as many again gain more than the best "
        "regularizer that was tried",
    )  # fmt: skip


def skipped_more_data(why: str) -> Finding:
    """No forecast, and why not.

    Args:
        why: in words.
    """
    return judge(
        "more_data", Verdict.SKIP, f"No forecast of twice the data: {why}.",
        measured=None, expected=EXPECTED, source=SOURCE,
    )  # fmt: skip
