"""Checks of what the incumbent's net says about rungs before they are tried: advice, no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recipe.findings import Finding, Verdict, advise, judge, listed


def check_label_consistency(
    kept: Mapping[str, float] | None, refused: Mapping[str, float], least: float, examples: int
) -> Finding:
    """Whether augmentation leaves the label what it was.

    Args:
        kept: strength -> share of what the net knows of the originals that it knows of the changed
            images; None: it knows too little to tell.
        refused: change, e.g. "flip horizontal" -> the share that was too small.
        least: share that is enough: 95 %, less what chance alone takes of it.
        examples: validation examples that it was measured on.
    """
    expected = (
        f"95 % of what the net knows of the originals, beyond the prior: {least:.1%} at least, "
        "for the rest may be chance"
    )
    source = "checklist row 4.2"
    if kept is None:
        return judge(
            "label_consistency",
            Verdict.SKIP,
            f"The net is right too seldom on {examples} images to tell what keeps their labels.",
            measured=None,
            expected=expected,
            source=source,
        )
    good = ", ".join(f"{name} {share:.0%}" for name, share in kept.items()) or "nothing"
    said = f"Of what the net knows of {examples} images, augmentation keeps: {good}."
    if not refused:
        return judge(
            "label_consistency",
            True,
            said,
            measured=min(kept.values(), default=None),
            expected=expected,
            source=source,
        )
    bad = listed([f"{change} (keeps {share:.0%})" for change, share in refused.items()], 8)
    return advise(
        "label_consistency",
        f"{said} Left out: {bad}.",
        measured=min(refused.values()),
        expected=expected,
        source=source,
        prescription="look at the figure `augmented`; what does no harm to the eye is for you to "
        "allow, with train.augment",
    )


def check_columns(
    useless: Sequence[str], columns: int, rise: float, top: Mapping[str, float]
) -> Finding:
    """Which columns the net does without.

    Args:
        useless: columns that can be shuffled, all at once, and the loss does not rise.
        columns: of the table.
        rise: of the loss with these shuffled, mean.
        top: the columns that matter most -> rise of the loss without them.
    """
    most = ", ".join(f"{name} {value:+.3g}" for name, value in top.items())
    said = f"Shuffled, these cost most (loss on val): {most}."
    expected = "columns whose shuffling raises the loss, the whole interval above 0"
    source = "Breiman 2001 (permutation importance); checklist row 4.6"
    if not useless:
        said += f" None of the {columns} columns is useless."
        return judge("useless_columns", True, said, measured=0, expected=expected, source=source)
    return advise(
        "useless_columns",
        f"{said} Without {len(useless)} of {columns} it rises by {rise:.2g}, within its error: "
        f"{listed(useless, 8)}.",
        measured=len(useless),
        expected=expected,
        source=source,
        prescription="data.columns: {NAME: drop}, if the rung without them is better",
    )
