"""Looking after every seed: how often it is wrong, and how many seeds find what matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy import stats

from recipe.compare import Looks, gain_found, paired, seeds_needed
from recipe.compare.power import power

COMPARISONS, EXAMPLES = 20_000, 357
PLAN = Looks(10, 0.95)
LEVELS = {seeds: PLAN.level(seeds) for seeds in PLAN.seeds}
NOISE = 3 * np.sqrt(0.05 * 0.95 / COMPARISONS)
"""Three standard errors of a share of 5 %."""


def decided(
    gains: np.ndarray, levels: Mapping[int, float], resolution: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Whether any look says better, or worse; many comparisons at once.

    Args:
        gains: (comparisons, seeds).
        levels: seeds at a look -> its level.
        resolution: as in `paired`.
    """
    better = worse = np.zeros(len(gains), bool)
    for seeds, level in levels.items():
        so_far = gains[:, :seeds]
        error = np.maximum(so_far.std(axis=1, ddof=1), resolution) / np.sqrt(seeds)
        half = stats.t.isf(level / 2, seeds - 1) * error
        # who is settled trains no more
        better = better | (so_far.mean(axis=1) > half) & ~worse
        worse = worse | (so_far.mean(axis=1) < -half) & ~better
    return better, worse


def counted(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Differences of accuracies: right answers among the examples, `spread` examples apart."""
    right = np.rint(rng.normal(350.0, spread, (2, COMPARISONS, PLAN.most)))
    return np.subtract(*np.minimum(right, EXAMPLES)) / EXAMPLES


NULLS: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], float]] = {
    "normal": (lambda rng: rng.standard_normal((COMPARISONS, 10)), 0.0),
    "Student's t, 3": (lambda rng: rng.standard_t(3, (COMPARISONS, 10)), 0.0),
    "Cauchy": (lambda rng: rng.standard_cauchy((COMPARISONS, 10)), 0.0),
    "one seed in ten fails": (
        lambda rng: np.subtract(
            *np.where(rng.random((2, COMPARISONS, 10)) < 0.1, -20.0, 0.0)
        ) + rng.standard_normal((COMPARISONS, 10)), 0.0,
    ),
    "accuracy, half an example apart": (lambda rng: counted(rng, 0.5), 1 / EXAMPLES),
    "accuracy, an example apart": (lambda rng: counted(rng, 1.0), 1 / EXAMPLES),
    "accuracy, five apart and at its end": (lambda rng: counted(rng, 5.0), 1 / EXAMPLES),
}  # fmt: skip


@pytest.mark.parametrize("name", NULLS)
def test_of_two_equal_configs_one_is_called_better_as_seldom_as_is_said(name: str) -> None:
    draw, resolution = NULLS[name]
    better, worse = decided(draw(np.random.default_rng(1)), LEVELS, resolution)
    assert (better | worse).mean() <= 0.05 + NOISE
    assert better.mean() <= 0.025 + NOISE
    if name == "normal":
        assert (better | worse).mean() >= 0.05 - NOISE, "more careful than was asked for"


def test_an_interval_of_95_percent_after_each_seed_is_wrong_three_times_as_often() -> None:
    gains = np.random.default_rng(2).standard_normal((COMPARISONS, 10))
    better, worse = decided(gains, dict.fromkeys(PLAN.seeds, 0.05))
    assert (better | worse).mean() == pytest.approx(0.17, abs=0.01)


def test_to_go_on_because_it_was_inconclusive_errs_in_8_percent() -> None:
    """The number that docs/stages.md gives: ten seeds first, then 25."""
    gains = np.random.default_rng(3).standard_normal((COMPARISONS, 25))
    longer = Looks(25, 0.95)
    first, then = (
        np.logical_or(*decided(gains, {seeds: plan.level(seeds) for seeds in plan.seeds}))
        for plan in (PLAN, longer)
    )
    assert (first | then).mean() == pytest.approx(0.084, abs=0.01)


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_the_error_rate_is_the_one_that_was_asked_for(confidence: float) -> None:
    plan = Looks(6, confidence)
    gains = np.random.default_rng(4).standard_normal((COMPARISONS, 6))
    wrong = np.logical_or(*decided(gains, {seeds: plan.level(seeds) for seeds in plan.seeds}))
    assert wrong.mean() == pytest.approx(1 - confidence, abs=2 * NOISE)


def test_the_intervals_of_all_looks_hold_the_true_gain_together() -> None:
    """So it may be stopped for any reason: because it is equivalent, too."""
    gains = np.random.default_rng(5).normal(0.3, 1.0, (COMPARISONS, 10))
    missed = np.logical_or(*decided(gains - 0.3, LEVELS))
    assert missed.mean() <= 0.05 + NOISE
    called = 0
    for each in np.random.default_rng(6).normal(1.0, 1.0, (300, 10)):
        for seeds in PLAN.seeds:
            seen = PLAN.look(list(each[:seeds]), [0.0] * seeds, "r2", smallest=1.0)
            if PLAN.is_over(seen):
                break
        called += seen.verdict == "equivalent"
    assert called / 300 <= 0.025 + 3 * np.sqrt(0.025 / 300), "a gain that matters"


def test_a_look_is_the_interval_of_its_level() -> None:
    new, old = [0.92, 0.91, 0.93, 0.92], [0.90, 0.905, 0.91, 0.89]
    seen = PLAN.look(new, old, "accuracy", 1 / EXAMPLES, smallest=0.01)
    assert seen == paired(new, old, "accuracy", 1 - PLAN.level(4), 1 / EXAMPLES, 0.01)
    assert PLAN.level(3) < PLAN.level(4) < PLAN.level(10) < 0.05


def test_one_look_alone_has_all_of_the_error() -> None:
    assert list(Looks(3, 0.95).seeds) == [3]
    assert Looks(3, 0.95).level(3) == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize(
    ("new", "old", "over"),
    [
        pytest.param([0.5, 0.6, 0.7], [0.6, 0.5, 0.7], False, id="inconclusive"),
        pytest.param([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], True, id="the same numbers"),
        pytest.param([0.9, float("nan"), 0.9], [0.9, 0.9, 0.9], True, id="one has diverged"),
        pytest.param([0.9, float("nan"), 0.9], [float("nan"), 0.9, 0.9], True, id="both have"),
        pytest.param([0.5, 0.6] * 5, [0.6, 0.5] * 5, True, id="no seeds left"),
    ],
)
def test_it_ends_when_more_seeds_would_change_nothing(
    new: list[float], old: list[float], over: bool
) -> None:
    assert PLAN.is_over(PLAN.look(new, old, "r2", smallest=0.01)) is over


# ---- how many seeds -----------------------------------------------------------------------------


def test_the_power_is_that_of_simulated_t_tests() -> None:
    gains = np.random.default_rng(7).normal(0.9, 1.0, (COMPARISONS, 12))
    found = decided(gains, {12: 0.03})[0].mean()
    assert power(12, np.array([0.9]), 0.03) == pytest.approx(found, abs=2 * NOISE)


def test_the_advised_seeds_find_what_matters_in_80_percent_of_comparisons() -> None:
    """A first comparison of three seeds, its advice, and a second one with so many."""
    spreads = np.sqrt(stats.chi2.ppf((np.arange(8) + 0.5) / 8, 2) / 2)
    found = {}
    for name, known in (("as an estimate", 3), ("at its word", 10**6)):
        advised = [seeds_needed(spread, known, 1.8, 0.95) for spread in spreads]
        rng = np.random.default_rng(8)
        shares = []
        for seeds in advised:
            assert seeds is not None
            plan = Looks(seeds, 0.95)
            gains = rng.normal(1.8, 1.0, (1000, seeds))
            shares.append(decided(gains, {n: plan.level(n) for n in plan.seeds})[0].mean())
        found[name] = np.mean(shares)
    assert found["as an estimate"] >= 0.8
    assert found["at its word"] < 0.75


def test_the_gain_that_seeds_can_find_is_found_in_80_percent_of_comparisons() -> None:
    """From scores of the incumbent alone, on five seeds, to t tests of two independent sides."""
    rng = np.random.default_rng(9)
    spreads = rng.standard_normal((COMPARISONS, 5)).std(axis=1, ddof=1)
    told = gain_found(1.0, 5, 0.95) * spreads
    gains = np.subtract(*rng.standard_normal((2, COMPARISONS, 5))) + told[:, np.newaxis]
    assert decided(gains, {5: 0.05})[0].mean() == pytest.approx(0.8, abs=0.01)
    assert gain_found(0.0, 5, 0.95) == 0


def test_more_noise_needs_more_seeds_until_there_are_too_many() -> None:
    needed = [seeds_needed(spread, 10, 0.01, 0.95) for spread in (0.0, 0.004, 0.01)]
    assert needed[0] == 3
    assert None not in needed
    assert needed == sorted(needed, key=int)  # type: ignore[arg-type]
    assert len(set(needed)) == 3
    assert seeds_needed(0.2, 10, 0.01, 0.95) is None
