"""Checks of the ladder: what was tried, what came of it, what was not. No answer is a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recipe.findings import Finding, Verdict, advise, judge, listed

SOURCE = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 4; checklist 4.0 to 4.12'


def check_rung(name: str, said: str, gain: float, groups: Sequence[str]) -> Finding:
    """A rung that was compared has passed: "it did not help" is an answer.

    Args:
        name: of the rung.
        said: the comparison, in words.
        gain: mean paired difference to the incumbent, positive if the rung is better.
        groups: ideas that it changes; the learning rate counts only alone.
    """
    confounded = f" Confounded: {len(groups)} things change ({listed(groups)})."
    return judge(
        name,
        Verdict.PASS,
        said + (confounded if len(groups) > 1 else ""),
        measured=gain,
        expected="better: the whole interval above 0",
        source=SOURCE,
    )


def check_first_look(looks: Mapping[str, float], rates: int) -> Finding:
    """Who came no further than a look with one seed: nothing is known of them but that.

    Args:
        looks: name of a rung that was dropped -> its gain with that seed; minus infinity: it
            diverged.
        rates: learning rates that the incumbent, and those that came further, were tried with.
    """
    said = [f"{name} {look:+.4f}" for name, look in looks.items()]
    return judge(
        "first_look",
        Verdict.PASS,
        f"Dropped after one seed and at most {rates} learning rates, which is no proof: "
        f"{listed(said, 30)}."
        if looks
        else "Every rung that was tried was compared.",
        measured=len(looks),
        expected="the rest of the trainings for those that look best",
        source="Karnin, Koren and Somekh 2013 (sequential halving)",
    )


def check_does_not_apply(unfit: Mapping[str, str]) -> Finding:
    """What nobody may take for tried, for it makes no sense here.

    Args:
        unfit: name of a rung -> why, in a line.
    """
    reasons = [f"{name} ({why})" for name, why in unfit.items()]
    return judge(
        "does_not_apply",
        Verdict.PASS,
        f"Not tried: {listed(reasons, 30)}." if unfit else "Every rung applies.",
        measured=len(unfit),
        expected="a reason for every rung that is left out",
        source=SOURCE,
    )


def check_not_tried(unpaid: Sequence[str], needed: int) -> Finding:
    """Nor those for which the budget was too small.

    Args:
        unpaid: names of the rungs that no training was left for.
        needed: trainings with which they would have been tried too.
    """
    said = f"No training was left for {listed(unpaid, 30)}."
    rule = "a look at every rung that applies"
    if not unpaid:
        said = "Every rung that applies was looked at."
        return judge("not_tried", Verdict.PASS, said, measured=0, expected=rule, source=SOURCE)
    return advise(
        "not_tried",
        said,
        measured=len(unpaid),
        expected=rule,
        source=SOURCE,
        prescription=f"stages.regularize.trainings: {needed}",
    )


def check_confirmed(name: str, said: str, gain: float, error: float, sides: int) -> Finding:
    """What was put together because its parts had scored well has to win again.

    Args:
        name: of the combination or cocktail.
        said: the comparison, in words.
        gain: mean paired difference to the incumbent, on seeds by which nothing was chosen.
        error: standard error of that gain over the validation examples, which all seeds share.
        sides: of such comparisons, of which not one may err: the intervals are as wide.
    """
    return judge(
        "confirmed",
        Verdict.PASS,
        f"{name}, on fresh seeds: {said}; over validation examples its standard error is "
        f"{error:.2g}.",
        measured=gain,
        expected="better: the whole interval above 0, and more than one standard error over "
        "examples; else the incumbent stays"
        + (f". Intervals hold the truth for all {sides} at once" if sides > 1 else ""),
        source=f"{SOURCE}; P14; Bonferroni; Breiman et al. 1984 (one standard error)",
    )
