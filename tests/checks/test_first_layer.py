"""First layers that have learnt, and such as have not; units that are asleep."""

from __future__ import annotations

import numpy as np
import pytest

from recipe.checks.first_layer import (
    check_first_layer,
    check_units,
    separation,
    skipped_first_layer,
    smoothness,
)
from recipe.findings import Verdict

RNG = np.random.default_rng(0)
FRESH = [(n / 1000, 0.2 + n / 1000) for n in range(-10, 10)]


def test_smoothness_is_0_of_noise_and_nearly_1_of_a_slope() -> None:
    noise = RNG.normal(size=(20 * 20, 50))
    slope = np.add.outer(np.arange(20.0), np.arange(20.0)).reshape(-1, 1)
    assert abs(smoothness(noise, (20, 20, 1))) < 0.02
    assert smoothness(slope, (20, 20, 1)) > 0.85
    chequered = np.indices((20, 20)).sum(axis=0).reshape(-1, 1) % 2 * 1.0
    assert smoothness(chequered, (20, 20, 1)) == pytest.approx(-1, abs=0.01)
    assert smoothness(np.zeros((400, 3)), (20, 20, 1)) == 0


def test_smoothness_reads_a_convolution_as_the_same_pictures() -> None:
    pictures = RNG.normal(size=(6, 6, 2, 5))
    assert smoothness(pictures, (9, 9, 2)) == smoothness(pictures.reshape(72, 5), (6, 6, 2))


@pytest.mark.parametrize("y", [
    pytest.param(np.repeat([0, 1], 100), id="classes"),
    pytest.param(np.repeat([[-1.0], [1.0]], 100, axis=0), id="a quantity"),
])  # fmt: skip
def test_separation_is_the_share_that_goes_with_the_target(y: np.ndarray) -> None:
    x = RNG.normal(size=(200, 2))
    x[:, 0] = np.repeat([-1.0, 1.0], 100)
    assert separation(np.array([[1.0], [0.0]]), x, y) == pytest.approx(1)
    assert separation(np.array([[0.0], [1.0]]), x, y) < 0.05
    assert separation(np.zeros((2, 1)), x, y) == 0


@pytest.mark.parametrize(
    ("smooth", "told", "verdict", "code"),
    [
        pytest.param(0.3, 0.4, Verdict.PASS, None, id="has learnt"),
        pytest.param(0.0, 0.4, Verdict.WARN, "undertraining", id="weights as at the start"),
        pytest.param(0.3, 0.2, Verdict.WARN, "corrupt_labels", id="pictures without labels"),
        pytest.param(float("nan"), 0.2, Verdict.FAIL, "nan_loss", id="not finite"),
    ],
)
def test_noise_is_told_from_structure(
    smooth: float, told: float, verdict: Verdict, code: str | None
) -> None:
    finding = check_first_layer(smooth, told, FRESH, 0.5)
    assert (finding.verdict, finding.code) == (verdict, code)


def test_what_cannot_be_measured_is_skipped_with_the_reason() -> None:
    finding = skipped_first_layer("Columns have no neighbours.", 0.31)
    assert finding.verdict is Verdict.SKIP
    assert "Columns have no neighbours. It has moved by 0.31" in finding.message


@pytest.mark.parametrize(
    ("dead", "saturated", "verdict", "code"),
    [
        pytest.param({"a": 0.1, "b": 0.2}, {}, Verdict.PASS, None, id="awake"),
        pytest.param({"a": 0.1, "b": 0.6}, {}, Verdict.WARN, "dying_relu", id="dead"),
        pytest.param({}, {"a": 0.5}, Verdict.WARN, "saturated_activation", id="saturated"),
        pytest.param({}, {}, Verdict.SKIP, None, id="an activation without ends"),
    ],
)
def test_units_that_are_asleep(
    dead: dict[str, float], saturated: dict[str, float], verdict: Verdict, code: str | None
) -> None:
    finding = check_units(dead, saturated, 256)
    assert (finding.verdict, finding.code) == (verdict, code)
