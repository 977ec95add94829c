"""Checks by cheap models: can the labels be believed, and would more examples help?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from recipe.checks.data import KARPATHY_1
from recipe.findings import Finding, Verdict, judge


class Quality(Protocol):
    """What `data/cheap.py` says about the labels."""

    @property
    def noise(self) -> float:
        """Estimated fraction of wrong labels, overlap of the classes included."""

    @property
    def unexplained(self) -> float:
        """Fraction of the unsuspected examples that the cheap model gets wrong."""


class Curve(Protocol):
    """Scores against examples, of `data/needs.py`."""

    @property
    def examples(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def scores(self) -> np.ndarray: ...  # noqa: D102
    @property
    def last_gain(self) -> float: ...  # noqa: D102
    @property
    def spread(self) -> float: ...  # noqa: D102
    @property
    def next_gain(self) -> float: ...  # noqa: D102


def check_label_noise(
    quality: Quality | None, most: float = 0.05, overlap: float = 0.065
) -> Finding:
    """Labels that contradict what the other examples teach.

    Where classes overlap, an unlikely label may be a right one, and no estimate tells the two
    apart: the cheap model then also errs on what it does not suspect. Measured there: 8 to 9 % on
    sound phoneme and adult, 18 % on wine_white (by points), but 1 to 4 % on iris, wine,
    breast_cancer, spambase and digits with a tenth of the labels flipped.

    Args:
        quality: of the labels; None where it could not be measured.
        most: estimated fraction of wrong labels from which it warns.
        overlap: of the unsuspected examples, fraction that the model gets wrong, from which
            noise and overlap are one.

    Source: Northcutt, Athalye, Mueller (2021): 3.3 % wrong labels in ten famous test sets, and
    half of the flagged ones were truly wrong.
    """
    verdict = Verdict.PASS
    if quality is None:
        verdict = Verdict.SKIP
        message = (
            "Not measured: it needs two classes with five examples each,"
            " and `uv pip install 'recipe[labels]'`."
        )
    elif quality.unexplained > overlap:
        message = (
            f"{quality.noise:.1%} of the labels are unlikely, but the classes overlap:"
            " wrong labels can't be told from hard examples."
        )
    else:
        verdict = Verdict.WARN if quality.noise > most else Verdict.PASS
        message = f"About {quality.noise:.1%} of the labels contradict the other examples."
    return judge(
        "label_noise",
        verdict,
        message,
        measured=None if quality is None else quality.noise,
        expected=f"at most {most:.0%} where the classes are apart",
        source=f"{KARPATHY_1}; checklist row 1.6; Northcutt et al. (2021)",
        code="label_noise",
        prescription="look at the suspects first: about half of them are wrong",
    )


def check_more_data(curve: Curve | None) -> Finding:
    """What twice the data would bring, as far as a cheap model can tell: advice, no verdict.

    Args:
        curve: of scores on val; None where there is too little to measure.
    """
    if curve is None:
        return judge(
            "more_data",
            Verdict.SKIP,
            "Too few examples, or none that differ in the target, for a learning curve.",
            measured=None,
            expected="80 training examples",
            source=f"{KARPATHY_1}; checklist row 1.5",
        )
    rose = "fell" if curve.last_gain < 0 else "rose"
    sure = curve.last_gain > 2 * curve.spread
    said = (
        f"more would help, about {curve.next_gain:+.3f} for twice as many."
        if sure and curve.next_gain >= 0.001
        else "more would hardly help this model."
    )
    return judge(
        "more_data",
        Verdict.PASS,
        f"A cheap model's val score {rose} by {abs(curve.last_gain):.3f} ± {curve.spread:.3f}, to"
        f" {curve.scores[-1].mean():.3f}, with the last doubling to {curve.examples[-1]} examples:"
        f" {said}",
        measured=curve.last_gain,
        expected="advice: nothing is asked",
        source=f"{KARPATHY_1}; checklist row 1.5",
    )


def check_detail(sizes: Mapping[tuple[int, int], float] | None, keeps: float = 0.99) -> Finding:
    """How far images can be made smaller before a cheap model notices: advice, no verdict.

    Args:
        sizes: (height, width) -> score on val, the full size first; None for tables.
        keeps: fraction of the full-size score that a size must keep.
    """
    if not sizes:
        return judge(
            "detail",
            Verdict.SKIP,
            "No images, or too small to shrink.",
            measured=None,
            expected="images",
            source=f"{KARPATHY_1}; checklist row 1.5",
        )
    full = next(iter(sizes.values()))
    enough = min((size for size, score in sizes.items() if score >= keeps * full), default=None)
    enough = enough if full > 0 and enough is not None else next(iter(sizes))
    listed = ", ".join(f"{h} x {w}: {score:.3f}" for (h, w), score in sizes.items())
    return judge(
        "detail",
        Verdict.PASS,
        f"{enough[0]} x {enough[1]} pixels keep {keeps:.0%} of a cheap model's score ({listed}).",
        measured=f"{enough[0]} x {enough[1]}",
        expected="advice: nothing is asked",
        source=f"{KARPATHY_1}; checklist row 1.5",
    )
