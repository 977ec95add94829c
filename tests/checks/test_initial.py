"""Checks before the first step: a healthy case and sick ones, with the numbers in the message."""

from typing import Any

import numpy as np
import pytest

from recipe.checks.initial import (
    check_initial_loss,
    check_initial_spread,
    check_input_scale,
    check_labels_fit_head,
    check_prior_bias,
)
from recipe.config import Task
from recipe.findings import Verdict

PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
RNG = np.random.default_rng(0)
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("y", "task", "classes", "verdict", "message"),
    [
        pytest.param([0, 1, 2], Task.MULTICLASS, 3, PASS, "Targets run from 0 to 2.", id="0..K-1"),
        pytest.param([0, 1], Task.MULTICLASS, 3, PASS, "from 0 to 1.", id="a class is missing"),
        pytest.param([1, 2, 3], Task.MULTICLASS, 3, FAIL,
                     "Targets run from 1 to 3, but the head has 3 outputs, numbered from 0.",
                     id="1..K"),
        pytest.param([-1, 1], Task.BINARY, 2, FAIL, "from -1 to 1, but", id="-1 and 1"),
        pytest.param([0, 2], Task.BINARY, 2, FAIL, "from 0 to 2, but", id="0 and 2"),
        pytest.param([[0.5], [-3]], Task.REGRESSION, 0, PASS, "from -3 to 0.5.", id="quantities"),
        pytest.param([[0.5], [NAN]], Task.REGRESSION, 0, FAIL, "1 of 2 targets are missing",
                     id="a missing quantity"),
        pytest.param([[INF], [-INF]], Task.REGRESSION, 0, FAIL, "2 of 2 targets are missing",
                     id="infinite quantities"),
    ],
)  # fmt: skip
def test_labels_fit_head(y: Any, task: Task, classes: int, verdict: Verdict, message: str) -> None:
    finding = check_labels_fit_head(np.array(y), task, classes)
    assert finding.verdict is verdict
    assert message in finding.message
    code = "nan_input" if task is Task.REGRESSION else "label_encoding"
    assert finding.code == (None if verdict is PASS else code)
    assert bool(finding.prescription) == (verdict is FAIL)


TABLE = RNG.normal(size=(500, 3)).astype(np.float32)
IMAGES = RNG.normal(size=(20, 8, 8, 2)).astype(np.float32)


def with_column(value: Any) -> np.ndarray:
    x = TABLE.copy()
    x[:, 1] = value
    return x


@pytest.mark.parametrize(
    ("x", "verdict", "words"),
    [
        pytest.param(TABLE, PASS, "", id="standardized"),
        pytest.param(IMAGES, PASS, "", id="standardized images"),
        pytest.param(RNG.uniform(0, 1, (500, 3)), PASS, "", id="0 to 1"),
        pytest.param(TABLE * [1, 9.9, 0.06], PASS, "", id="just within"),
        pytest.param(TABLE * 255, FAIL, "far too large", id="0 to 255"),
        pytest.param(TABLE + 11, FAIL, "far too large", id="far from 0"),
        pytest.param(TABLE * 0.01, FAIL, "far too small", id="all tiny"),
        pytest.param(TABLE * [1, 1, 1e-4], FAIL, "very uneven in scale", id="one of them tiny"),
        pytest.param(TABLE * 1e30, FAIL, "far too large", id="close to overflow"),
        pytest.param(with_column(0), PASS, "", id="a constant of 0"),
        pytest.param(with_column(np.float32(1e-18)), PASS, "", id="a constant but for rounding"),
        pytest.param(with_column(np.float32(0.1)), PASS, "", id="a constant"),
        pytest.param(np.zeros((9, 2)), FAIL, "far too small", id="nothing but zeros"),
        pytest.param(with_column([NAN] + [0.5] * 499), FAIL, "1 of 1500 values are not finite",
                     id="NaN"),
        pytest.param(with_column([INF, -INF] + [0.5] * 498), FAIL,
                     "2 of 1500 values are not finite", id="infinity"),
    ],
)  # fmt: skip
def test_input_scale(x: np.ndarray, verdict: Verdict, words: str) -> None:
    finding = check_input_scale(x.astype(np.float32))
    assert finding.verdict is verdict
    assert words in finding.message
    if "finite" in words:
        assert finding.code == "nan_input"
    else:
        assert finding.code == (None if verdict is PASS else "unscaled_input")
        assert f"{x.astype(np.float32).max():.3g}" in finding.message


@pytest.mark.parametrize(
    ("loss", "expected", "verdict"),
    [
        pytest.param(2.3026, 2.3026, PASS, id="exact"),
        pytest.param(2.32, 2.3026, PASS, id="within 1 %"),
        pytest.param(2.33, 2.3026, FAIL, id="off by more than 1 %"),
        pytest.param(2.27, 2.3026, FAIL, id="below: a leak or another loss"),
        pytest.param(0.0, 2.3026, FAIL, id="nothing"),
        pytest.param(NAN, 2.3026, FAIL, id="NaN"),
        pytest.param(INF, 2.3026, FAIL, id="infinite"),
        pytest.param(0.5, NAN, FAIL, id="targets of NaN"),
    ],
)
def test_initial_loss(loss: float, expected: float, verdict: Verdict) -> None:
    finding = check_initial_loss(loss, expected)
    assert finding.verdict is verdict
    assert f"loss {loss:.4f}" in finding.message
    assert f"say {expected:.4f}" in finding.message
    assert finding.code == (None if verdict is PASS else "high_initial_loss")


def test_the_tolerance_of_the_initial_loss() -> None:
    assert check_initial_loss(1.04, 1.0, tolerance=0.05).verdict is PASS
    assert check_initial_loss(1.06, 1.0, tolerance=0.05).verdict is FAIL


@pytest.mark.parametrize("loss", [0.0, 0.3, NAN])
def test_targets_that_never_change_leave_nothing_to_learn(loss: float) -> None:
    finding = check_initial_loss(loss, expected=0.0)
    assert finding.verdict is FAIL
    assert "targets never change" in finding.message


@pytest.mark.parametrize(
    ("loss", "variance", "verdict"),
    [
        pytest.param(2.303, 0.001, PASS, id="a small head"),
        pytest.param(2.303 + 0.45, 1.0, PASS, id="explained by its logits"),
        pytest.param(2.303 + 0.45, 0.01, WARN, id="not explained by its logits"),
        pytest.param(2.0, 0.01, WARN, id="too low"),
        pytest.param(3.9, 4.1, FAIL, id="wild logits"),
        pytest.param(4.7, 3.9, FAIL, id="twice the prior's loss"),
        pytest.param(131 * 2.303, 1e5, FAIL, id="weights from N(0, 1)"),
        pytest.param(NAN, NAN, FAIL, id="NaN"),
        pytest.param(INF, INF, FAIL, id="infinite"),
    ],
)
def test_initial_spread(loss: float, variance: float, verdict: Verdict) -> None:
    finding = check_initial_spread(loss, prior=2.303, variance=variance, spread=0.9)
    assert finding.verdict is verdict
    assert f"the loss is {loss:.4f}" in finding.message
    assert f"variance {variance:.3g}" in finding.message
    assert "the prior alone 2.3030" in finding.message
    assert finding.code == ("bad_init" if verdict is FAIL else None)


@pytest.mark.parametrize(
    ("predicted", "prior", "unit", "scatter", "verdict", "off"),
    [
        pytest.param([0.3, 0.7], [0.3, 0.7], 0.7, 0.0, PASS, 0, id="the shares"),
        pytest.param([0.33, 0.67], [0.3, 0.7], 0.7, 0.0, PASS, 0.03, id="within 5 %"),
        pytest.param([0.35, 0.65], [0.3, 0.7], 0.7, 0.0, WARN, 0.05, id="beyond"),
        pytest.param([0.35, 0.65], [0.3, 0.7], 0.7, 0.05, PASS, 0.05, id="within the nets' noise"),
        pytest.param([0.5, 0.5], [0.01, 0.99], 0.99, 0.0, WARN, 0.49, id="no bias, a rare class"),
        pytest.param([0.04], [0.0], 1.0, 0.0, PASS, 0.04, id="a scaled target"),
        pytest.param([0.2], [0.0], 1.0, 0.0, WARN, 0.2, id="a scaled target, off"),
        pytest.param([NAN], [0.0], 1.0, 0.0, WARN, NAN, id="NaN"),
        pytest.param([INF], [0.0], 1.0, 0.0, WARN, INF, id="infinite"),
    ],
)
def test_prior_bias(
    predicted: list[float],
    prior: list[float],
    unit: float,
    scatter: float,
    verdict: Verdict,
    off: float,
) -> None:
    said, known = np.array(predicted), np.array(prior)
    finding = check_prior_bias(said, known, unit, scatter, "zeros")
    assert finding.verdict is verdict
    assert f"off the prior by {off:.3g}" in finding.message
    assert finding.prescription == ("model.head_bias: zeros -> auto" if verdict is WARN else None)
    assert check_prior_bias(said, known, unit, scatter, "auto").prescription is None


def test_the_unit_scales_what_is_allowed() -> None:
    """A quarter of 5 % for a largest share of a quarter; 1 % at least."""
    shares = np.full(4, 0.25)
    assert check_prior_bias(shares + 0.012, shares, 0.25, 0.0, "auto").verdict is PASS
    assert check_prior_bias(shares + 0.02, shares, 0.25, 0.0, "auto").verdict is WARN
    assert check_prior_bias(shares + 0.009, shares, 0.01, 0.0, "auto").verdict is PASS
