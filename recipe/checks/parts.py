"""Checks of the split: is what judges a net independent of what it learns from?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from recipe.checks.data import KARPATHY_1
from recipe.findings import Finding, Verdict, judge, listed


class NearCopies(Protocol):
    """What `data/copies.py` found; checks and data are neighbours that do not know each other."""

    @property
    def pairs(self) -> np.ndarray:
        """(pairs, 2) row numbers."""

    @property
    def shares(self) -> dict[str, float]:
        """Part ("val", "test") -> fraction of its examples with a near copy in train."""

    @property
    def within(self) -> float:
        """Fraction of all examples that have a near copy anywhere."""


class Leaking(Protocol):
    """A column that alone predicts the target, of `data/leaks.py`."""

    @property
    def column(self) -> str: ...  # noqa: D102
    @property
    def alone(self) -> float: ...  # noqa: D102
    @property
    def with_(self) -> float: ...  # noqa: D102
    @property
    def without(self) -> float: ...  # noqa: D102
    @property
    def metric(self) -> str: ...  # noqa: D102


class Drifting(Protocol):
    """A column that differs between two parts, of `data/drift.py`."""

    @property
    def column(self) -> str: ...  # noqa: D102
    @property
    def part(self) -> str: ...  # noqa: D102
    @property
    def psi(self) -> float: ...  # noqa: D102


def check_across(shares: Mapping[str, float], most: float = 0.5) -> Finding:
    """Examples of val or test that were trained on, to the bit, measure memory.

    Args:
        shares: "val" and "test" -> fraction of its examples whose equal stands in train.
        most: from this fraction of val or of test it fails.
    """
    worst = max(shares.values(), default=0.0)
    verdict = Verdict.FAIL if worst > most else Verdict.WARN if worst > 0 else Verdict.PASS
    shared = ", ".join(f"{share:.1%} of {name}" for name, share in shares.items())
    return judge(
        "shared_examples",
        verdict,
        f"Equal examples in train: of {shared}."
        if worst > 0
        else "No example of val or test stands in train.",
        measured=worst,
        expected=f"none; fails above {most:.0%}",
        source=f"{KARPATHY_1}; checklist row 1.2",
        code="train_val_overlap",
        prescription="remove the copies, or data.split.by: random, which keeps equal rows together",
    )


def check_near_copies(copies: NearCopies | None, few: float = 0.005, why_not: str = "") -> Finding:
    """Examples of val or test that were trained on, but for a little noise, flatter the score.

    It never fails: CIFAR-10 itself has near copies of 3.25 % of test in train.

    Args:
        copies: found; None where copies can't be told from neighbours.
        few: from this fraction of val or of test it warns.
        why_not: why they can't be told, a sentence.
    """
    if copies is None:
        worst, verdict = None, Verdict.SKIP
        message = why_not or (
            "Near copies can't be told from honest neighbours here: they need eight numeric"
            " columns that vary, or images."
        )
    else:
        worst = max(copies.shares.values(), default=0.0)
        verdict = Verdict.WARN if worst > few else Verdict.PASS
        shared = ", ".join(f"{share:.1%} of {name}" for name, share in copies.shares.items())
        message = (
            f"Near copies in train: of {shared}; {copies.within:.1%} of all examples have one."
        )
    return judge(
        "near_copies",
        verdict,
        message,
        measured=worst,
        expected=f"at most {few:.1%} of val and of test",
        source=f"{KARPATHY_1}; checklist row 1.2; Barz and Denzler (2020) for CIFAR-10",
        code="train_val_overlap",
        prescription="remove the copies from the source, or keep them together by data.split.by:"
        " group",
    )


def check_leakage(
    found: Sequence[Leaking] | None,
    order: float | None,
    dropped: Sequence[str] = (),
    needed: float = 0.02,
) -> Finding:
    """A column that alone predicts the target almost perfectly was made from it, or is luck.

    Iris and wine are honest at an AUC of .985 to 1: it fails only for a column that the others
    can't replace.

    Args:
        found: columns with an AUC or R2 above .995, alone; None for images.
        order: AUC or R2 of the row number alone; None where it was not measured.
        dropped: columns that the net is not shown: they can't leak.
        needed: what the best model must lose without the column.
    """
    shown = [leak for leak in found or () if leak.column not in dropped]
    # the only column there is can't be compared with others: NaN is not above
    fatal = [leak for leak in shown if leak.with_ - leak.without >= needed]
    parts = []
    if fatal:
        parts.append(f"The target leaks through {listed([_told(leak) for leak in fatal])}.")
    if others := [leak for leak in shown if leak not in fatal]:
        told = listed([_told(leak) for leak in others])
        parts.append(f"Almost perfect alone, but replaceable: {told}.")
    if hidden := [leak.column for leak in found or () if leak.column in dropped]:
        parts.append(f"Rightly dropped, tells the target: {listed(hidden)}.")
    if found is not None and not parts:
        parts.append("No column tells the target.")
    if order is not None:
        parts.append(
            "The file is sorted by the target; the splits are not."
            if order > 0.995
            else f"The row number alone predicts it with {order:.2f} (AUC or R2)."
        )
    verdict = Verdict.FAIL if fatal else Verdict.WARN if shown else Verdict.PASS
    if found is None and order is None:
        verdict, parts = Verdict.SKIP, ["Too few examples to measure leaks."]
    return judge(
        "leakage",
        verdict,
        " ".join(parts),
        measured=max((leak.alone for leak in shown), default=None),
        expected=f"no column above .995 alone that the best model misses by {needed:g}",
        source=f"{KARPATHY_1}; checklist row 1.10 (limits: measured by this project)",
        code="leak",
        prescription=", ".join(f"data.columns.{leak.column}: drop" for leak in fatal or shown)
        + "; or, if it is known before the target is, data.accept: [leakage]",
    )


def check_drift(drifted: Sequence[Drifting]) -> Finding:
    """Columns whose values in val or test are not those of train: the score is of other data.

    Args:
        drifted: beyond chance and large, the largest first.
    """
    shifted = listed([f"{one.column} ({one.part}, PSI {one.psi:.2f})" for one in drifted])
    return judge(
        "drift",
        Verdict.WARN if drifted else Verdict.PASS,
        f"Distributed unlike train: {shifted}."
        if drifted
        else "Val and test are distributed like train in every column.",
        measured=max((one.psi for one in drifted), default=0.0),
        expected="no column with a Holm-corrected p below .001 and a PSI above .25",
        source="checklist row 1.9 (PSI alone fires on clean random splits, measured)",
        code="drift",
        prescription="data.split.by: random, unless the split is by time or group on purpose",
    )


def _told(leak: Leaking) -> str:
    return (
        f"{leak.column} (alone {leak.alone:.3f}; {leak.metric} {leak.with_:.3f} with it,"
        f" {leak.without:.3f} without)"
    )
