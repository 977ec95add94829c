"""Checks of normalization: does a batch norm divide by the variance that it meets?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recipe.findings import Finding, Verdict, judge, listed

SOURCE = "Li et al. 2019, variance shift; checklist fact 5 and row 4.9 (limits measured)"


def check_variance_shift(
    shifts: Mapping[str, float], low: float = 0.8, high: float = 1.25
) -> Finding:
    """Dropout before a batch norm teaches it a variance that it never meets again.

    Measured on synthetic data: .42 to .52 with dropout before the norm, .48 to .56 in the later
    blocks of "norm, activation, dropout", 1.00 to 1.02 without dropout or with it after the last.

    Args:
        shifts: batch norm -> variance at evaluation over the moving variance, median of channels.
        low: below it warns.
        high: above it warns.
    """
    known = {name: ratio for name, ratio in shifts.items() if np.isfinite(ratio)}
    off = {name: ratio for name, ratio in known.items() if not low <= ratio <= high}
    worst = max(known.values(), key=lambda ratio: abs(np.log(ratio)), default=float("nan"))
    each = [f"{name} {ratio:.2f}" for name, ratio in (off or known).items()]
    verdict = Verdict.WARN if off else Verdict.PASS
    return judge(
        "variance_shift",
        verdict if known else Verdict.SKIP,
        f"Variance that batch norms meet over the one they learnt: {listed(each)}."
        if known
        else "No batch norm sees anything that varies.",
        measured=worst if known else None,
        expected=f"between {low:g} and {high:g}",
        source=SOURCE,
        code="dropout_before_bn",
        prescription="model.dropout_position: auto; or recipe recalibrate CONFIG",
    )
