"""Where the trainings of `regularize` go."""

from __future__ import annotations

from itertools import product

import pytest
from pydantic import ValidationError

from recipe.config.stages import RegularizeStage
from recipe.stages.regularize.budget import Budget


@pytest.mark.parametrize("rungs", [0, 1, 7, 15, 40])
def test_it_is_never_more_than_was_allowed(rungs: int) -> None:
    for seeds, rates, more in product([2, 3, 5, 10], [1, 3, 5], [0, 1, 7, 60, 900]):
        trainings = 6 * seeds + 3 * rates + more
        settings = RegularizeStage(trainings=trainings, seeds=seeds, rates=rates)
        budget = Budget.of(settings, rungs)
        assert budget.most <= trainings
        assert budget.cocktails >= 0
        assert min(rungs, 1) <= budget.compared <= budget.tuned <= budget.looked_at <= rungs


def test_by_default_a_ladder_of_fifteen_rungs_is_looked_at_whole() -> None:
    assert Budget.of(RegularizeStage(), 15) == Budget(15, 8, 4, 7, 89)


def test_it_says_what_all_rungs_would_take() -> None:
    few = RegularizeStage(trainings=50)
    assert Budget.of(few, 15).looked_at < 15
    needed = Budget.needed(few, 15)
    assert Budget.of(RegularizeStage(trainings=needed), 15).looked_at == 15
    assert Budget.of(RegularizeStage(trainings=needed - 1), 15).looked_at < 15


def test_too_little_for_one_rung_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 39 with 5 seeds and 3 rates"):
        RegularizeStage(trainings=38)
