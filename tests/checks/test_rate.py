"""Checks of a learning rate: a healthy case and sick ones."""

import pytest

from recipe.checks.rate import (
    check_config_rate,
    check_first_steps,
    check_range,
    check_rate_learns,
    check_suggestion,
)
from recipe.findings import Verdict

PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
NAN, INF = float("nan"), float("inf")
ALL_NAN = (NAN, NAN, NAN)
BETTER, WORSE, UNCLEAR = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.1, -0.1, 0.3)
OTHER_BROKE, BROKE = (INF, INF, INF), (-INF, -INF, -INF)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        pytest.param([400, 287], PASS, id="all came far"),
        pytest.param([41, 400], PASS, id="just so"),
        pytest.param([400, 0], FAIL, id="one seed's first loss is not finite"),
        pytest.param([40, 40], FAIL, id="it explodes at the lowest rate"),
    ],
)
def test_first_steps(steps, verdict):
    finding = check_first_steps(steps, least=40, low=1e-7)
    assert finding.verdict is verdict
    assert finding.code == ("nan_loss" if verdict is FAIL else None)


@pytest.mark.parametrize(
    ("suggestion", "fall", "is_at_end", "verdict", "words"),
    [
        pytest.param((0.004, 0.003, 0.006), (0.9, 0.8, 1.0), False, PASS, "0.0041 [0.003,",
                     id="a valley"),
        pytest.param((0.004, 0.003, 0.006), (0.9, 0.8, 1.0), True, WARN, "still falls at 10",
                     id="no end in sight"),
        pytest.param((0.004, 0.001, 0.02), (0.9, 0.8, 1.0), False, WARN, "disagree",
                     id="each seed another valley"),
        pytest.param((0.004, 0.003, 0.006), (0.01, -0.1, 0.1), False, WARN, "not beyond noise",
                     id="flat"),
    ],
)  # fmt: skip
def test_range(suggestion, fall, is_at_end, verdict, words):
    finding = check_range(suggestion, fall, is_at_end, high=10)
    assert finding.verdict is verdict
    assert words.replace("0.0041", "0.004") in finding.message
    assert (finding.prescription is None) is (verdict is PASS)


@pytest.mark.parametrize(
    ("gain", "verdict", "code", "words"),
    [
        pytest.param((0.97, 0.96, 0.98), PASS, None, "97.0% [96.0%, 98.0%]", id="learns"),
        pytest.param((0.3, -0.1, 0.7), WARN, None, "inconclusive", id="seeds disagree"),
        pytest.param((0.01, 0.005, 0.015), FAIL, "no_learning", "none of the rates",
                     id="a hair better than the prior"),
        pytest.param((-0.1, -0.2, 0.0), FAIL, "no_learning", "none of the rates",
                     id="permuted labels"),
        pytest.param(ALL_NAN, FAIL, "no_learning", "diverged", id="every rate diverges"),
    ],
)  # fmt: skip
def test_rate_learns(gain, verdict, code, words):
    finding = check_rate_learns(0.004, gain)
    assert finding.verdict is verdict
    assert finding.code == code
    assert words in finding.message


@pytest.mark.parametrize(
    ("others", "found", "verdict", "words"),
    [
        pytest.param({0.01: WORSE, 0.1: UNCLEAR}, 0.03, PASS, "0.03 holds", id="none is better"),
        pytest.param({0.01: BETTER, 0.1: WORSE}, 0.01, WARN, "0.01 is better than 0.03",
                     id="a third is better"),
        pytest.param({0.01: OTHER_BROKE, 0.1: ALL_NAN}, 0.01, WARN, "(better)",
                     id="the suggestion diverges"),
        pytest.param({0.01: WORSE, 0.1: BROKE}, 0.03, PASS, "0.1: diverged (worse)",
                     id="three times as much diverges"),
        pytest.param({0.1: ALL_NAN}, 0.03, PASS, "both diverged", id="both diverge"),
    ],
)  # fmt: skip
def test_suggestion(others, found, verdict, words):
    finding = check_suggestion(0.03, others, found)
    assert finding.verdict is verdict
    assert words in finding.message
    prescribed = f"go by {found:g}, not by the range test's 0.03"
    assert finding.prescription == (None if verdict is PASS else prescribed)


@pytest.mark.parametrize(
    ("current", "found", "gain", "diverged", "verdict", "code"),
    [
        pytest.param(1e-3, 1e-3, (0, 0, 0), 0, PASS, None, id="the best of those tried"),
        pytest.param(1e-3, 4e-3, BETTER, 0, PASS, None, id="4 times apart"),
        pytest.param(1e-4, 4e-3, BETTER, 0, WARN, "lr_too_low", id="40 times too low"),
        pytest.param(1e-1, 4e-3, BETTER, 0, WARN, "lr_too_high", id="25 times too high"),
        pytest.param(1e-4, 4e-3, UNCLEAR, 0, WARN, None, id="40 times apart, no proof"),
        pytest.param(1e-1, 4e-2, OTHER_BROKE, 2, FAIL, "lr_too_high", id="the config's diverges"),
    ],
)
def test_config_rate(current, found, gain, diverged, verdict, code):
    finding = check_config_rate(current, found, gain, diverged)
    assert finding.verdict is verdict
    assert finding.code == code
    prescribed = f"train.learning_rate: {current:g} -> {found:g}" if code else None
    assert finding.prescription == prescribed


def test_without_proof_the_message_says_so():
    assert "inconclusive" in check_config_rate(1e-4, 4e-3, UNCLEAR, 0).message
