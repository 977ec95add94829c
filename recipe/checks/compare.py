"""Checks of a comparison: is it a fair one, and what did it find? No answer of it is a fault."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.findings import Finding, Verdict, advise, judge, listed


def check_both_train(diverged: dict[str, int], seeds: int) -> Finding:
    """A config that diverges on some seed is the worse one, whatever the others score.

    Args:
        diverged: name of a config -> seeds on which it did.
        seeds: of each.
    """
    bad = [f"{name} on {count}" for name, count in diverged.items() if count]
    return judge(
        "both_train",
        Verdict.WARN if bad else Verdict.PASS,
        f"Diverged: {' and '.join(bad)} of {seeds} seeds." if bad else "All seeds trained.",
        measured=sum(diverged.values()),
        expected="0 trainings that diverge",
        source="checklist row 2.1",
        code="nan_loss",
        prescription="train.learning_rate: a tenth of it",
    )


def check_same_steps(old: int, new: int) -> Finding:
    """Who trains longer may be better for that alone.

    Args:
        old: steps that the first config asks for.
        new: steps that the second one does.
    """
    same = old == new
    return judge(
        "same_steps",
        Verdict.PASS if same else Verdict.WARN,
        f"Both are trained for {old:,} steps."
        if same
        else f"Confounded: {old:,} steps against {new:,}; a gain may be that of longer training.",
        measured=new / old,
        expected="1: as many steps for both",
        source="checklist rows 4.0 to 4.12; Shallue et al. 2019",
        prescription="train.epochs: as many steps for both, or read it as a comparison of budgets",
    )


def check_one_change(groups: Sequence[str], keys: Sequence[str]) -> Finding:
    """Of two changes at once nobody can say which one it was.

    Args:
        groups: ideas that are changed, by name.
        keys: that differ.
    """
    one = len(groups) <= 1
    return judge(
        "one_change",
        Verdict.PASS if one else Verdict.WARN,
        f"What differs: {listed(keys)}."
        if one
        else f"Confounded: {len(groups)} things differ ({listed(groups)}): the answer is about "
        "all of them together.",
        measured=len(groups),
        expected="1 change at a time (the learning rate may go with it)",
        source="checklist rows 4.0 to 4.12",
        prescription="compare the configs in between, one change after another",
    )


def check_compared(said: str, gain: float, effect: float, error: float, name: str) -> Finding:
    """The answer, whichever it is.

    Args:
        said: it, in words.
        gain: mean paired difference, positive if the second config is better.
        effect: the same in standard deviations.
        error: with which all looks together say better or worse of two equal configs.
        name: of the second config.
    """
    size = f"; {abs(effect):.2g} standard deviations" if np.isfinite(effect) else ""
    return judge(
        "compared",
        Verdict.PASS,
        f"{name} is {said}{size}.",
        measured=gain,
        expected="better: the whole interval above 0; worse: below; equivalent: all of it within "
        f"what does not matter. Of two equal configs {error:.1%} are called better or worse",
        source="Jennison and Turnbull 1989 (repeated confidence intervals); checklist P14",
    )


def check_seeds(
    verdict: str, made: int, needed: int | None, smallest: float, spread: float
) -> Finding:
    """How many seeds would have found the smallest gain that matters.

    Args:
        verdict: of the comparison.
        made: seeds that were trained.
        needed: for a power of 80 %; None: more than anybody should train.
        smallest: gain that matters.
        spread: standard deviation of the gain from seed to seed.
    """
    noise = f"The gain varies by {spread:.2g} (standard deviation) from seed to seed"
    expected = f"enough seeds to find a gain of {smallest:g} in 80 % of comparisons"
    source = "Cohen 1988 (power); O'Hagan et al. 2005 (the spread is an estimate)"
    count = "more than 200" if needed is None else f"{needed}"
    measured = float("inf") if needed is None else needed
    if verdict != "inconclusive":
        return judge(
            "seeds_needed", Verdict.PASS,
            f"{noise}: settled with {made} seeds; to find {smallest:g}, {count} are needed.",
            measured=measured, expected=expected, source=source,
        )  # fmt: skip
    if needed is not None and needed <= made:
        return judge(
            "seeds_needed", Verdict.PASS,
            f"{noise}: {made} seeds were enough to find {smallest:g} in 80 % of comparisons. The "
            "difference lies near the smallest one that matters.",
            measured=measured, expected=expected, source=source,
        )  # fmt: skip
    more = "" if needed is None else f", {needed - made} more"
    return advise(
        "seeds_needed",
        f"{noise}: to find {smallest:g}, {count} seeds are needed{more}.",
        measured=measured,
        expected=expected,
        source=source,
        prescription="a larger stages.compare.smallest, or more validation examples"
        if needed is None
        else f"stages.compare.seeds: {needed}. To be chosen beforehand: to go on because it was "
        "inconclusive errs more often",
    )


def check_hypothesis(expected: str | None, answer: str, said: str) -> Finding:
    """What was expected beforehand, and what came of it; to be wrong is no fault.

    Args:
        expected: in words; None: nothing was.
        answer: confirmed, refuted or inconclusive.
        said: the comparison, in words.
    """
    return judge(
        "hypothesis",
        Verdict.SKIP if expected is None else Verdict.PASS,
        "Nothing was expected beforehand: hypothesis.direction says what is."
        if expected is None
        else f"Expected was {expected}: {answer} ({said}).",
        measured=None if expected is None else answer,
        expected="confirmed: the whole interval beyond it; refuted: the whole interval short of it",
        source="checklist row 0.4",
    )


def check_noise_floor(spread: float, found: float, seeds: int, metric: str) -> Finding:
    """What chance alone does to a score, known before anything is said to help.

    Args:
        spread: standard deviation of the incumbent's score over seeds.
        found: gain that so many seeds find in 80 % of comparisons.
        seeds: of each config.
        metric: that they are measured in.
    """
    known = np.isfinite(spread)
    return judge(
        "noise_floor",
        Verdict.PASS if known else Verdict.SKIP,
        f"From seed to seed val {metric} varies by {spread:.2g} (standard deviation): less is "
        f"noise, and {seeds} seeds find a gain of {found:.2g} in 80 % of comparisons."
        if known
        else "Seeds diverged: there is no noise floor.",
        measured=spread,
        expected="known before the first rung",
        source="checklist rows 0.4 and P14; Cohen 1988 (power)",
    )
