"""Checks of the overfit stage beside its floor: a healthy case and sick ones."""

import numpy as np
import pytest

from recipe.checks.third_step import (
    NEEDED,
    check_baselines,
    check_decay,
    check_one_change,
    check_proven,
    check_rate_found,
)
from recipe.findings import Verdict

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
PASSED = dict.fromkeys(NEEDED, PASS)
SCORES = ("val_majority_accuracy", "val_linear_accuracy", "val_net_accuracy", "val_net_loss")


@pytest.mark.parametrize(
    ("findings", "scores", "verdict", "words"),
    [
        pytest.param(
            PASSED, SCORES, PASS, "3 baselines to compare accuracy with, without", id="ok"
        ),
        pytest.param(PASSED | {"human_baseline": PASS}, SCORES, PASS, "and a person's", id="human"),
        pytest.param(PASSED | {"inputs_zeroed": WARN}, SCORES, PASS, "proven", id="with a warning"),
        pytest.param({}, (), WARN, "one_batch_overfit, seed_repeats", id="baseline never ran"),
        pytest.param(PASSED | {"whole_set": FAIL}, SCORES, WARN, "whole_set (failed)", id="forced"),
        pytest.param(PASSED, ("val_net_r2",), WARN, "any score", id="scores of another metric"),
    ],
)
def test_baselines(
    findings: dict[str, Verdict], scores: tuple[str, ...], verdict: Verdict, words: str
) -> None:
    finding = check_baselines(findings, "accuracy", scores)
    assert finding.verdict is verdict
    assert words in finding.message


@pytest.mark.parametrize(
    ("changed", "advice", "words"),
    [
        pytest.param(None, False, "first run", id="the first"),
        pytest.param([], False, "Nothing changed. Validation r2 +0.0200", id="the same again"),
        pytest.param(["model.norm"], False, "model.norm changed since the run before. V", id="one"),
        pytest.param(["model.norm", "train.epochs"], True, "confounded", id="two"),
    ],
)
def test_one_change(changed: list[str] | None, advice: bool, words: str) -> None:
    finding = check_one_change(changed, 0.02, "r2")
    assert finding.verdict is PASS
    assert (finding.severity == "advice") is advice
    assert words in finding.message


@pytest.mark.parametrize(
    ("family", "shape", "advice"),
    [
        pytest.param("mlp", (9,), False, id="a table to an mlp"),
        pytest.param("cnn", (32, 32, 3), False, id="images to a cnn"),
        pytest.param("mlp", (8, 8, 1), False, id="very small images to an mlp"),
        pytest.param("mlp", (32, 32, 3), True, id="images to an mlp"),
        pytest.param("my:hero", (9,), True, id="a body of one's own"),
    ],
)
def test_proven(family: str, shape: tuple[int, ...], advice: bool) -> None:
    finding = check_proven(family, shape)
    assert finding.verdict is PASS
    assert (finding.severity == "advice") is advice


@pytest.mark.parametrize(
    ("found", "is_fitted", "verdict", "code"),
    [
        pytest.param(2e-3, False, PASS, None, id="near"),
        pytest.param(3e-2, False, WARN, "lr_too_low", id="far below, and the floor not reached"),
        pytest.param(3e-6, False, WARN, "lr_too_high", id="far above, and the floor not reached"),
        pytest.param(3e-2, True, PASS, None, id="far, but it fits"),
        pytest.param(None, False, WARN, "no_learning", id="nothing falls"),
        pytest.param(None, True, PASS, None, id="nothing falls in so few steps, but it fits"),
    ],
)
def test_rate_found(
    found: float | None, is_fitted: bool, verdict: Verdict, code: str | None
) -> None:
    finding = check_rate_found(3e-4, found, is_fitted, "adam")
    assert (finding.verdict, finding.code) == (verdict, code)


@pytest.mark.parametrize(
    ("rates", "best", "constant", "verdict"),
    [
        pytest.param(np.full(9, 1e-3), 9, True, PASS, id="constant"),
        pytest.param(np.geomspace(1, 0.1, 9), 9, False, PASS, id="it falls to a tenth"),
        pytest.param(np.geomspace(1, 0.1, 9), 9, True, WARN, id="it must not, in this stage"),
        pytest.param(np.geomspace(1, 1e-6, 9), 9, False, WARN, id="decayed too early"),
        pytest.param(np.geomspace(1, 1e-6, 9), 3, False, PASS, id="after the best epoch"),
    ],
)
def test_decay(rates: np.ndarray, best: int, constant: bool, verdict: Verdict) -> None:
    finding = check_decay(rates, best, constant)
    assert finding.verdict is verdict
    assert finding.code == (None if verdict is PASS else "lr_too_low")
