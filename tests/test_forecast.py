"""The forecast of twice the data: parts of the examples, power laws, and the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recipe.checks.forecast import check_more_data, data_or_regularizer
from recipe.compare.curve import SHARES, errors_of, nested, part_of
from recipe.compare.forecast import Forecast, forecast
from recipe.config import Task
from recipe.findings import Verdict
from tests.training.tiny import dataset

NAN = float("nan")
SIZES = tuple(round(share * 500) for share in (*SHARES, 1))
DATA = dataset(train=100)


def drawn(seed: int, floor: float, exponent: float, noise: float = 0.006) -> list[list[float]]:
    """Errors of trainings on a power law that falls by .1 over the last decade."""
    rng = np.random.default_rng(seed)
    scale = 0.1 / (10**exponent - 1)
    return [
        [floor + scale * (size / 500) ** -exponent + rng.normal(0, noise) for _ in range(seeds)]
        for size, seeds in zip(SIZES, [3] * 5 + [5], strict=True)
    ]


def of(errors: list[list[float]], confidence: float = 0.95) -> Forecast:
    found = forecast(SIZES, errors, confidence)
    assert found is not None
    return found


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """At 80 %, where both ends can be off; truths are trainings, as in the proof."""
    laws = [(floor, exponent) for floor in (0.0, 0.1) for exponent in (0.2, 0.5, 1.0)]
    hits = 0
    for seed in range(20):
        floor, exponent = laws[seed % len(laws)]
        found = of(drawn(seed, floor, exponent), confidence=0.8)
        truth = floor + 0.1 / (10**exponent - 1) * 2**-exponent
        hits += found.low <= truth <= found.high
    assert hits >= 15


def test_it_is_narrow_where_there_is_little_to_gain_and_wider_where_seeds_differ() -> None:
    quiet, noisy = of(drawn(0, 0.1, 0.5, 0.002)), of(drawn(0, 0.1, 0.5, 0.01))
    assert quiet.high - quiet.low < 0.5 * (noisy.high - noisy.low)
    assert quiet.high - quiet.low < 0.03
    assert quiet.low < quiet.twice < quiet.high < 0.2
    assert quiet.gain == pytest.approx(quiet.now - quiet.twice, abs=1e-3)
    assert (np.diff(quiet.band[1]) <= 1e-9).all()


def test_the_same_numbers_give_the_same_forecast() -> None:
    assert of(drawn(1, 0.1, 0.5)).low == of(drawn(1, 0.1, 0.5)).low


def test_errors_never_fall_below_0_and_a_rising_curve_promises_nothing() -> None:
    assert of([[0.0, 0.0]] * 6).low == 0
    rising = of([[0.1 + n / 50, 0.101 + n / 50] for n in range(6)])
    assert rising.gain_low < 0.01
    assert rising.gain < 0.02


@pytest.mark.parametrize(
    "errors",
    [
        pytest.param([[NAN]] * 3 + [[0.1, 0.2]] * 3, id="three sizes left"),
        pytest.param([[0.1]] * 6, id="one seed of each"),
        pytest.param([[0.1, 0.2]] * 5 + [[NAN, NAN]], id="none with all examples"),
    ],
)
def test_too_little_is_no_forecast(errors: list[list[float]]) -> None:
    assert forecast(SIZES, errors, 0.95) is None


def test_a_training_that_diverged_is_left_out() -> None:
    errors = drawn(0, 0.1, 0.5)
    with_nan = [[*each, NAN] for each in errors]
    assert of(with_nan).low == of(errors).low


def test_parts_hold_the_classes_evenly_and_lie_in_each_other() -> None:
    small, large = (part_of(DATA, share, seed=3).train for share in (0.2, 0.6))
    assert len(small) == len(large) == len(DATA.train)
    assert len(set(small.ids)) == 20
    assert set(small.ids) < set(large.ids)
    whole = np.bincount(DATA.train.y) / 100
    unique = np.unique(small.ids, return_index=True)[1]
    assert np.abs(np.bincount(small.y[unique]) / 20 - whole).max() <= 0.05
    # repeated evenly: an epoch has as many steps, and no example counts more than one time more
    assert np.ptp(np.unique(small.ids, return_counts=True)[1]) <= 1
    assert set(part_of(DATA, 0.2, seed=4).train.ids) != set(small.ids)


def test_a_quantity_is_drawn_at_random() -> None:
    data = replace(dataset(Task.REGRESSION), task=Task.REGRESSION)
    assert sorted(nested(data, 0)) == [*range(len(data.train))]


def test_scores_become_errors() -> None:
    assert errors_of("accuracy", [0.75]) == [0.25]
    assert errors_of("loss", [0.75]) == [0.75]


NOTHING = (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("data", "best", "answer"),
    [
        pytest.param((0.03, 0.02, 0.04), (0.005, 0.0, 0.01), "collect data", id="far more"),
        pytest.param((0.005, 0.0, 0.01), (0.03, 0.02, 0.04), "regularize", id="far less"),
        pytest.param((0.02, 0.0, 0.04), (0.01, 0.0, 0.02), "can't say", id="either"),
        pytest.param((0.02, 0.01, 0.03), NOTHING, "collect data", id="nothing helped"),
        pytest.param((0.01, -0.01, 0.03), NOTHING, "can't say", id="nothing helps for sure"),
    ],
)
def test_data_or_a_regularizer(
    data: tuple[float, float, float], best: tuple[float, float, float], answer: str
) -> None:
    assert data_or_regularizer(data, best) == answer
    name = None if best == NOTHING else "dropout"
    finding = check_more_data(data, best, name, "accuracy", 1000)
    assert finding.verdict is Verdict.PASS
    assert finding.message.endswith(f"{answer}.")
    assert (finding.severity == "advice") == (answer == "collect data")
